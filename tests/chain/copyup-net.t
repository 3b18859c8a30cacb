#!/bin/sh
# rk-copyup before rk-net, in each mode: resolv.conf and hosts are plain files of the chain's own, which the program may
# replace
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
mine=$(cat /etc/hosts)
for m in symlink overlay copy; do
  if [ $m = overlay ] && grep -q ' /etc/' /proc/self/mountinfo; then skip 3 \
    "no overlay over an /etc with mounts below it"; continue; fi
  run rk_chain rk-copyup -m $m /etc rk-net -d slirp4netns sh -c 'cat /etc/resolv.conf; stat -c %F /etc/hosts; grep -c "^::1 $(uname -n)$" /etc/hosts
    rm /etc/hosts /etc/resolv.conf && echo new > /etc/hosts && cat /etc/hosts'
  like "$rc $out" '^0 nameserver 10.0.2.3$|^nameserver 10.0.2.3$' "$m: the driver's resolver"
  like "$out" '^regular file$' "$m: hosts is a file"
  like "$out" '^new$' "$m: which can be removed and made anew"
done
run rk_chain rk-copyup /etc rk-pidns rk-net -d slirp4netns cat /etc/resolv.conf
is "$rc $out" "0 nameserver 10.0.2.3" "rk-net behind rk-pidns: the same"
run rk_chain rk-pidns rk-copyup /etc rk-net -d slirp4netns cat /etc/resolv.conf
is "$rc $out" "0 nameserver 10.0.2.3" "and with rk-copyup behind it as well"
is "$(cat /etc/hosts)" "$mine" "the host's stay as they are"
done_testing
