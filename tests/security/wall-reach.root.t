#!/bin/sh
# The driver's namespaces cannot be got hold of from behind the wall: by file handles, pidfds, netlink, or the owners
# and parents of the own ones; and what the program does with its end of the veth pair breaks only its network
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 slirp4netns pasta unshare ip
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
chain() { run as_user timeout 60 rk-state "$D" rk-userns rk-idmap rk-copyup /etc "$@"; }
for driver in slirp4netns pasta; do
  for way in "rk-net -d $driver" "rk-net -6 -d $driver rk-pidns"; do
    # shellcheck disable=SC2086 # words
    chain $way python3 tests/security/reach.py
    is "$rc $out" "0 reached: nothing
tried enough" "$way: nothing is reached" || diag "$err"
  done
done
# shellcheck disable=SC2016 # for the inner shell
chain rk-net -d slirp4netns sh -c 'unshare -Urn sleep 60 & p=$!
  until [ "$(readlink /proc/$p/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
  python3 tests/security/reach.py; kill $p'
like "$out" '^reached: .*/proc: entered, .*pidfd: entered, ' "what can be reached would be seen: a namespace of its own"

for driver in slirp4netns pasta; do
  for what in "link del tap0" "link set tap0 netns 1" "link set tap0 mtu 68" "link set tap0 address 02:00:00:00:00:01" \
    "link set tap0 xdp off" "link set lo down" "addr flush dev tap0"; do
    echo "$what"
  done > "$T/u/what"
  # shellcheck disable=SC2016 # for the inner shell
  chain rk-net -6 -d $driver sh -c 'while read -r what; do ip $what 2> /dev/null; done < "$1"
    cat "$RK_STATE_DIR/net/status"' sh "$T/u/what"
  is "$rc $out $err" "0 up " "$driver: the program takes its network apart; the driver stays"
done
done_testing
