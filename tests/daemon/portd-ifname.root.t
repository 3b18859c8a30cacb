#!/bin/sh
# ifname=: a port on one interface of the host, which may come, go, change its address and its name; and ports/.default
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 ip
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
cat > "$T/u/server" <<'E2'
import socket, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 80))
def echo():
    while True: u.sendto(b"hello\n", u.recvfrom(99)[1])
threading.Thread(target=echo, daemon=True).start()
s = socket.create_server(("127.0.0.1", 80), backlog=50)
while True:
    c, _ = s.accept(); c.sendall(b"hello\n"); c.close()
E2
cat > "$T/u/ask" <<'E2'
import socket, sys
how, ip, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in ip else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
s.settimeout(15)
try:
    s.connect((ip, int(port)))
    if how == "udp": s.send(b"x")
    print(s.recv(99).decode().strip() or "closed")
except (ConnectionRefusedError, ConnectionResetError): print("refused")
except OSError as e: print(e)
E2
put() { # NAME LINE...
  f=$1
  shift
  as_user sh -c 'f=$1; shift; printf "%s\n" "$@" > "$f.new"; mv "$f.new" "$f"' - "$D/ports/.$f" "$@"
  mv "$D/ports/.$f" "$D/ports/$f"
}
from() { # NETWORK HOW ADDRESS PORT
  if [ "$1" = peer ]; then peer python3 "$T/u/ask" "$2" "$3" "$4"; else python3 "$T/u/ask" "$2" "$3" "$4"; fi
}
state() { status_is "$D" "$1" state "$2"; }
as_user sh -c 'exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$T/u/ready" 2> "$T/u/err" &
portd=$! tap_pids="$tap_pids $portd"
wait_until test -s "$T/u/ready"
as_user rk-state "$D" rk-userns rk-idmap rk-net -n none python3 "$T/u/server" > "$T/u/chain" 2>&1 &
chain=$! tap_pids="$tap_pids $chain"

put outer 8080:80 ifname=o0
put udp 8080:80/udp ifname=o0
put later 8081:80 ifname=d0
as_user rk-port wait -c "$D" outer udp
is "$(status "$D" outer ifname)" o0 "the status names it"
is "$(from peer tcp 192.0.2.1 8080)" hello "a client that comes by this interface"
is "$(from peer tcp 2001:db8::1 8080)" hello "by IPv6"
is "$(from peer udp 192.0.2.1 8080)" hello "by UDP"
is "$(from here tcp 127.0.0.1 8080)" refused "no other"
ip -4 addr flush dev o0
ip addr add 192.0.2.77/24 dev o0
is "$(from peer tcp 192.0.2.77 8080)" hello "another address of the interface: it follows"
ip addr add 192.0.2.1/24 dev o0
is "$(status "$D" later state) $(status "$D" later reason)" "waiting there is no interface d0" \
  "an interface that is not there"
for round in first second; do
  ip link add d0 type veth peer name d1
  ip addr add 198.51.100.1/24 dev d0
  ip link set d0 up
  ok "$round time: it comes, and the port listens" wait_until state later listening
  ip link del d0
  ok "$round time: it goes" wait_until state later waiting
done
ip link add dx type veth peer name d1
ip link set dx name d0
ok "it gets its name" wait_until state later listening
ip link set d0 name d9
ok "and loses it" wait_until state later waiting
ip link del d9
run as_user rk-port add -o ifname=o0 "$D" 127.0.0.1:9000:80
is "$rc $err" "100 rk-port: fatal: ifname= and a host address exclude each other" "not with an address"
for bad in "" a/b "a b" 0123456789abcdef ..; do
  run as_user rk-port add -o "ifname=$bad" "$D" 9000:80
  like "$rc $err" "^100 .*ifname must be the name of an interface" "bad name: $bad"
done

put open 8090:80
as_user rk-port wait -c "$D" open
is "$(from peer tcp 192.0.2.1 8090)" hello "a port without an address is open to all"
put .default 127.0.0.1
ok "ports/.default: it is not any more" wait_until status_is "$D" open listen 127.0.0.1:8090
is "$(from peer tcp 192.0.2.1 8090) $(from here tcp 127.0.0.1 8090)" "refused hello" "for nobody else"
put all 0.0.0.0:8091:80
as_user rk-port wait -c "$D" all
is "$(from peer tcp 192.0.2.1 8091)" hello "all addresses by name"
is "$(from peer tcp 192.0.2.1 8080)" hello "an interface by name"
put .default nonsense
ok "nonsense: no port is opened because of it" \
  wait_until status_is "$D" open error "ports/.default is not an address: give the port one"
rm "$D/ports/.default"
ok "gone: all addresses" wait_until status_is "$D" open listen "[::]:8090"
done_testing
