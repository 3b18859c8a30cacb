#!/bin/sh
# Nobody outside shows inside as somebody inside: the gateway, the name server, a container, the namespace
# itself. TCP and UDP, both families.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip nsenter
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
who=$tools/whoami.py
chmod 0777 "$T"
cat > "$T/inside" <<'E2'
ip link set lo up
ip tuntap add tap0 mode tap
ip link set tap0 up
ip addr add 10.0.2.100/24 dev tap0
ip addr add fd00::100/64 dev tap0 nodad
ip route add default via 10.0.2.2
ip -6 route add default via fd00::2
ip link add docker0 type bridge
ip link set docker0 up
ip addr add 172.17.0.1/16 dev docker0
ip addr add fd17::1/64 dev docker0 nodad
ip route add 10.96.0.0/12 via 172.17.0.9
exec python3 "$0" serve tcp,::,81 udp,::,81
E2
as_user unshare -Urn sh -c '. "$1/inside"' "$who" "$T" > "$T/serve" 2>&1 &
ns=$!
tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
mkfifo "$T/ctl"
chmod 0666 "$T/ctl"
as_user rk-t-portd -i tap0 -n 10.0.2.3 "$relay" "$ns" tcp,::,8001,127.0.0.1,81 udp,::,8001,127.0.0.1,81 \
  tcp,::,8002,::1,81 udp,::,8002,::1,81 \
  tcp,::,8003,127.0.0.1,81,require udp,::,8003,127.0.0.1,81,require < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
for odd in 10.0.2.2 10.0.2.3 10.0.2.100 172.17.0.1 172.17.0.5 10.96.0.1 198.51.100.7; do
  peer ip addr add $odd/32 dev lo
  ip route add $odd/32 via 192.0.2.2
done
for odd in fd00::2 fd00::3 fd00::100 fd17::1 fd17::5 2001:db8:7::7; do
  peer ip addr add $odd/128 dev lo nodad
  ip -6 route add $odd/128 via 2001:db8::2
done
for proto in tcp udp; do
  for odd in 10.0.2.2 10.0.2.3 10.0.2.100 172.17.0.1 172.17.0.5 10.96.0.1; do
    out=$(peer python3 "$who" ask $proto 192.0.2.1 8001 $odd)
    like "$out" '^seen=10\.0\.2\.2:' "$proto: $odd shows as the gateway"
  done
  for odd in fd00::2 fd00::3 fd00::100 fd17::1 fd17::5; do
    like "$(peer python3 "$who" ask $proto 2001:db8::1 8002 $odd)" '^seen=fd00::2:' "$proto: $odd, too"
  done
  same "$proto: any other address as itself" peer python3 "$who" ask $proto 192.0.2.1 8001 198.51.100.7
  same "$proto: IPv6" peer python3 "$who" ask $proto 2001:db8::1 8002 2001:db8:7::7
  same "$proto: with srcip=require" peer python3 "$who" ask $proto 192.0.2.1 8003 198.51.100.7
done
is "$(peer python3 "$who" ask tcp 192.0.2.1 8003 172.17.0.5)" ECONNRESET "tcp: with srcip=require the others are reset"
is "$(peer python3 "$who" ask udp 192.0.2.1 8003 172.17.0.5)" timeout "udp: ... or dropped"
echo quit >&9
done_testing
