#!/bin/sh
# wait=: while nothing listens inside, clients wait in the queue of the port, as long as it says
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip nsenter
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside sh -c 'echo ready; exec sleep 600'
portd "tcp,$host,$port,127.0.0.1,7001,wait=forever" "tcp,$host,$((port + 1)),127.0.0.1,7001,wait=1" \
  "tcp,$host,$((port + 2)),127.0.0.1,7001,wait=0" "udp,$host,$((port + 3)),127.0.0.1,7001,wait=forever" \
  "tcp,$host,$((port + 4)),127.0.0.1,7001"
ask() { # PORT [udp]: one byte there and back, or the error
  python3 -c '
import socket, errno, sys
kind = socket.SOCK_DGRAM if sys.argv[3:] else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET, kind); s.settimeout(100)
try: s.connect((sys.argv[1], int(sys.argv[2]))); s.sendall(b"x"); print(s.recv(1).decode() or "EOF")
except OSError as e: print(errno.errorcode[e.errno])' "$host" "$@"
}
asked() { # FILE PORT [udp]: in the background: $pid
  f=$1; shift
  ask "$@" > "$f" &
  pid=$! tap_pids="$tap_pids $!"
}
serve() { # an echo on 7001 of both kinds
  nsenter -t "$ns" -U -n --preserve-credentials python3 -c '
import select, socket
t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind(("127.0.0.1", 7001)); t.listen(50)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7001))
print("ready", flush=True)
while True:
    for s in select.select([t, u], [], [])[0]:
        if s is u: u.sendto(*u.recvfrom(9))
        else:
            c = t.accept()[0]; c.send(c.recv(1)); c.close()' > "$T/server" 2>&1 &
  server=$! tap_pids="$tap_pids $!"
  wait_until grep -q ready "$T/server"
}
waiting() { # ID: its clients do. A counter is told once, so all that was told is kept
  for _ in $(seq 1000); do # tell itself waits
    tell stats end
    printf '%s' "$answer" | tr ';' '\n' >> "$T/told"
    ! grep -q "id=$1 .*state=4" "$T/told" || return 0
  done
  return 1
}
is "$(ask $((port + 4)))" ECONNRESET "without wait=, a client that finds nobody is reset"
is "$(ask $((port + 2)))" ECONNRESET "... and with wait=0"
asked "$T/forever" "$port"; first=$pid
asked "$T/second" "$port"; second=$pid
asked "$T/udp" $((port + 3)) udp; udp=$pid
ok "the counters say that clients wait" waiting 1
ok "... of udp, too" waiting 4
is "$(ask $((port + 1)))" ECONNRESET "wait=1: it was in vain"
ok "those of wait=forever wait" test ! -s "$T/forever" -a ! -s "$T/udp"
serve
wait "$first" "$second" "$udp"
is "$(cat "$T/forever" "$T/second")" "x
x" "the server comes: all are served"
is "$(cat "$T/udp")" x "... and the datagram that waited is answered"
is "$(ask "$port")" x "a client that finds it is served at once"
tell stats end
like "$answer" "id=1 .*total=3 .*refused=0.*state=0" "none was refused, and none waits"
end "$server"
asked "$T/again" "$port"; first=$pid
asked "$T/once" $((port + 1)); second=$pid
: > "$T/told"
ok "the server goes: clients wait again, at any time" waiting 1
serve
wait "$first"; is "$(cat "$T/again")" x "... until it is back"
wait "$second"
like "$(cat "$T/once")" "^(x|ECONNRESET)$" "... or the second is over, on a slow machine"
end "$server"
asked "$T/leaves" "$port"; first=$pid
: > "$T/told"
waiting 1
tell "del 1" deleted
wait "$first"; like "$(cat "$T/leaves")" "^ECONN" "a port that is withdrawn keeps nobody"
echo quit >&9
done_testing
