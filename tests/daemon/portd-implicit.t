#!/bin/sh
# rk-portd -P implicit: a port listens while a socket of the host takes its connections or datagrams, TCP and UDP
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st p=$(free_port) q=$(free_port)
# host TYPE ADDRESS PORT: a socket of the host; its pid is $host
host() {
  : > "$T/bound"
  python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, getattr(socket, "SOCK_" + sys.argv[1]))
s.bind((sys.argv[2], int(sys.argv[3])))
if sys.argv[1] == "STREAM": s.listen(5)
print("bound", flush=True)
sys.stdin.read()' "$@" < /dev/zero > "$T/bound" &
  host=$!; tap_pids="$tap_pids $host"
  wait_until test -s "$T/bound"
}
portd_start "$D" -P implicit
for proto in tcp udp; do echo "$p:$p/$proto" > "$D/ports/$proto"; done
echo "$q:$q/udp6" > "$D/ports/udp6"
ok "no chain: waiting" wait_until status_is "$D" udp6 state waiting
chain_start "$D" rk-t-hold
ok "a chain, and nobody listens: waiting" wait_until status_is "$D" tcp reason \
  "pasta listens there once a program inside does; a pasta of 2023 never"
host STREAM 0.0.0.0 "$p"
ok "a TCP socket of the host" wait_until status_is "$D" tcp chain attached
is "$(status "$D" udp state)" waiting "is none for UDP"
end "$host"
ok "it is gone: waiting again" wait_until status_is "$D" tcp state waiting
host DGRAM 0.0.0.0 "$p"
ok "a UDP socket on all addresses" wait_until status_is "$D" udp state listening
is "$(status "$D" tcp state)" waiting "is none for TCP"
end "$host"
ok "gone" wait_until status_is "$D" udp state waiting
host DGRAM ::1 "$q"
ok "a UDP socket of IPv6" wait_until status_is "$D" udp6 state listening
end "$host"
echo "$p:$q/tcp" > "$D/ports/tcp"
ok "another number inside, later: refused" wait_until status_is "$D" tcp error \
  "pasta cannot change the number of a port or its address inside"
done_testing
