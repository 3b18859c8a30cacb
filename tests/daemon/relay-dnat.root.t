#!/bin/sh
# Clients' addresses reach a container behind a bridge and DNAT, TCP and UDP, whether the rules were there before the
# relay or come later.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip nft nsenter
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
who=$tools/whoami.py
chmod 0777 "$T"
as_user unshare -Urn sh -c '
  setpriv --pdeathsig KILL unshare -n sh -c "ip link set lo up; until ip addr add 172.18.0.2/24 dev c0 2>/dev/null; do sleep 0.02; done; ip link set c0 up
    ip route add default via 172.18.0.1; exec python3 $0 serve tcp,0.0.0.0,81 udp,0.0.0.0,81 tcp,0.0.0.0,82 udp,0.0.0.0,82" > "$1" & c=$!
  ip link set lo up; ip link add br0 type bridge; ip link set br0 up; ip addr add 172.18.0.1/24 dev br0
  until [ "$(readlink /proc/$c/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
  ip link add v0 type veth peer name c0 netns $c; ip link set v0 master br0; ip link set v0 up
  ip tuntap add tap0 mode tap; ip link set tap0 up; ip addr add 10.0.2.100/24 dev tap0; ip route add default via 10.0.2.2
  echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
  until grep -q ready "$1"; do sleep 0.02; done
  exec python3 "$0" serve tcp,0.0.0.0,81 udp,0.0.0.0,81' "$who" "$T/container" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no servers: $(cat "$T/serve" "$T/container")"
within() { nsenter -t "$ns" -U -n "$@"; }
dnat='table ip nat {
  chain out { type nat hook output priority -100; ip daddr { 127.0.0.1, 10.0.2.100 } meta l4proto { tcp, udp } th dport 8000 dnat to 172.18.0.2:81
  }
  chain post { type nat hook postrouting priority 100; meta mark and 0xe000 != 0 masquerade comment "CNI portmap, kube-proxy"
  }
  chain pre { type nat hook prerouting priority -100; meta l4proto { tcp, udp } th dport 8000 fib daddr type local dnat to 172.18.0.2:81
  }
}'
relays() {
  rm -f "$T/portd"; mkfifo "$T/ctl"; chmod 0666 "$T/ctl" # the last one's "ready" must not be taken for the next one's
  as_user rk-t-portd -i tap0 "$relay" "$ns" tcp,0.0.0.0,8001,127.0.0.1,8000,require \
    tcp,0.0.0.0,8002,10.0.2.100,8000,require \
    tcp,0.0.0.0,8003,172.18.0.2,82,require tcp,0.0.0.0,8004,127.0.0.1,81,require \
    udp,0.0.0.0,8001,127.0.0.1,8000,require \
    udp,0.0.0.0,8002,10.0.2.100,8000,require udp,0.0.0.0,8003,172.18.0.2,82,require \
    udp,0.0.0.0,8004,127.0.0.1,81,require < "$T/ctl" > "$T/portd" 2>&1 &
  portd=$!
  exec 9> "$T/ctl"
  wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
}
all() {
  for proto in tcp udp; do
    same "$proto, $1: DNAT from 127.0.0.1" peer python3 "$who" ask $proto 192.0.2.1 8001
    same "$proto, $1: DNAT from 10.0.2.100" peer python3 "$who" ask $proto 192.0.2.1 8002
    same "$proto, $1: the container's own address" peer python3 "$who" ask $proto 192.0.2.1 8003
    same "$proto, $1: a server of the namespace itself" peer python3 "$who" ask $proto 192.0.2.1 8004
    like "$(python3 "$who" ask $proto 127.0.0.1 8001)" "seen=10.0.2.2:" "$proto, $1: a client of the host"
  done
}
relays
is "$(within nft list tables)" "" "without DNAT the relay makes no table: no connection is tracked"
same "tcp, no DNAT yet" peer python3 "$who" ask tcp 192.0.2.1 8004
within nft "$dnat"
made() { within nft list tables | grep -q rk-relay; }
ok "rules come: the relay sees it" wait_until made
all "rules came later"
r=$(awk '/ready/ { print $2 }' "$T/portd"); kill -KILL $portd "$r"; wait $portd 2>/dev/null; wait_gone "$r"; rm \
  "$T/ctl" # with its listeners
relays
is "$(within nft list ruleset | grep -c 'ct mark set')" 1 "another relay: the rules are there once"
all "rules were there"
is "$(within ip rule | grep -c 'fwmark 0x106b')" 1 "one rule for marks, too"
echo quit >&9; wait $portd
done_testing
