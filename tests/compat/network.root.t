#!/bin/sh
# rootlesskit: every network and port driver by flag, attached and detached, and combinations of namespaces (compat
# sections 9 to 13)
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta curl python3 ip nsenter
outer
. tests/net/lib.sh
net_etc # a copy
rm -f /etc/resolv.conf
echo "nameserver 192.0.2.53" > /etc/resolv.conf
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/s P=22000
rk() { as_user timeout 30 rootlesskit --state-dir="$D" --disable-host-loopback "$@"; }
host_ns=$(readlink /proc/self/ns/net)
# pasta's resolver, which cannot pass on TCP, comes after those that the host has
listed() {
  [ "$1" != pasta ] || grep '^nameserver' /etc/resolv.conf
  echo "nameserver $2"
}
for net in slirp4netns pasta; do
  run rk --net=$net --copy-up=/etc --copy-up=/run --ifname=eth7 --mtu=1400 --cidr=10.0.9.0/24 sh -c 'ip -o -4 addr show eth7; ip route; cat /sys/class/net/eth7/mtu /etc/resolv.conf; tail -n 2 /etc/hosts; rootlessctl info'
  like "$out" 'eth7 +inet 10\.0\.9\.100/24' "$net: address N+100"
  like "$out" '^default via 10\.0\.9\.2 dev eth7' "$net: gateway N+2"
  is "$(printf '%s\n' "$out" | sed -n '/^1400$/,/^- REST/p' | sed '$d')" "1400
$(listed $net 10.0.9.3)
127.0.0.1 $(uname -n)
::1 $(uname -n)" "$net: MTU, resolv.conf with N+3, the end of hosts"
  is "$(printf '%s\n' "$out" | sed -n '/Network/,$p')" "- Network Driver: $net
  - DNS: [10.0.9.3]
  - IP: 10.0.9.100" "$net: the API's view"
  # shellcheck disable=SC2016 # for the inner shell
  run rk --net=$net --detach-netns --copy-up=/etc --copy-up=/run sh -c 'd=$ROOTLESSKIT_STATE_DIR; readlink /proc/self/ns/net; nsenter -n$d/netns ip -o -4 addr show tap0; cat $d/resolv.conf; tail -n 1 $d/hosts; nsenter -n$d/netns sh -c "echo 1 > /proc/sys/net/ipv4/ip_forward" && echo forward'
  is "$(printf '%s\n' "$out" | head -n 1)" "$host_ns" "$net detached: the command is on the host's network"
  like "$out" 'tap0 +inet 10\.0\.2\.100/24' "$net detached: netns is configured"
  is "$(printf '%s\n' "$out" | sed -n '/^nameserver/,$p')" "$(listed $net 10.0.2.3)
::1 $(uname -n)
forward" "$net detached: resolv.conf, hosts, and it is the command's own"
done
for net in none host; do
  run rk --net=$net --detach-netns sh -c 'nsenter -n$ROOTLESSKIT_STATE_DIR/netns ip -o link | wc -l'; is "$rc $out" \
    "0 1" "$net detached: a namespace with lo alone"
done
run rk --net=none sh -c 'ip -o addr; cat /etc/hosts'; like "$out" 'lo +inet 127.0.0.1/8' "none: lo is up"; is \
  "$(printf '%s\n' "$out" | sed -n '/lo/!p' )" "$(sed -n '/lo/!p' /etc/hosts)" "none: /etc/hosts is the host's"
run rk --net=slirp4netns --ipv6 ip -o -6 addr; like "$out" 'tap0 +inet6 fd00' "slirp4netns --ipv6"
run rk --net=slirp4netns --ipv6 --copy-up=/etc cat /etc/resolv.conf
is "$out" "nameserver 10.0.2.3" "its IPv6 DNS server is not listed while the host has no nameserver of IPv6 to ask"
echo "nameserver 2001:db8::53" >> /etc/resolv.conf
run rk --net=slirp4netns --ipv6 --copy-up=/etc cat /etc/resolv.conf
like "$out" "^nameserver fd00::3" "with one it is"

