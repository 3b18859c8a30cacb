#!/bin/sh
# the outer network namespace of the tests: addresses, a neighbour, and nothing behind it
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
plan 7
is "$(id -u)" 0 "a .root.t file runs as root"
is "$(as_user id -un)" rktest "as_user becomes the test user"
spawn as_user rk-t-hold
wait_until grep -q '^rk-t-hold$' "/proc/$pid/comm"
ok "as_user keeps the pid" grep -q '^rk-t-hold$' "/proc/$pid/comm"
like "$(ip -o addr show dev o0)" '192\.0\.2\.1/24' "v4 address"
like "$(ip -o addr show dev o0)" '2001:db8::1/64' "v6 address"
like "$(peer ip -o addr)" '192\.0\.2\.2/24' "the peer's address"
run ip route get 198.51.100.1
like "$out" 'via 192.0.2.2' "a default route, to the peer"
