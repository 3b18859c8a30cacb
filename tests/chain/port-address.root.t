#!/bin/sh
# Ports on addresses that the host has and the chain has not: they lead inside, or are in error; never through the
# network driver to the host's own server of that address
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 slirp4netns
mkdir -m 700 "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
ip addr add 192.0.2.9/24 dev o0
cat > "$T/serve.py" <<'E2'
import socket, sys, threading
def serve(l):
    while True:
        c = l.accept()[0]
        c.sendall(sys.argv[1].encode())
        c.close()
for at in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    l = socket.create_server((at, 84), family=family)
    threading.Thread(target=serve, args=(l,)).start()
print("ready", flush=True)
E2
cat > "$T/ask.py" <<'E2'
import socket, sys
try: print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 60).recv(99).decode() or "nothing")
except ConnectionError: print("refused")
E2
chmod 0644 "$T"/*.py; chmod 0711 "$T"
spawn python3 "$T/serve.py" outside 192.0.2.9 2001:db8::1; outside=$pid
wait_until grep -q ready "$T/spawn.$outside.out"
as_user rk-portd -d 7 "$D" 7> "$T/ready" 2> "$T/portd.err" & portd=$!; tap_pids="$tap_pids $portd"
wait_until test -s "$T/ready"
add() { as_user rk-port add -n "$1" "$D" "$2" > /dev/null; }
add four 192.0.2.9:8084:84/tcp
add six '[2001:db8::1]:8084:84/tcp'
add named 192.0.2.9:8085:192.0.2.9:84/tcp
add gateway 192.0.2.9:8086:10.0.2.2:84/tcp
for v6 in '' -6; do
  # shellcheck disable=SC2086 # an option or none
  spawn as_user rk-state "$D" rk-userns rk-idmap rk-net -d slirp4netns $v6 python3 "$T/serve.py" inside 127.0.0.1 ::1
  chain=$pid
  wait_until grep -q ready "$T/spawn.$chain.out"
  ok "IPv6 inside: ${v6:-no}: served" wait_until status_is "$D" four chain attached
  wait_until status_is "$D" six chain attached
  is "$(peer python3 "$T/ask.py" 192.0.2.9 8084) $(status "$D" four target)" "inside 127.0.0.1:84" \
    "an address of the host leads to the chain's loopback"
  is "$(peer python3 "$T/ask.py" 2001:db8::1 8084) $(status "$D" six target)" "inside [::1]:84" "one of IPv6 as well"
  for p in named gateway; do
    ok "$p: an address behind the driver is no destination" wait_until status_is "$D" $p state error
    like "$(status "$D" $p error)" "^rk-relay: the destination is no address of the chain: " "and that is said"
  done
  is "$(peer python3 "$T/ask.py" 192.0.2.9 8085)" refused "its clients are refused"
  end "$chain"
  wait_until test ! -e "$D/child_pid"
done
done_testing
