#!/bin/sh
# rk-net: wrong usage and a host that lacks something, each in its own words; what it changes for the program
. "${RK_TEST_LIB:-tests/lib.sh}"
fails() { # RC ERE NAME CMD...
  want=$1 ere=$2 name=$3; shift 3
  run "$@"
  is "$rc" "$want" "$name: exit $want"
  like "$err" "$ere" "$name: says so"
}
net() { rk-userns rk-idmap rk-net "$@"; }
fails 100 '^rk-net: usage: rk-net ' "no program" net
fails 100 "^rk-net: usage: " "an unknown option" net -Z true
fails 100 '^rk-net: fatal: unknown driver: foo \(there are none, .*slirp4netns' "an unknown driver" net -d foo true
fails 100 'unknown driver: \.\./rk-outside ' "a driver elsewhere" net -d ../rk-outside true
fails 100 'unknown driver:  \(' "an empty driver" net -d '' true
fails 102 '^rk-net: info: I13: install the package slirp4netns$' "no slirp4netns" env PATH="$RK_TEST_INST/bin:$T" \
  "$(command -v rk-userns)" rk-idmap -m single rk-net -d slirp4netns true
fails 102 '^rk-net: info: I13: ' "no driver at all" env PATH="$RK_TEST_INST/bin:$T" "$(command -v rk-userns)" rk-idmap \
  -m single rk-net true
fails 100 '10\.0\.2\.1/24 has host bits set; did you mean 10\.0\.2\.0/24\?$' "host bits" net -a 10.0.2.1/24 true
for c in 10.0.2.0 10.0.2.0/33 10.0.2.0/024 10.0.2.0/-1 010.0.2.0/24 10.0.2/24 10.0.2.256/24 fd00::/64 x /24 ''; do
  fails 100 "invalid network: $c" "-a '$c'" net -a "$c" true
done
fails 100 'the prefix must be /8 to /29$' "/30" net -a 10.0.2.0/30 true
fails 100 'the prefix must be /8 to /29$' "/7" net -a 10.0.0.0/7 true
fails 100 'slirp4netns serves prefixes up to /25$' "/26 with slirp4netns" net -d slirp4netns -a 10.0.2.0/26 true
for c in 127.0.0.0/8 0.0.0.0/8 224.0.0.0/8; do fails 100 "no range for hosts" "$c" net -a $c true; done
for m in 0 575 65522 1500x -1 99999999999; do fails 100 "invalid MTU: $m \\(576 to 65521\\)$" "MTU $m" net -m $m true; \
  done
fails 100 'IPv6 needs 1280' "MTU 1000 with IPv6" net -6 -m 1000 -d slirp4netns true
fails 100 '1 to 15 bytes$' "a long interface name" net -i abcdefghijklmnop true
fails 100 '"lo" is taken$' "a taken interface name" net -i lo true
for i in - -a --help; do fails 100 'invalid interface name: it begins with -' "interface $i" net -i "$i" true; done
for i in a/b 'a b' . .. all default a:b; do fails 100 "invalid interface name: \"$i\"" "interface $i" net -i "$i" \
  true; done
fails 100 '1 to 15 bytes$' "an empty interface name" net -i '' true
fails 100 'invalid interface name: "a\\nb"$' "an interface name of two lines" net -d none -i 'a
b' true
fails 100 'driver none has no IPv6$' "-6 with none" net -6 -d none true
fails 100 'this chain already has a network of its own$' "a second rk-net" net -d none rk-net -d none true
fails 100 'this chain already has a network of its own$' "a second one beside a detached one" rk-state "$T/st" \
  rk-userns rk-idmap rk-net -d none -D rk-net -d none true
run rk-state "$T/st" rk-userns rk-idmap rk-net -d none -D rk-userns rk-idmap -m direct rk-net -d none true
is "$rc $err" "0 " "a chain inside a detached one may have its own"
fails 100 '^rk-net: fatal: -D needs a state directory' "-D without a state directory" net -d none -D true
fails 100 '^rk-net: fatal: RK_STATE_DIR is too long$' "-D with a state directory that cannot be" \
  rk-userns rk-idmap env RK_STATE_DIR="/$(printf '%05000d' 0)" rk-net -d none -D true
