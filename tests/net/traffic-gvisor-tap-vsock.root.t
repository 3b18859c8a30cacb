#!/bin/sh
# rk-net -d gvisor-tap-vsock, by gvproxy: DNS, TCP, UDP, ping, 200 MB each way, 500 connections at once
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}net/gvproxy.sh"
outer
. tests/net/lib.sh
net_servers
traffic gvisor-tap-vsock "dns:host.example=$HOST" "tcp:$HOST" "half:$HOST" "udp:$HOST" "many:$HOST:500" \
  "get:$HOST:200" "put:$HOST:200" ping:10.0.2.1
done_testing
