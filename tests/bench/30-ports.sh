#!/bin/sh
# published ports beside their peers
. tests/bench/lib.sh
for c in python3 iperf3 wrk nginx ip unshare; do
  command -v $c >/dev/null && continue
  echo "(no $c here: published ports were not measured)"
  exit 0
done
echo "## Published ports"
echo
echo "Medians of ${ROUNDS:-5} interleaved rounds of one second; in brackets the ratio to direct loopback, then the" \
  "forwarder's own CPU time per GB,"
echo "connection, request or datagram. All servers are nginx, iperf3 and an echo server; every forwarder but haproxy" \
  "and socat crosses"
echo "into a network namespace. bulk1, bulk8: iperf3 with one and eight streams in Gbit/s, r: from the server. new1," \
  "new32: HTTP requests per"
echo "second with a connection each, 1 and 32 clients; keep1, keep32: with kept connections. udp: datagrams of 1400" \
  "bytes received"
echo "per second at full rate; echo1, echo32: echoes of 64 bytes per second. rk keeps the client's address, the others"
echo "do not (rootlesskit 3 for TCP from other hosts). haproxy has its splice options forced on, rootlesskit its" \
  "builtin driver. RK_BENCH_PEER names"
echo "a directory with a newer rootlesskit to compare with. A spinner of the idle class keeps each CPU from halting," \
  "which a virtual one does at a high price."
echo "Autogroups of the scheduler are off. floor is a C program that only accepts, connects, receives and sends, the" \
  "least that any relay by epoll must do: no"
echo "namespace, no client's address."
echo "TCP congestion control of the host: $(cat /proc/sys/net/ipv4/tcp_congestion_control)."
echo
rk-t-outer python3 tests/bench/ports.py -i -r "${ROUNDS:-5}" -g "$TMPDIR/ports.svg" \
  ${COLUMNS_ONLY:+-c "$COLUMNS_ONLY"} ${FORWARDERS:+-f "$FORWARDERS"}
if [ -w "$RK_TEST_TOP/doc" ] && [ -s "$TMPDIR/ports.svg" ]; then cp "$TMPDIR/ports.svg" "$RK_TEST_TOP/doc/ports.svg"; fi
echo
echo "![throughput through each forwarder](ports.svg)"
