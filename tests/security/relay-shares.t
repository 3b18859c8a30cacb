#!/bin/sh
# UDP sessions, however many, leave half of the file descriptors to TCP; and those of one sender
# leave the others served.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
flood=$RK_TEST_STAGE/rk/tests/security/udp-flood.py
inside sh -c 'setpriv --pdeathsig KILL python3 "$1" serve 7000 > /dev/null &
  exec python3 "$0" echo 7000' "$tools/clients.py" "$tools/datagrams.py"
limit=128
portd "tcp,$host,$port,127.0.0.1,7000" "udp,$host,$port,127.0.0.1,7000" "udp,$host,$((port + 1)),127.0.0.1,7000"
now() { # ID: its sessions or connections; only what has changed is told again
  tell stats end
  printf '%s\n' "$answer" >> "$T/stats"
  now=$(sed -n "s/^.*id=$1 now=\([0-9]*\) .*/\1/p" "$T/stats" | tail -n 1)
}
# another client, which stays
cat > "$T/other.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.9", 0))
s.settimeout(20)
s.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    s.send(line.encode())
    print("got", s.recv(99).decode().strip(), s.getsockname()[1], flush=True)
P
mkfifo "$T/lines"
python3 "$T/other.py" "$host" $((port + 1)) < "$T/lines" > "$T/other" 2>&1 &
tap_pids="$tap_pids $!"
exec 8> "$T/lines"
echo one >&8
ok "another client of UDP" wait_until grep -q 'got one' "$T/other"
is "$(timeout 60 python3 "$flood" "$host" "$port" 320 127.0.0.1)" flooded "one sender, 320 sessions"
now 2
ok "... holds a quarter of 128 file descriptors at most" test "${now:-999}" -le 32
ok "... and more than a few" test "${now:-0}" -ge 16
now 3
is "$now" 1 "the other one keeps its session"
echo two >&8
ok "... and is answered" wait_until grep -q 'got two' "$T/other"
for i in 1 2 3 4 5 6 7 8; do timeout 60 python3 "$flood" "$host" "$port" 32 "127.0.1.$i" > /dev/null; done
now 2
ok "eight senders: half of them at most" test "${now:-999}" -le 64
out=$(timeout 60 python3 "$tools/clients.py" waves "$host" "$port" 30)
like "$out" "answered=30 first=[0-9]+ resets=0" "30 connections at once are served"
unlike "$(cat "$T/portd.err")" "accepting is paused" "... none has to wait"
now 2
# a relay that is slow (sanitizers) serves them one after another, and has no need to end sessions
ok "... and UDP holds no more than before" test "${now:-999}" -le 64
exec 8>&-
echo quit >&9
done_testing
