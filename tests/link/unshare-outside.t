#!/bin/sh
# the links that need a user namespace before them, without one
. "${RK_TEST_LIB:-tests/lib.sh}"
before="not permitted: put rk-userns rk-idmap before"
plan 2
run rk-unshare -u true
is "$rc/$err" "100/rk-unshare: fatal: unable to make a uts namespace: $before rk-unshare, rk-setid after" \
  "rk-unshare"
run rk-pidns true
is "$rc/$err" "100/rk-pidns: fatal: unable to make a pid and a mount namespace: $before rk-pidns, \
rk-setid after" "rk-pidns"
