#!/bin/sh
# rk-net -d slirp4netns: DNS, TCP, UDP, ping, IPv6, 200 MB each way, 500 connections at once
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns python3 dnsmasq socat nsenter
outer
. tests/net/lib.sh
net_servers
RK_NET_OPTIONS=-6
traffic slirp4netns "dns:host.example=$HOST" "dns:host.example=$HOST6" "tcp:$HOST" "half:$HOST" "udp:$HOST" \
  "many:$HOST:500" "get:$HOST:200" "put:$HOST:200" \
  "ping:$HOST" ping:10.0.2.2 "tcp:[$HOST6]" "udp:[$HOST6]" "get:[$HOST6]:20"
done_testing
