#!/bin/sh
# Signals that a service manager, a batch system or a terminal sends to every process at once: the program ends as it
# likes, with its network, its ports and its clients; then all is cleared
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 pgrep slirp4netns
# A server that ends at SIGTERM, INT or HUP when it has answered its client, which it does when $T/go is there; it tells
# whether its network is still up by then.
cat > "$T/server" <<'E2'
import os, signal, socket, sys, time
told = []
for s in signal.SIGTERM, signal.SIGINT, signal.SIGHUP: signal.signal(s, lambda n, _: told.append(n))
l = socket.create_server(("127.0.0.1", 80))
c = l.accept()[0]
c.recv(9)
open(sys.argv[1] + "/asked", "w").close()
while not told or not os.path.exists(sys.argv[1] + "/go"): time.sleep(0.02)
c.sendall(b"answer")
c.close()
sys.exit(7)
E2
cat > "$T/client" <<'E2'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.sendall(b"hello")
print(s.recv(99).decode())
E2
tree() { # PID: all below it, and what belongs to its chain
  for child in $(pgrep -P "$1"); do echo "$child"; tree "$child"; done
}
all_gone() { for o in "$@"; do wait_gone "$o" || return 1; done; }
rm -f "$T/asked" "$T/go"; p=$(free_port) D=$T/st
portd_start "$D"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
spawn rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns python3 "$T/server" "$T"; chain=$pid
wait_until status_is "$D" web chain attached
python3 "$T/client" "$p" > "$T/answer" & client=$!; tap_pids="$tap_pids $client"
wait_until test -e "$T/asked"
outside=$(pgrep -f "^rk-outside $D\$")
others="$outside $(tree "$outside") $(pgrep -P "$portd")"
for sig in HUP INT TERM; do
  # shellcheck disable=SC2086 # pids
  kill -$sig $others
done
kill -TERM "$chain"
# shellcheck disable=SC2086
ok "rk-outside, driver and relay live on" kill -0 $others
touch "$T/go"
wait "$client"
is "$(cat "$T/answer")" answer "the client has its answer"
wait "$chain"
is $? 7 "the program's status is its own"
# shellcheck disable=SC2086
ok "the driver, the relay and rk-outside leave with it" wait_until all_gone $others
ok "its facts are cleared" wait_until test ! -e "$D/child_pid"
end "$portd"

rm -f "$T/asked" "$T/go"; p=$(free_port)
spawn rootlesskit --state-dir="$T/rk" --net=slirp4netns --disable-host-loopback --copy-up=/etc --port-driver=builtin \
  -p "127.0.0.1:$p:80/tcp" python3 "$T/server" "$T"; rk=$pid
wait_until test -s "$T/rk/child_pid"
wait_until status_is "$T/rk" 1 chain attached
python3 "$T/client" "$p" > "$T/answer" & client=$!; tap_pids="$tap_pids $client"
wait_until test -e "$T/asked"
outside=$(pgrep -f "^rk-outside $T/rk\$")
# shellcheck disable=SC2046
kill -TERM "$rk" $(tree "$rk") "$outside" $(tree "$outside")
touch "$T/go"
wait "$client"
is "$(cat "$T/answer")" answer "rootlesskit: the client has its answer"
wait "$rk"
is $? 7 "and the status is the command's"
ok "the state directory is gone" wait_until test ! -e "$T/rk"
unlike "$(cat "$T/spawn.$rk.err")" 'rk-portd died|rk-relay ended|network driver' "nothing of it had to be started again"
done_testing