fails 100 'must be root inside: put rk-userns rk-idmap before rk-net, rk-setid after$' "outside" rk-net -d none true
fails 100 'unable to connect the network: no control socket to rk-outside: ' "no control socket" rk-userns rk-idmap \
  env rk-net -d slirp4netns true
fails 100 '^rk-net: fatal: -s, -w and -D exclude one another$' "-s and -D" rk-state "$T/st" rk-userns rk-idmap rk-net \
  -s -D true
fails 100 '^rk-net: fatal: -s, -w and -D exclude one another$' "-s and -w" net -s -w true
fails 100 '^rk-net: fatal: -w goes with no other option than -k: ' "-w and -l" net -w -l true
fails 100 '^rk-net: fatal: -w: there is no network to wait for: ' "-w without -s" net -w true
fails 100 '^rk-net: fatal: -w: there is no network to wait for: ' "-w behind a whole rk-net" net -d none rk-net -w true
fails 100 '^rk-net: fatal: -s is for drivers with a tap, which none has not$' "-s and -d none" net -s -d none rk-net \
  -w true
fails 100 '^rk-net: fatal: rk-net -s needs rk-net -w before the program$' "-s alone" net -s -d slirp4netns true
fails 100 '^rk-copyup: fatal: rk-net -s needs rk-net -w before the program$' "-s and a link" net -s -d slirp4netns \
  rk-copyup /etc true
fails 100 'this chain already has a network of its own$' "-s twice" net -s -d slirp4netns rk-net -s -d slirp4netns \
  rk-net -w true
fails 100 'this chain already has a network of its own$' "another rk-net between" net -s -d slirp4netns rk-net -d none \
  rk-net -w true
fails 100 '^rk-net: fatal: -w: there is no network to wait for: ' "-w twice" net -s -l -d slirp4netns rk-copyup /etc \
  rk-net -w rk-net -w true
fails 111 'unable to connect the network: rk-outside is gone$' "-w by a forged variable" rk-userns -k env \
  RK_NET_STARTED=1 rk-idmap -k rk-net -w true
fails 127 'rk-net: .*unable to exec' "no such program" net -d none "$T/nothing"

# both live on until they are compared: the number of a namespace that is gone is used again
probed() {
  rk-userns rk-idmap rk-copyup '' "$@" < /dev/null > "$T/.out" 2> "$T/.err" & pid=$!
  tap_pids="$tap_pids $pid"
  wait_until grep -qx rk-t-hold "/proc/$pid/comm"
}
probed rk-t-probe -o "$T/a" rk-t-hold
probed rk-net -d none rk-t-probe -o "$T/b" rk-t-hold
is "$(diff -U 0 "$T/a" "$T/b" | sed '1,2d; /^@@/d; s/^[-+]\([^=]*\)=.*/\1/' | grep -v '^mount\.' | sort -u | tr '\n' ' ')" \
  "ns.mnt ns.net ns.user " "it changes the network namespace, nothing else but mounts"
run net -d none sh -c 'cat /proc/net/dev | tail -n +3 | cut -d: -f1; ls /sys/class/net; ls /sys/fs/cgroup | wc -l'
is "$(printf '%s\n' "$out" | tr -d ' ' | head -2 | tr '\n' ' ')" "lo lo " "-d none: lo and nothing else, in /sys too"

# congestion control, on hosts of three kinds: their /proc/sys is ours here
mkdir -p "$T/sys/net/ipv4" "$T/up"
for c in cubic reno vegas; do
  echo $c > "$T/sys/net/ipv4/tcp_congestion_control"
  run rk_chain rk-copyup "$T/up" sh -c 'mount --bind "$1" /proc/sys && exec rk-net -d none true' - "$T/sys"
  case $c in vegas) want=cubic ;; *) want=$c ;; esac
  is "$rc $err $(cat "$T/sys/net/ipv4/tcp_congestion_control")" "0  $want" "a host with $c: $want inside"
done
done_testing
