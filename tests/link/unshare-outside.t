#!/bin/sh
# the links that need a user namespace before them, without one
. "${RK_TEST_LIB:-tests/lib.sh}"
plan 2
run rk-unshare -u true
is "$rc/$err" "111/rk-unshare: fatal: unable to make a uts namespace: Operation not permitted" "rk-unshare"
run rk-pidns true
is "$rc/$err" "111/rk-pidns: fatal: unable to make a pid and a mount namespace: Operation not permitted" "rk-pidns"
