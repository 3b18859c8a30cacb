#!/bin/sh
# rootlesskit --net=lxc-user-nic: the real helper, a bridge, an address by DHCP; published ports, the API, detached,
# another bridge
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}net/lxc.sh"
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/s P=22710
rk() { as_user timeout 60 rootlesskit --state-dir="$D" --net=lxc-user-nic --lxc-user-nic-binary="$found" \
  --disable-host-loopback --copy-up=/etc --copy-up=/run "$@"; }
run rk true; is "$rc" 1 "no bridge: 1"; like "$err" 'the host has no bridge lxcbr0$' "and why"; not_ok \
  "nothing is left" test -e "$D"
bridge() { # NAME NETWORK
  ip link add "$1" type bridge; ip addr add "$2.1/24" dev "$1"; ip link set "$1" up
  echo "$RK_TEST_USER veth $1 10" >> /etc/lxc/lxc-usernet
  spawn dnsmasq -k -u root --conf-file=/dev/null --pid-file= --no-resolv --no-hosts --interface="$1" \
    --except-interface=lo --bind-interfaces --no-ping --dhcp-authoritative \
    "--dhcp-range=$2.50,$2.99,120" --dhcp-leasefile="$T/leases.$1" --address=/host.example/$HOST
}
bridge lxcbr0 10.0.3; bridge br9 10.0.9
run rk --ifname=eth7 sh -c 'ip -o -4 addr show eth7; ip route; cat /etc/resolv.conf; tail -n 2 /etc/hosts; rootlessctl info'
is "$rc" 0 "it runs" || diag "$err"
like "$out" 'eth7 +inet 10\.0\.3\.[5-9][0-9]/24' "an address of the bridge's, on the interface of that name"
like "$out" '^default via 10\.0\.3\.1 dev eth7' "a route"
like "$out" '^nameserver 10\.0\.3\.1$' "resolv.conf"
like "$(printf '%s\n' "$out" | tr '\n' '|')" 'Network Driver: lxc-user-nic\|  - DNS: \[\]\|$' \
  "the API's view is RootlessKit's: an address that may change, so it names none"
for flags in "" --pidns "--lxc-user-nic-bridge=br9"; do
  # shellcheck disable=SC2086 # words
  run rk $flags timeout 50 python3 tests/net/client.py dns:host.example=$HOST tcp:$HOST udp:$HOST ping:$HOST \
    get:$HOST:50
  is "$rc $(printf '%s\n' "$out" | grep -v ' ok$')" "0 " "traffic $flags" || diag "$err"
done
# shellcheck disable=SC2016 # for the inner shell
run rk --detach-netns sh -c 'd=$ROOTLESSKIT_STATE_DIR; ip -o -4 addr; nsenter -n$d/netns ip -o -4 addr show eth0; cat $d/resolv.conf
  nsenter -n$d/netns timeout 50 python3 tests/net/client.py tcp:'$HOST
is "$rc" 0 "detached" || diag "$err"
like "$out" 'o0 +inet 192\.0\.2\.1/24' "the command is on the host's network"; like "$out" 'eth0 +inet 10\.0\.3\.' \
  "netns is on the bridge"; like "$out" '^nameserver 10\.0\.3\.1$' "its resolv.conf is in the state directory"
spawn as_user rootlesskit --state-dir="$D" --net=lxc-user-nic --lxc-user-nic-binary="$found" --disable-host-loopback \
  --copy-up=/etc --port-driver=builtin -p 0.0.0.0:$P:80/tcp -p 0.0.0.0:$P:80/udp rk-t-echo tcp 80; p=$pid
wait_until test -e "$D/child_pid"
got() { answer=$("$@" python3 -c 'import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); s.settimeout(3); s.sendall(b"x"); print(s.recv(200).decode())' 192.0.2.1 $P 2> /dev/null); }
ok "builtin: the port is there" wait_until got peer
like "$answer" '^192\.0\.2\.2 [0-9]+ x' "a client from elsewhere keeps its address"
ip=$(cat "$D/net/ip"); d=$(net_driver "$(cat "$D/child_pid")")
like "$ip" '^10\.0\.3\.' "net/ip"; is "$(cat "/proc/$d/comm")" udhcpc "a DHCP client stays"
kill -TERM "$p"; ok "SIGTERM ends it" wait_gone "$p"; ok "and the DHCP client" wait_gone "$d"
ok "the bridges are empty" wait_until sh -c '! ls /sys/class/net/lxcbr0/brif /sys/class/net/br9/brif | grep -q "^[^/]"'
not_ok "the state directory is gone" test -e "$D"
done_testing
