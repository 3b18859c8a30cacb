#!/bin/sh
# group=: what is sent to a multicast group reaches the server inside, and its answers the sender, as those of jellyfin
# or minidlna are found
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 ip
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
cat > "$T/u/server" <<'E2'
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 1900))
while True:
    data, who = u.recvfrom(99)
    u.sendto(b"from " + who[0].encode() + b": " + data, who)
E2
cat > "$T/u/search" <<'E2'
# SEARCH GROUP PORT INTERFACE: what is answered, and by whom; asked again each second, for datagrams may be lost
import socket, sys
group, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
six = ":" in group
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
index = socket.if_nametoindex(name)
if six: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
else: s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index.to_bytes(4, sys.byteorder))
s.settimeout(1)
for _ in range(30):
    s.sendto(b"who?", (group, port, 0, index) if six else (group, port))
    try: data, who = s.recvfrom(99)
    except TimeoutError: continue
    print(who[0], data.decode())
    break
E2
add() { as_user rk-port add "$@" > "$T/u/said" 2>&1; }
as_user sh -c 'exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$T/u/ready" 2> "$T/u/err" &
portd=$! tap_pids="$tap_pids $portd"
wait_until test -s "$T/u/ready"
as_user rk-state "$D" rk-userns rk-idmap rk-net -n none python3 "$T/u/server" > "$T/u/chain" 2>&1 &
chain=$! tap_pids="$tap_pids $chain"
ok "a port of a group" add -n four -o group=239.255.255.250%o0 "$D" 1900:1900/udp
ok "of IPv6" add -n six -o group=ff02::c%o0 "$D" 1901:1900/udp
ok "of IPv4 alone" add -n only -o group=239.1.1.1%o0 "$D" 1902:1900/udp4
as_user rk-port wait -c "$D" four six only
is "$(peer python3 "$T/u/search" 239.255.255.250 1900 p0)" "192.0.2.1 from 192.0.2.2: who?" \
  "a search is answered from the address of the interface, and the server sees who asks"
is "$(peer python3 "$T/u/search" 239.1.1.1 1902 p0)" "192.0.2.1 from 192.0.2.2: who?" "of an IPv4 port as well"
# the kernel makes this route a moment after the interface is up
wait_until peer sh -c 'ip -6 route show table local dev p0 | grep -q "^multicast ff00::/8"'
like "$(peer python3 "$T/u/search" ff02::c 1901 p0)" "^(fe80|2001:db8)[^ ]* from [^ ]*: who\?" "of an IPv6 group"
# others on the host may have the same port, as avahi has
ok "another program shares the port" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 1902))'
ok "an interface that comes later" as_user rk-port add -N -n later -o group=239.1.1.2%d0 "$D" 1903:1900/udp
ok "is waited for" wait_until status_is "$D" later reason "there is no interface d0"
ip link add d0 type veth peer name d1
ip link set d0 up
ok "and the port listens" wait_until status_is "$D" later state listening
grep -q . /proc/net/igmp && like "$(cat /proc/net/igmp)" "020101EF" "as a member of the group"
ip link del d0
ok "it goes" wait_until status_is "$D" later state waiting
done_testing
