#!/bin/sh
# A backend sees the client's own address over UDP, v4 and v6, however it answers; what the namespace itself sends from
# a published port goes its way.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
who=$tools/whoami.py
chmod 0777 "$T"
# tap0 leads to a namespace "up", whose 10.0.2.3:53 is the resolver that the server at port 53 asks, from its port 53
as_user unshare -Urn sh -c '
  setpriv --pdeathsig KILL unshare -n sh -c "ip link set lo up; until ip addr add 10.0.2.3/24 dev far 2>/dev/null; do sleep 0.02; done; ip link set far up
    ip route add default via 10.0.2.100; exec python3 $0 serve udp,10.0.2.3,53" > "$1" & up=$!
  ip link set lo up; until [ "$(readlink /proc/$up/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
  ip link add tap0 type veth peer name far netns $up; ip link set tap0 up
  ip addr add 10.0.2.100/24 dev tap0; ip addr add fd00::100/64 dev tap0 nodad
  ip route add default via 10.0.2.2; ip -6 route add default via fd00::2
  until grep -q ready "$1"; do sleep 0.02; done
  exec python3 "$0" serve udp,0.0.0.0,81 udp,127.0.0.1,82 udp,10.0.2.100,83 pkt,0.0.0.0,84 ifx,0.0.0.0,85 udp,::,86 pkt,::,87 udp,::1,88 ifx,::,89 udp,0.0.0.0,90 udp,::,91' \
  "$who" "$T/up" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no servers: $(cat "$T/serve" "$T/up")"
nsenter -t "$ns" -n -U python3 -c '
import socket, select
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); waiting = []
print("ready", flush=True)
while True:
    d, a = s.recvfrom(999)
    if a == ("10.0.2.3", 53): s.sendto(d, waiting.pop(0))
    else: waiting.append(a); s.sendto(d, ("10.0.2.3", 53))' > "$T/dns" 2>&1 &
tap_pids="$tap_pids $!"
mkfifo "$T/ctl"; chmod 0666 "$T/ctl"
specs='' n=0
for dest in 127.0.0.1,81 10.0.2.100,90 127.0.0.1,82 10.0.2.100,83 127.0.0.1,84 10.0.2.100,84 127.0.0.1,85 \
  10.0.2.100,85 127.0.0.1,86 127.0.0.1,87 \
  ::1,86 ::1,87 ::1,88 fd00::100,91 fd00::100,87 ::1,89 fd00::100,89; do n=$((n + 1)) \
  specs="$specs udp,::,$((8000 + n)),$dest"; done
wait_until grep -q ready "$T/dns" || bail "no DNS server: $(cat "$T/dns")"
# shellcheck disable=SC2086
as_user rk-t-portd -i tap0 "$relay" "$ns" $specs udp,0.0.0.0,8053,127.0.0.1,53,require \
  udp,::,8054,127.0.0.1,81,require,idle=1 < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
i=0
for spec in $specs; do
  i=$((i + 1)) dest=${spec#udp,*,*,}
  case $dest in *:*) at=2001:db8::1 ;; *) at=192.0.2.1 ;; esac
  same "$spec" peer python3 "$who" ask udp $at $((8000 + i))
done
same "one client port to two backends of different addresses: the first" peer python3 "$who" ask udp 192.0.2.1 8001 \
  192.0.2.2,5555
same "... and the second" peer python3 "$who" ask udp 192.0.2.1 8002 192.0.2.2,5555
same "a client with a privileged port" peer python3 "$who" ask udp 192.0.2.1 8001 192.0.2.2,67
like "$(peer python3 "$who" ask udp 192.0.2.1 8001 192.0.2.2,53)" "seen=192.0.2.2:[0-9]* own=192.0.2.2:53" \
  "a client with the port of a server of the namespace: its address, another port"
same "a client of the host by its outer address" python3 "$who" ask udp 192.0.2.1 8001 192.0.2.1
like "$(python3 "$who" ask udp 127.0.0.1 8001)" "seen=10.0.2.2:" "a client on the host's loopback: the gateway"
like "$(python3 "$who" ask udp 127.0.0.2 8001)" "seen=10.0.2.2:" "... and the answer comes from the address it asked"
like "$(python3 "$who" ask udp ::1 8011)" "seen=fd00::2:" "v6 loopback: the v6 gateway"
like "$(peer python3 "$who" ask udp 192.0.2.1 8053)" "seen=10.0.2.100:53" \
  "a DNS server that asks others from port 53 goes on working"
is "$(peer python3 "$who" ask udp 2001:db8::1 8054)" timeout "require: a v6 client of a v4 backend is dropped"
nsenter -t "$ns" -n ip link set tap0 down
same "with the outer interface down" peer python3 "$who" ask udp 192.0.2.1 8001
nsenter -t "$ns" -n ip link set tap0 up
ip addr add 192.0.2.9/24 dev o0
same "an answer comes from the second address that was asked" peer python3 "$who" ask udp 192.0.2.9 8001
same "a session of one second" peer python3 "$who" ask udp 192.0.2.1 8054
gone() { : > "$T/portd"; echo stats >&9; wait_until grep -q end "$T/portd"; grep -q \
  "id=$((n + 2)) now=0 total=1 .*refused=1 kept=1" "$T/portd"; }
ok "... ends, and the counters say so" wait_until gone
echo quit >&9
done_testing
