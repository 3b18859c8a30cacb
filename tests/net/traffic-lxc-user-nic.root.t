#!/bin/sh
# rk-net -d lxc-user-nic: the real one, on a bridge, with an address by DHCP that is renewed; what it lacks is said
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}net/lxc.sh"
fails() { # ERE NAME
  run as_user timeout 60 rk-userns rk-idmap rk-copyup /etc rk-net -d lxc-user-nic true
  is "$rc" 102 "$2: exit 102"
  like "$err" "$1" "$2: said"
}
fails 'the host has no bridge lxcbr0$' "no bridge"
ip link add lxcbr0 type bridge; ip addr add 10.0.3.1/24 dev lxcbr0; ip link set lxcbr0 up
fails '/etc/lxc/lxc-usernet has no line for the bridge lxcbr0$' "no line"
echo "root veth lxcbr0 10" > /etc/lxc/lxc-usernet
fails 'not allowed to this user on the bridge lxcbr0' "a line for somebody else"
echo "$RK_TEST_USER veth lxcbr0 100" > /etc/lxc/lxc-usernet
dhcp() {
  spawn dnsmasq -k -u root --conf-file=/dev/null --pid-file= --no-resolv --no-hosts --interface=lxcbr0 \
    --bind-interfaces --no-ping --dhcp-authoritative \
    "--dhcp-range=$1,$2,120" --dhcp-leasefile="$T/leases" --address=/host.example/$HOST --address=/host.example/$HOST6
}
dhcp 10.0.3.50 10.0.3.99; dhcpd=$pid
traffic lxc-user-nic "dns:host.example=$HOST" "tcp:$HOST" "half:$HOST" "udp:$HOST" "many:$HOST:500" "get:$HOST:200" \
  "put:$HOST:200" "ping:$HOST" ping:10.0.3.1

D=$T/u/st
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d lxc-user-nic rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"; o=$(outside_of "$p")
facts=$(cd "$D/net" && for f in *; do printf '%s=%s ' "$f" "$(cat "$f")"; done)
like "$facts" '^dns=10\.0\.3\.1 driver=lxc-user-nic gateway=10\.0\.3\.1 ifname=eth0 ip=10\.0\.3\.[0-9]* mtu=1500 prefix=24 status=up $' "the facts"
d=$(net_driver "$p"); was=$(cat "$D/net/ip")
is "$(cat "/proc/$d/comm")" udhcpc "the driver has become the DHCP client"
for ns in user net; do
  isnt "$(readlink "/proc/$d/ns/$ns")" "$(readlink "/proc/$p/ns/$ns")" "which lives in the hop: $ns"
done
is "$(readlink "/proc/$d/fd/"* | grep -E '^(net|user|mnt|/)' | grep -v '^/dev/null$')" "" \
  "with no namespace or file of the outside in its hands"
hop() { nsenter --net="/proc/$d/ns/net" ip "$@"; }
routes() { hop route | sed 's/ proto static//; s/ scope link//; s/ *$//' | sort; }
is "$(hop -o -4 addr show dev eth0)" "" "the hop has no address"
is "$(routes)" "10.0.3.0/24 dev eth0
$was dev hop
default via 10.0.3.1 dev eth0" "but routes to both sides"
like "$(inside ip route)" '^default via 10\.0\.3\.1 dev eth0' "the program's route is that of the lease"
end "$dhcpd"; rm -f "$T/leases"
dhcp 10.0.3.200 10.0.3.250
kill -USR2 "$d"; kill -USR1 "$d" # release, then renew
changed() { now=$(cat "$D/net/ip") && [ "$now" != "$was" ] && inside ip -o -4 addr show dev eth0 | grep -q "$now/24"; }
ok "a new lease with another address is taken over by rk-net-lease, inside and in net/ip" wait_until changed
is "$(inside ip -o -4 addr show dev eth0 | wc -l)" 1 "the old address is gone"
is "$(routes | grep hop)" "$now dev hop" "and the old route of the hop"
ok "and traffic goes on" wait_until inside python3 tests/net/client.py tcp:$HOST dns:host.example=$HOST
kill -KILL "$d"
another() { new=$(net_driver "$p") && [ -n "$new" ] && [ "$new" != "$d" ] && [ "$(cat "$D/net/status")" = up ]; }
ok "killed, it comes back" wait_until another
ok "and traffic goes on" wait_until inside python3 tests/net/client.py tcp:$HOST
d=$(net_driver "$p")
kill -KILL "$o"
ok "rk-outside killed: the DHCP client goes" wait_gone "$d"
end "$p"; rm -rf "$D"
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d lxc-user-nic rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"; d=$(net_driver "$p")
kill -KILL "$p"
ok "the program killed: the DHCP client goes" wait_gone "$d"
ok "and the bridge is empty" wait_until sh -c '! ls /sys/class/net/lxcbr0/brif | grep -q .'

spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -u -d lxc-user-nic rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"; d=$(net_driver "$p")
is "$(readlink "/proc/$d/ns/user" "/proc/$d/ns/net" "/proc/$d/ns/mnt")" \
  "$(readlink "/proc/$p/ns/user" "/proc/$p/ns/net" "/proc/$p/ns/mnt")" "without the wall it lives inside"
run inside python3 tests/net/client.py tcp:$HOST udp:$HOST
is "$rc" 0 "with traffic" || diag "$out"
end "$p"
done_testing