# published ports: each driver, what the service sees
served() { # WHAT URL WANT FLAGS...
  what=$1 url=$2 want=$3; shift 3
  spawn as_user rootlesskit --state-dir="$D" --disable-host-loopback "$@" rk-t-echo tcp 80; p=$pid
  wait_until test -e "$D/child_pid"
  got=''; n=0
  while [ $n -lt 50 ]; do got=$(ask "$url"); [ -z "$got" ] || break; n=$((n + 1)); rk-t-wait $$ 0.1; done
  like "$got" "$want" "$what"
}
ask() { $from python3 -c 'import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); s.settimeout(3); s.sendall(b"x"); print(s.recv(200).decode())' ${1%:*} ${1##*:} 2>/dev/null; }
from=''
served "builtin: a local client is 127.0.0.1" 127.0.0.1:$P '^127\.0\.0\.1 [0-9]+ x' --net=slirp4netns \
  --port-driver=builtin -p 0.0.0.0:$P:80/tcp
from=peer
like "$(ask 192.0.2.1:$P)" '^192\.0\.2\.2 [0-9]+ x' "builtin: a client from elsewhere keeps its address"
from=''; run as_user rootlessctl --socket "$D/api.sock" remove-ports 1; is "$(ask 127.0.0.1:$P)" "" "withdrawn"
end "$p"
from=peer; served "--source-ip-transparent=false: 127.0.0.1" 192.0.2.1:$P '^127\.0\.0\.1 ' --net=slirp4netns \
  --port-driver=builtin --source-ip-transparent=false -p 0.0.0.0:$P:80/tcp; end "$p"
served "with --net=none" 192.0.2.1:$P '^192\.0\.2\.2 ' --net=none --port-driver=builtin -p 192.0.2.1:$P:80/tcp; end "$p"
served "slirp4netns' own driver" 192.0.2.1:$P '^192\.0\.2\.2 |^10\.0\.2\.2 ' --net=slirp4netns \
  --port-driver=slirp4netns -p 0.0.0.0:$P:80/tcp
run as_user rootlessctl --socket "$D/api.sock" info; like "$out" 'Supported protocols: \[tcp tcp4 udp udp4\]' \
  "and its protocols"; end "$p"
from=''; served "builtin, --pidns" 127.0.0.1:$P '^127\.0\.0\.1 ' --pidns --net=slirp4netns --port-driver=builtin -p \
  127.0.0.1:$P:80/tcp; end "$p"
bad=''
for f in --pidns --cgroupns --utsns --ipcns '--pidns --cgroupns --utsns --ipcns' '--pidns --reaper=true' \
  '--pidns --reaper=false' --reaper=false; do
  for n in host none slirp4netns; do
    for d in '' --detach-netns; do
      for c in '' '--copy-up=/etc --copy-up=/run --copy-up=/var/run --copy-up=/var/lib'; do
        # shellcheck disable=SC2086 # words
        rk $f --net=$n $d $c --propagation=rslave --subid-source=static --port-driver=none sh -c 'exit 3' > /dev/null \
          2>&1; [ $? = 3 ] || bad="$bad [$f $n $d $c]"
      done
    done
  done
done
is "$bad" "" "all combinations of namespaces, networks and copy-ups run"
for q in private rprivate slave rslave shared rshared '' anything; do run rk --propagation="$q" true; is "$rc" 0 \
  "--propagation=$q"; done
run rk --copy-up=/etc --copy-up=/run sh -c 'stat -fc %T /etc; stat -c %a /etc; readlink /etc/passwd | grep -c "^\.ro[0-9]*/passwd$"; rm -rf /etc/ssl && mkdir /etc/ssl && touch /etc/ssl/x; rm -f /run/docker; mkdir -p /run/docker && echo made'
is "$rc $out" "0 tmpfs
755
1
made" "copy-up: a tmpfs of links, of /etc's own mode"
ok "the host's /etc/ssl is untouched" test -e /etc/ssl/certs
run rk --copy-up=/tmp true; is "$rc" 1 "/tmp cannot be copied up"
not_ok "nothing is left" test -e "$D"
done_testing
