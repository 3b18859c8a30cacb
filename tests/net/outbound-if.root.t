#!/bin/sh
# rk-net -n pasta -o IF: connections and datagrams leave by that interface, whatever the routes prefer
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
. tests/net/passt.sh
outer
. tests/net/outbound.sh
leaves_by "without -o" "192.0.2.1 192.0.2.1" "-n pasta" 203.0.113.9
leaves_by "-o IF" "198.51.100.1 198.51.100.1" "-n pasta -o o1" 203.0.113.9
leaves_by "-o of the usual interface" "192.0.2.1 192.0.2.1" "-n pasta -o o0" 203.0.113.9
ip addr del 2001:db8::7/64 dev o0
leaves_by "-6 -o IF" "192.0.2.1 192.0.2.1 2001:db8::1 2001:db8::1" "-n pasta -6 -o o0" 203.0.113.9 2001:db8::2
leaves_by "-o ADDR -o IF" "192.0.2.7 192.0.2.7" "-n pasta -o o0 -o 192.0.2.7" 203.0.113.9
leaves_by "without a wall" "198.51.100.1 198.51.100.1" "-u -n pasta -o o1" 203.0.113.9
ip link set o1 down
ATTEMPTS=1; export ATTEMPTS
leaves_by "an interface that is down leads nowhere" "[Errno 111] Connection refused timed out" "-n pasta -o o1" \
  203.0.113.9
done_testing
