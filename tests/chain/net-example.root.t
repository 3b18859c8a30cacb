#!/bin/sh
# the driver of five lines in rk-net-drivers(7) works as it stands there
. "${RK_TEST_LIB:-tests/lib.sh}"
need execlineb slirp4netns python3 dnsmasq socat
outer
. tests/net/lib.sh
net_servers
mkdir "$T/net"
sed -n '/^#!.*execlineb/,/^\.Ed/p' doc/rk-net-drivers.7 | sed '$d' > "$T/net/mine"
chmod -R go+rX "$T/net"; chmod 0755 "$T/net/mine"
is "$(grep -c '^[^#]' "$T/net/mine")" 4 "five lines, with the first"
export RK_NET_PATH="$T/net"
run as_user rk-userns rk-idmap rk-copyup /etc rk-net -d mine python3 tests/net/client.py tcp:$HOST udp:$HOST \
  dns:host.example=$HOST
is "$rc $(printf '%s\n' "$out" | grep -c ' ok$')" "0 3" "traffic passes"
run as_user rk-userns rk-idmap rk-copyup /etc rk-net -d mine -a 172.20.0.0/16 -m 1400 -i if7 sh -c \
  'ip -o -4 addr show dev if7; python3 tests/net/client.py "$@"' sh tcp:$HOST
like "$out" '172\.20\.0\.100/16' "with another plan, too"
like "$out" "tcp:$HOST ok" "traffic passes"
done_testing
