#!/bin/sh
# A refusing backend resets the client at once; with refuse=backend the port itself refuses until the backend listens
# again.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip nsenter
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside python3 "$tools/clients.py" echo 7000
portd "tcp,$host,$port,127.0.0.1,7001" "tcp,$host,$((port + 1)),127.0.0.1,7001,refuse" \
  "tcp,$host,$((port + 2)),127.0.0.1,7000,refuse"
ask() { python3 -c '
import socket, errno, sys
try: s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); s.sendall(b"x"); print(s.recv(1).decode() or "EOF")
except OSError as e: print(errno.errorcode[e.errno])' "$host" "$1"; }
is "$(ask "$port")" ECONNRESET "nobody listens inside: the client is reset"
is "$(ask $((port + 1)))" ECONNREFUSED "refuse=backend: it is refused"
is "$(ask $((port + 2)))" x "refuse=backend with a backend"
tell stats end
like "$answer" "id=2 .*state=2" "the counters say that it refuses"
nsenter -t "$ns" -U -n --preserve-credentials python3 "$tools/clients.py" echo 7001 > "$T/second" 2>&1 &
second=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/second"
answers() { [ "$(ask $((port + 1)))" = x ]; }
ok "the backend comes: it is served" wait_until answers
is "$(ask "$port")" x "... and so is the other"
kill -KILL "$second"; wait "$second" 2>/dev/null
refused() { [ "$(ask $((port + 1)))" = ECONNREFUSED ]; }
ok "the backend goes: it is refused again" wait_until refused
echo quit >&9
done_testing
