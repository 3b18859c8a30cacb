#!/bin/sh
# A UDP session lives as long as it is used and ends after its idle time; the relay itself sleeps when nothing happens.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside python3 "$tools/whoami.py" serve udp,0.0.0.0,81
portd "udp,$host,$port,127.0.0.1,81,idle=6"
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$relaypid/status"; }
a=$(switches)
out=$(python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20); s.connect((sys.argv[1], int(sys.argv[2])))
def seen(): s.send(b"x"); return s.recv(99)
time.sleep(8)  # longer than the idle time, with no clock running
print("asleep", open("/proc/%s/status" % sys.argv[3]).read().split("ctxt_switches:")[1].split()[0])
first = seen(); time.sleep(3.5); print("kept" if seen() == first else "lost"); time.sleep(3); print("kept" if seen() == first else "lost")' "$host" "$port" "$relaypid")
is "$(echo "$out" | sed 1d | tr '\n' ' ')" "kept kept " \
  "a session that is used lives on, also the first after a long silence"
b=$(echo "$out" | sed -n 's/^asleep //p')
ok "without work the relay does not wake" [ "$((b - a))" -le 1 ]
gone() { tell stats end; case $answer in *now=0*) return 0 ;; esac; return 1; }
tell stats end
ok "an idle session ends" wait_until gone
echo quit >&9
done_testing
