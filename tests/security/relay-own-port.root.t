#!/bin/sh
# A UDP server inside that also asks others from its published port gets their answers, whoever has sent what
# to that port: IPv4, IPv6, DNAT.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip nft nsenter
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
own=$RK_TEST_STAGE/rk/tests/security/own-port.py
chmod 0777 "$T"
# The namespace at the other end of tap0 is the rest of the world, with the same addresses as the peer that sends to the
# published ports.
cat > "$T/world" <<'E2'
ip link set lo up
until ip addr add 10.0.2.3/24 dev far 2>/dev/null; do sleep 0.02; done
ip link set far up
ip addr add fd00::3/64 dev far nodad
ip addr add 192.0.2.2/32 dev lo
ip addr add 2001:db8::2/128 dev lo nodad
ip route add default via 10.0.2.100
ip -6 route add default via fd00::100
exec python3 "$0" time 192.0.2.2 2001:db8::2
E2
cat > "$T/container" <<'E2'
ip link set lo up
until ip addr add 172.18.0.2/24 dev c0 2>/dev/null; do sleep 0.02; done
ip link set c0 up
ip route add default via 172.18.0.1
exec python3 "$0" serve
E2
cat > "$T/inside" <<'E2'
other() { # until $1 has its own network namespace
  until [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
}
ip link set lo up
setpriv --pdeathsig KILL unshare -n sh -c '. "$1/world"' "$0" "$1" > "$1/world.out" 2>&1 &
other $!
ip link add tap0 type veth peer name far netns $!
ip link set tap0 up
ip addr add 10.0.2.100/24 dev tap0
ip addr add fd00::100/64 dev tap0 nodad
ip route add default via 10.0.2.3
ip -6 route add default via fd00::3
setpriv --pdeathsig KILL unshare -n sh -c '. "$1/container"' "$0" "$1" > "$1/container.out" 2>&1 &
other $!
ip link add br0 type bridge
ip link set br0 up
ip addr add 172.18.0.1/24 dev br0
ip link add v0 type veth peer name c0 netns $!
ip link set v0 master br0
ip link set v0 up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
until grep -q ready "$1/world.out" && grep -q ready "$1/container.out"; do sleep 0.02; done
exec python3 "$0" serve
E2
as_user unshare -Urn sh -c '. "$1/inside"' "$own" "$T" > "$T/serve" 2>&1 &
ns=$!
tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no servers: $(cat "$T/serve" "$T/world.out" "$T/container.out")"
within() { nsenter -t "$ns" -U -n "$@"; }
start() {
  rm -f "$T/ctl" "$T/portd"
  mkfifo "$T/ctl"
  chmod 0666 "$T/ctl"
  as_user rk-t-portd -i tap0 "$relay" "$ns" udp,0.0.0.0,8001,127.0.0.1,123 udp,0.0.0.0,8002,10.0.2.100,123 \
    udp,::,8003,::1,123 udp,::,8004,fd00::100,123 \
    udp,0.0.0.0,8005,127.0.0.1,8000 udp,0.0.0.0,8006,172.18.0.2,123 < "$T/ctl" > "$T/portd" 2>&1 &
  tap_pids="$tap_pids $!"
  portd=$!
  exec 9> "$T/ctl"
  wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
}
asks() { # NAME CONTROL
  is "$(within python3 "$own" ask "$2" 192.0.2.2)" "peer's time from 192.0.2.2" "$1: IPv4"
  [ "$2" != 127.0.0.1 ] || is "$(within python3 "$own" ask "$2" 2001:db8::2)" "peer's time from 2001:db8::2" "$1: IPv6"
}
start
asks "before any client" 127.0.0.1
asks "before any client, a container" 172.18.0.2
for port in 8001 8002 8003 8004 8006; do
  case $port in
    8003 | 8004) to=2001:db8::1 from=2001:db8::2 ;;
    *) to=192.0.2.1 from=192.0.2.2 ;;
  esac
  out=$(peer python3 "$own" hello $to $port "$from,4$port")
  is "$out" answer "port $port: a client with the address of the one that is asked"
done
asks "while it has sessions" 127.0.0.1
asks "while it has sessions, a container" 172.18.0.2
within nft 'table ip nat {
  chain out { type nat hook output priority -100; ip daddr 127.0.0.1 udp dport 8000 dnat to 172.18.0.2:123
  }
}'
made() { within nft list tables | grep -q rk-relay; }
ok "DNAT" wait_until made
is "$(peer python3 "$own" hello 192.0.2.1 8005 192.0.2.2,5555)" answer "DNAT: a client with that address"
asks "with DNAT" 127.0.0.1
asks "with DNAT, the container" 172.18.0.2
is "$(within ip rule | grep -c 'ipproto udp .*dport .*lookup')" 4 "one rule a session"
is "$(within ip -6 rule | grep -c 'ipproto udp .*dport .*lookup')" 2 "... IPv6, too"
# a relay that was killed leaves rules and routes, which the next one removes
r=$(awk '/ready/ { print $2 }' "$T/portd")
exec 9>&-
kill -KILL "$portd" "$r"
wait "$portd" 2>/dev/null
wait_gone "$r"
start
is "$(within ip rule | grep -c 'ipproto udp .*dport .*lookup')" 0 "another relay: no rule is left"
is "$(within ip rule | grep -c 'lookup 29291')" 1 "... and its own is there once"
is "$(within ip route show table all proto 114 | grep -c '192.0.2.2')" 0 "... no route"
is "$(peer python3 "$own" hello 192.0.2.1 8001 192.0.2.2,4444)" answer "it works"
is "$(peer python3 "$own" hello 192.0.2.1 8001 192.0.2.2,65535)" answer "a client with port 65535"
echo quit >&9
done_testing
