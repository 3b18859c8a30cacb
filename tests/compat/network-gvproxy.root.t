#!/bin/sh
# rootlesskit --net=gvisor-tap-vsock and --net=vpnkit: plan, DNS, the API's view, published ports, attached and detached
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}net/gvproxy.sh"
outer
. tests/net/lib.sh
net_servers
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/s P=22500
rk() { as_user timeout 60 rootlesskit --state-dir="$D" --disable-host-loopback --copy-up=/etc --copy-up=/run "$@"; }
for net in gvisor-tap-vsock vpnkit; do
  case $net in
    gvisor*) ip=10.0.2.100 gateway=10.0.2.1 mtu=65520 ;;
    vpnkit) ip=192.168.65.3 gateway=192.168.65.1 mtu=1500 ;;
  esac
  run rk --net=$net sh -c 'ip -o -4 addr show tap0; ip route; cat /sys/class/net/tap0/mtu; head -n 1 /etc/resolv.conf
    rootlessctl info; python3 tests/net/client.py "$@"' sh "tcp:$HOST" "dns:host.example=$HOST"
  like "$out" "tap0 +inet $ip/24" "$net: the address"
  like "$out" "^default via $gateway dev tap0" "the gateway"
  like "$out" "^$mtu\$" "the MTU"
  like "$out" "^nameserver $gateway\$" "the name server"
  is "$(printf '%s\n' "$out" | sed -n '/Network Driver/,/IP:/p')" "- Network Driver: $net
  - DNS: [$gateway]
  - IP: $ip" "the API's view"
  is "$(printf '%s\n' "$out" | grep -c ' ok$')" 2 "traffic"
  # shellcheck disable=SC2016 # for the inner shell
  run rk --net=$net --detach-netns sh -c 'nsenter -n"$ROOTLESSKIT_STATE_DIR/netns" python3 tests/net/client.py "$1"' \
    sh "tcp:$HOST"
  is "$rc $out" "0 tcp:$HOST ok" "$net, detached: traffic"
  spawn as_user rootlesskit --state-dir="$D" --net=$net --disable-host-loopback --port-driver=builtin \
    -p 0.0.0.0:$P:80/tcp rk-t-echo tcp 80
  p=$pid
  wait_until test -e "$D/child_pid"
  asks() { echo x | peer socat -T 5 - TCP:192.0.2.1:$P 2>/dev/null | grep -q '^192\.0\.2\.2 '; }
  ok "$net: a published port, with the client's address" wait_until asks
  end "$p"
done

# the port driver gvisor-tap-vsock: gvproxy itself publishes
spawn as_user rootlesskit --state-dir="$D" --net=gvisor-tap-vsock --disable-host-loopback --copy-up=/etc \
  --port-driver=gvisor-tap-vsock -p 0.0.0.0:$P:80/tcp python3 tests/net/serve-port.py 80 81
p=$pid
wait_until test -e "$D/child_pid"
tcp() { echo x | peer socat -T 5 - TCP:192.0.2.1:$1 2>/dev/null; }
published() { [ -n "$(tcp $P)" ]; }
wait_until published
is "$(tcp $P | cut -d' ' -f1)" 10.0.2.1 "gvproxy's own port: the client is its gateway"
run as_user rootlessctl --socket "$D/api.sock" info
like "$out" 'Port Driver: gvisor-tap-vsock' "the API names it"
like "$out" 'Supported protocols: \[tcp tcp4 udp udp4\]' "and its protocols"
run as_user rootlessctl --socket "$D/api.sock" add-ports 0.0.0.0:$((P + 1)):81/udp 127.0.0.1:$((P + 2)):80/tcp
is "$rc $(echo $out)" "0 2 3" "more ports"
is "$(echo x | peer socat -T 5 -t 5 - UDP:192.0.2.1:$((P + 1)) | cut -d' ' -f1)" 10.0.2.1 "UDP"
is "$(echo x | socat -T 5 - TCP:127.0.0.1:$((P + 2)) | cut -d' ' -f1)" 10.0.2.1 "on the host's loopback"
is "$(tcp $((P + 2)))" "" "which nobody else reaches"
run as_user rootlessctl --socket "$D/api.sock" add-ports 0.0.0.0:$P:80/tcp
like "$rc $err" '^1 .*conflict with ID 1' "a conflict"
run as_user rootlessctl --socket "$D/api.sock" add-ports "[::1]:$((P + 3)):80/tcp6"
like "$rc $err" '^1 .*unsupported protocol' "no IPv6 inside"
kill -KILL "$(pgrep -f -- "^gvproxy .*-services unix://$D/")"
again() { [ -n "$(tcp $P)" ] && [ -n "$(echo x | socat -T 5 - TCP:127.0.0.1:$((P + 2)) 2>/dev/null)" ]; }
ok "gvproxy is killed: its successor publishes all again" wait_until again
run as_user rootlessctl --socket "$D/api.sock" remove-ports 1 9
like "$rc $err" '^1 .*unknown port id: 9' "an unknown port"
is "$(tcp $P)" "" "withdrawn"
end "$p"
is "$(ss -Hltn "sport >= :$P and sport <= :$((P + 3))")" "" "at the end nothing listens"
if PATH=${PATH#"$T/gv:"} command -v gvproxy > /dev/null; then skip 2 "gvproxy is installed"
else # scripts of Docker and nerdctl name this driver where they find no program of another
  spawn as_user env PATH="${PATH#"$T/gv:"}" rootlesskit --state-dir="$D" --net=gvisor-tap-vsock \
    --disable-host-loopback --port-driver=gvisor-tap-vsock -p 0.0.0.0:$P:80/tcp rk-t-echo tcp 80
  p=$pid
  wait_until test -e "$D/child_pid"
  like "$(tcp $P)" '^192\.0\.2\.2 ' "without gvproxy another driver and the relay take its place"
  is "$(grep -c 'warning: .*gvproxy' "$T/spawn.$p.err")" 2 "with a warning for each"
  end "$p"
fi
run rk --net=gvisor-tap-vsock --cidr=10.0.9.0/24 --mtu=1400 --ifname=eth7 \
  sh -c 'ip -o -4 addr show eth7; cat /sys/class/net/eth7/mtu'
like "$out" 'inet 10\.0\.9\.100/24' "gvisor-tap-vsock: --cidr"
like "$out" '^1400$' "--mtu"
done_testing
