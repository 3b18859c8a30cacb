#!/bin/sh
# A backend sees the client's own address and port over TCP, v4 and v6; a client of the host itself shows as the
# gateway.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
who=$tools/whoami.py
as_user unshare -Urn sh -c '
  ip link set lo up; ip tuntap add tap0 mode tap; ip link set tap0 up
  ip addr add 10.0.2.100/24 dev tap0; ip addr add fd00::100/64 dev tap0 nodad
  ip route add default via 10.0.2.2; ip -6 route add default via fd00::2
  exec python3 "$0" serve tcp,0.0.0.0,81 tcp,127.0.0.1,82 tcp,10.0.2.100,83 tcp,::,84 tcp,::1,85' "$who" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no servers: $(cat "$T/serve")"
mkfifo "$T/ctl"; chmod 0666 "$T/ctl"
as_user rk-t-portd -i tap0 "$relay" "$ns" tcp,::,8081,127.0.0.1,81,require tcp,::,8082,127.0.0.1,82 \
  tcp,0.0.0.0,8083,10.0.2.100,83 \
  tcp,::,8084,127.0.0.1,84 tcp,::,8085,::1,85,require tcp,::,8086,::1,84 tcp,0.0.0.0,8087,127.0.0.1,81,no \
  tcp,0.0.0.0,8088,127.0.0.1,81,plain \
  < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
for p in 8081 8082 8083 8084; do same "v4 client, port $p" peer python3 "$who" ask tcp 192.0.2.1 $p; done
for p in 8085 8086; do same "v6 client, port $p" peer python3 "$who" ask tcp 2001:db8::1 $p; done
same "a second time from the same port" peer python3 "$who" ask tcp 192.0.2.1 8081 192.0.2.2,5555
same "the same client port to a second backend" peer python3 "$who" ask tcp 192.0.2.1 8082 192.0.2.2,5555
like "$(peer python3 "$who" ask tcp 192.0.2.1 8081 192.0.2.2,81)" "seen=192.0.2.2:[0-9]+ own=192.0.2.2:81" \
  "a client port on which the namespace listens: its address, another port"
same "a client of the host by its outer address" python3 "$who" ask tcp 192.0.2.1 8081 192.0.2.1
like "$(python3 "$who" ask tcp 127.0.0.1 8081)" "seen=10.0.2.2:" "a client on the host's loopback: the gateway"
like "$(python3 "$who" ask tcp ::1 8085)" "seen=fd00::2:" "v6 loopback: the v6 gateway"
like "$(peer python3 "$who" ask tcp 2001:db8::1 8082)" "seen=10.0.2.2:" \
  "prefer: a v6 client of a v4 backend is the gateway"
is "$(peer python3 "$who" ask tcp 2001:db8::1 8081)" ECONNRESET "require: it is reset"
like "$(peer python3 "$who" ask tcp 192.0.2.1 8087)" "seen=10.0.2.2:" "srcip=no: the gateway"
like "$(peer python3 "$who" ask tcp 192.0.2.1 8088)" "seen=127.0.0.1:" "plain: the kernel's choice"
ip addr add 10.0.2.100/32 dev lo
like "$(python3 "$who" ask tcp 127.0.0.1 8082 10.0.2.100)" "seen=10.0.2.2:" \
  "a client with the namespace's own address: the gateway"
for v in 0 1 2; do
  nsenter -t "$ns" -n sh -c "echo $v > /proc/sys/net/ipv4/conf/all/rp_filter; echo $v > /proc/sys/net/ipv4/conf/tap0/rp_filter"
  same "with rp_filter $v" peer python3 "$who" ask tcp 192.0.2.1 8083
done
nsenter -t "$ns" -n ip link set tap0 down
same "with the outer interface down" peer python3 "$who" ask tcp 192.0.2.1 8081
nsenter -t "$ns" -n ip link del tap0
same "... and gone" peer python3 "$who" ask tcp 192.0.2.1 8081
echo stats >&9
wait_until grep -q end "$T/portd"
like "$(cat "$T/portd")" "id=1 .*total=8 .*refused=1 kept=6" "the counters say what was kept"
echo quit >&9
done_testing
