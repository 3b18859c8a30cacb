#!/bin/sh
# A relay that has been taken over holds TCP sockets of the host's network: they lead nowhere but to their clients.
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
outer
need python3
hostile=$RK_TEST_STAGE/rk/tests/security/relay-hostile.py
mkdir "$T/u"
chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
cat > "$T/secret.py" <<'P'
import socket
s = socket.create_server(("127.0.0.1", 7777))
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"secret")
    c.close()
P
cat > "$T/echo.py" <<'P'
import socket, threading
def echo(c):
    while d := c.recv(99): c.sendall(d)
s = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True: threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
P
cat > "$T/hold.py" <<'P'
import socket, sys
c = socket.create_connection(("127.0.0.1", 8081), 20)
for line in sys.stdin:
    c.sendall(line.encode())
    print("got", c.recv(99).decode().strip(), flush=True)
P
chmod 644 "$T/echo.py"
spawn python3 "$T/secret.py"
wait_until grep -q ready "$T/spawn.$pid.out"
as_user rk-state "$D" rk-userns rk-idmap rk-net -d none python3 "$T/echo.py" > "$T/chain" 2>&1 &
tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/chain"
as_user sh -c 'exec 9>"$1"; exec rk-portd -d 9 "$0"' "$D" "$T/u/ready" 2> "$T/portd.err" &
portd=$!
tap_pids="$tap_pids $portd"
wait_until test -s "$T/u/ready"
relays() {
  for stat in /proc/[0-9]*/stat; do
    awk -v portd="$portd" '$4 == portd && $3 != "Z" { print $1 }' "$stat" 2>/dev/null
  done
}
n=0
for where in 127.0.0.1 192.0.2.1 0.0.0.0 '[::1]' '[2001:db8::1]' '[::]'; do
  n=$((n + 1)) port=$((8080 + n)) at=$where
  run as_user rk-port add "$D" "$where:$port:127.0.0.1:80/tcp"
  is "$rc" 0 "published on $where"
  [ "$where" != 0.0.0.0 ] || at=127.0.0.1
  at=${at#[}
  at=${at%]}
  out=$(timeout 60 python3 "$hostile" "$(relays)" "$at" "$port" 7777 2>&1)
  is "$out" "$(printf '%s\n' 'accepted-connect EINVAL' 'accepted-bind EINVAL' 'listener-connect EINVAL')" \
    "$where: neither connected nor bound"
  kill -KILL "$(relays)" # this listener does not listen any more: with another relay it does
  wait_until python3 -c 'import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 9)
c.sendall(b"x")
c.recv(1) or sys.exit(1)' "$at" "$port"
done

# A destination of IPv6 needs a relay with a wider filter: the one that is there finishes its connections.
first=$(relays)
mkfifo "$T/lines"
python3 "$T/hold.py" < "$T/lines" > "$T/hold" 2>&1 &
tap_pids="$tap_pids $!"
exec 8> "$T/lines"
echo one >&8
ok "a connection" wait_until grep -q 'got one' "$T/hold"
run as_user rk-port add "$D" '[::1]:8090:[::1]:80/tcp'
is "$rc" 0 "a port that leads to ::1: another relay"
is "$(relays | grep -c .)" 2 "... beside the first"
echo two >&8
ok "... whose connection goes on" wait_until grep -q 'got two' "$T/hold"
for spec in 127.0.0.1,8081 ::1,8090; do
  out=$(python3 -c 'import socket, sys
a, p = sys.argv[1].split(",")
c = socket.create_connection((a, int(p)), 20)
c.sendall(b"x")
print(c.recv(1))' "$spec" 2>&1)
  is "$out" "b'x'" "... and $spec is served"
done
exec 8>&-
ok "with its last connection the first one has ended" wait_gone "$first"
is "$(relays | grep -c .)" 1 "one is left"
done_testing
