#!/bin/sh
# rk-net -d pasta: DNS, TCP, UDP, ping, IPv6, 200 MB each way, 500 connections at once
. "${RK_TEST_LIB:-tests/lib.sh}"
need pasta python3 dnsmasq socat nsenter
outer
. tests/net/lib.sh
net_servers
RK_NET_OPTIONS=-6
traffic pasta "dns:host.example=$HOST" "dns:host.example=$HOST6" "tcp:$HOST" "udp:$HOST" "many:$HOST:500" \
  "get:$HOST:200" "put:$HOST:200" \
  "ping:$HOST" "ping:[$HOST6]" "tcp:[$HOST6]" "udp:[$HOST6]" "get:[$HOST6]:20"

run as_user rk-userns rk-idmap rk-copyup /etc rk-net -6 -d pasta sh -c 'ip route show default; ip -6 route show default'
is "$(printf '%s\n' "$out" | grep -c ' rto_min lock 20ms')" 2 "lost uploads are soon repeated"
ip route del default; ip -6 route del default
run as_user timeout 60 rk-userns rk-idmap rk-copyup /etc rk-net -d pasta python3 tests/net/client.py tcp:$HOST \
  dns:host.example=$HOST
is "$rc $(printf '%s\n' "$out" | grep -c ' ok$')" "0 2" "a host without a default route"
done_testing
