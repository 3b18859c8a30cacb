#!/bin/sh
# examples/chains and examples/image for real
. "${RK_TEST_LIB:-tests/lib.sh}"
need execlineb busybox
plan 13
examples=$RK_TEST_STAGE/rk/examples
for box in "$examples/chains/box.sh" "execlineb -s0 $examples/chains/box.execline"; do
  # shellcheck disable=SC2086 # words
  run $box sh -c 'id -u; echo x > /etc/rk-example && cat /etc/rk-example; hostname inside && hostname; ls -d /proc/[0-9]* | wc -l; exit 42'
  is "$rc" 42 "${box##*/}: the exit status passes through"
  like "$(echo "$out" | tr '\n' ' ')" '^0 x inside [2-6] $' "${box##*/}: root, own /etc, host name and processes" ||
    diag "$err"
  not_ok "${box##*/}: the host's /etc is as it was" test -e /etc/rk-example
  isnt "$(hostname)" inside "${box##*/}: and its name"
done
cd "$T" || exit 1
run "$examples/image/make-image" "$T/root"
is "$rc/$err" 0/ "make-image"
run "$examples/image/run-image" "$T/root" sh -c \
  'id -un; ls /; stat -c %U /srv; ps | wc -l; echo x > /dev/null && touch /tmp/file && exit 3'
is "$rc" 3 "run-image passes the exit status on" || diag "$err"
like "$out" '^www$' "accounts and ids of its own"
not_ok "nothing of the host is seen" sh -c 'echo "$1" | grep -q "^boot$"' sh "$out"
ok "what it wrote is ours to remove, from inside" rk-userns rk-idmap rm -rf "$T/root"
