#!/bin/sh
# rk-net -d slirp4netns: what the program finds inside, and what the state directory says
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns ip
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
spawn as_user rk-state "$D" rk-userns rk-idmap rk-net -d slirp4netns rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"
R=/proc/$p/root
in_net() { nsenter --net="/proc/$p/ns/net" "$@"; }
facts=$(cd "$D/net" && for f in *; do printf '%s=%s ' "$f" "$(cat "$f")"; done)
is "$facts" "dns=10.0.2.3 driver=slirp4netns gateway=10.0.2.2 ifname=tap0 ip=10.0.2.100 mtu=65520 prefix=24 status=up " "the facts"
like "$(in_net ip -o addr)" 'tap0 +inet 10\.0\.2\.100/24 ' "the address"
like "$(in_net cat /proc/sys/net/ipv4/tcp_congestion_control)" '^(cubic|reno)$' \
  "no congestion control that paces by timers, whatever the host's"
route='^default via 10\.0\.2\.2 dev tap0'
if grep -q cubic /proc/sys/net/ipv4/tcp_available_congestion_control; then route="$route.* congctl cubic"; fi
like "$(in_net ip route)" "$route" "the route"
like "$(in_net ip link show lo)" '[<,]UP[,>]' "lo is up"
is "$(head -n 1 "$R/etc/resolv.conf")" "nameserver 10.0.2.3" "resolv.conf"
is "$(cat "$R/etc/resolv.conf")" "$(cat "$D/resolv.conf")" "the same in the state directory"
like "$(cat "$R/etc/hosts")" "^127\\.0\\.0\\.1 $(uname -n)\$" "hosts"
is "$(ls "$R/sys/class/net")" "$(printf 'lo\ntap0')" "/sys shows the new namespace"
o=$(outside_of "$p"); d=$(pgrep -P "$o")
is "$(cat "/proc/$d/comm")" slirp4netns "the driver is a child of rk-outside"
kill -KILL "$p"
ok "a killed program takes the driver with it" wait_gone "$d"
ok "and rk-outside" wait_gone "$o"
ok "and what it wrote" test ! -e "$D"
done_testing
