#!/bin/sh
# rk-net -d pasta with a pasta of today, as traffic-pasta.root.t has it with the distribution's
. "${RK_TEST_LIB:-tests/lib.sh}"
. tests/net/passt.sh
need python3 dnsmasq socat nsenter
outer
. tests/net/lib.sh
net_servers
RK_NET_OPTIONS=-6
traffic pasta "dns:host.example=$HOST" "tcp:$HOST" "udp:$HOST" "many:$HOST:100" "get:$HOST:20" "put:$HOST:20" \
  "ping:$HOST" "ping:[$HOST6]" "tcp:[$HOST6]" "udp:[$HOST6]"
done_testing
