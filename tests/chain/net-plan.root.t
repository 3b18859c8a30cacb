#!/bin/sh
# the address plan: any prefix works, a clash with the host is said or avoided; and the host's tun device, in three
# kinds of trouble
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta python3 dnsmasq socat
outer
. tests/net/lib.sh
net_servers
net() { as_user timeout 60 rk-userns rk-idmap -m single rk-copyup /etc rk-net "$@"; }
works() { # CIDR IP DRIVER
  run net -d "$3" -a "$1" sh -c 'ip -o -4 addr show dev tap0 | cut -d" " -f7; exec python3 tests/net/client.py "$@"' \
    sh tcp:$HOST dns:host.example=$HOST
  is "$rc $(echo $out) $err" "0 $2 tcp:$HOST ok dns:host.example=$HOST ok " "$3 with $1"
}
for d in slirp4netns pasta; do
  works 10.0.0.0/8 10.0.0.100/8 $d
  works 172.16.0.0/12 172.16.0.100/12 $d
  works 192.168.4.128/25 192.168.4.228/25 $d
done
works 192.168.4.64/26 192.168.4.68/26 pasta
works 192.168.4.8/29 192.168.4.12/29 pasta

ip addr add 10.0.2.15/24 dev o0
ip route add 10.0.3.0/25 dev o0
run net true
is "$rc" 0 "a clash is no error"
like "$err" 'warning: the network 10\.0\.2\.0/24 overlaps 10\.0\.2\.0/24 of the host: .*\(-a auto avoids it\)$' \
  "but said"
works auto 10.0.4.100/24 slirp4netns
ip route add 10.0.0.0/8 via 192.0.2.2
run net -a auto sh -c 'ip -o -4 addr show dev tap0 | cut -d" " -f7'
is "$out $err" "172.16.2.100/24 " "a VPN's wide route sends auto elsewhere"
ip route add 172.16.0.0/12 via 192.0.2.2; ip route add 192.168.0.0/16 via 192.0.2.2
run net -a auto sh -c 'ip -o -4 addr show dev tap0 | cut -d" " -f7'
is "$rc $out" "0 10.0.4.100/24" "wide routes everywhere: the first that clashes with nothing narrower"
like "$err" 'overlaps 10\.0\.0\.0/8 of the host' "and it is said"
i=0; while [ $i -lt 256 ]; do echo "route add 10.$i.0.0/16 via 192.0.2.2"; i=$((i + 1)); done > "$T/routes"
ip -batch "$T/routes"
run net -a auto true
is "$rc" 102 "no network left"
like "$err" "unable to find a free network: the host's routes cover" "and it is said"
ip addr add fd00::5/64 dev o0
run net -6 -a 198.51.100.0/24 true
like "$err" 'warning: the network fd00::/64 overlaps one of the host' "a clash of IPv6 is said"
echo '1024 50000' > /proc/sys/net/ipv4/ip_local_port_range
run net -d none cat /proc/sys/net/ipv4/ip_local_port_range
is "$(echo $out)" '32768 60999' "ephemeral ports are the kernel's own, whatever the host's are"

tun() { # RC ID TEXT NAME
  run net -d slirp4netns true
  is "$rc" "$1" "$4: exit $1"
  like "$err" "^rk-net: fatal: unable to open /dev/net/tun: $3" "$4: said"
  like "$err" "^rk-net: info: $2: " "$4: and what to do"
}
mount -t tmpfs none /dev/net
tun 102 D1 'it does not exist' "no /dev/net/tun"
mknod -m 0600 /dev/net/tun c 10 200
tun 102 D2 'its mode forbids it' "a closed one"
rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 10 255
tun 102 D4 'the kernel has no such device' "one without a driver"
mount -o remount,nodev /dev/net; rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 10 200
tun 102 D2 'its mode forbids it' "one on a nodev mount"
umount /dev/net
if mkdir /sys/fs/cgroup/devices/rk-net-$$ 2>/dev/null; then
  at_exit "rmdir /sys/fs/cgroup/devices/rk-net-$$"
  echo 'c 10:200 rwm' > /sys/fs/cgroup/devices/rk-net-$$/devices.deny
  run sh -c 'echo $$ > /sys/fs/cgroup/devices/$1/cgroup.procs; shift; exec "$@"' sh rk-net-$$ as_user rk-userns \
    rk-idmap -m single rk-copyup /etc rk-net -d slirp4netns true
  is "$rc" 102 "forbidden by a device cgroup: exit 102"
  like "$err" 'unable to open /dev/net/tun: a device cgroup forbids it' "said"
else
  skip 2 "no device cgroup of version 1"
fi
done_testing
