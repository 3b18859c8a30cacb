#!/bin/sh
# the chain killed at each of rk-net's steps: no driver, no rk-outside and no state directory stay; and a driver that
# reads the host's resolver
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta strace
outer
. tests/net/lib.sh
net_etc
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
for call in unshare:when=2 setsockopt:when=3 sendmsg:when=2 recvfrom:when=2 mount_setattr move_mount:when=6 connect \
  socket:when=6 sendto:when=3 poll:when=1; do
  spawn as_user strace -o "$T/u/trace" -e trace="${call%%:*}" -e inject="${call%%:*}:signal=KILL${call#"${call%%:*}"}" \
    rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns rk-t-hold; s=$pid
  wait_until sh -c 'grep -q "killed by SIGKILL" "$1" || [ -s "$2/child_pid" ]' sh "$T/u/trace" "$D"
  [ ! -s "$D/child_pid" ] || kill -KILL "$(cat "$D/child_pid")"
  ok "killed at $call: the directory goes" wait_until test ! -e "$D"
  ok "and every process" wait_until sh -c '! pgrep -u "$1" -x "slirp4netns|rk-outside" | while read -r q; do [ "$(readlink /proc/$q/ns/net)" = "$(readlink /proc/self/ns/net)" ] && grep -vq "^State:.*Z" /proc/$q/status && echo x; done | grep -q .' sh "$RK_TEST_USER"
  rm -f "$T/u/trace"
done

rm -f /etc/resolv.conf; echo 'nameserver 192.0.2.53' > /etc/resolv.conf
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d pasta rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"; d=$(net_driver "$p")
echo 'search other.example' >> /etc/resolv.conf
wait_until grep -q other.example "$D/resolv.conf"
is "$(net_driver "$p")" "$d" "another search domain leaves pasta alone"
echo 'nameserver 192.0.2.54' > /etc/resolv.conf
another() { new=$(net_driver "$p") && [ -n "$new" ] && [ "$new" != "$d" ] && [ "$(cat "$D/net/status")" = up ]; }
ok "another resolver starts it anew: it asks that of its start for ever" wait_until another
end "$p"
done_testing
