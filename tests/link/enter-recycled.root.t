#!/bin/sh
# rk-enter when the kernel has given the chain's number to another process: the chain and its rk-outside were killed,
# the state directory still names them. In a pid namespace of the test's own, where the next pid can be chosen.
[ -n "${ALONE:-}" ] || ALONE=1 exec unshare -pf --mount-proc sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
[ -w /proc/sys/kernel/ns_last_pid ] || skip_all "this kernel lets nobody choose the next pid"
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/state
spawn as_user rk-state "$D" rk-userns rk-idmap rk-t-hold
chain=$pid
wait_until test -s "$D/child_pid"
run as_user rk-enter -s "$D" id -u
is "$rc/$out" 0/0 "it can be entered while it lives"
kill -KILL "$(outside_of "$chain")"
kill -KILL "$chain"; wait "$chain" 2> /dev/null
is "$(cat "$D/child_pid")" "$chain" "killed with its rk-outside, it leaves its number behind"
for tries in 1 2 3 4 5; do
  echo $((chain - 1)) > /proc/sys/kernel/ns_last_pid
  as_user sleep 1000 & stranger=$!
  [ "$stranger" != "$chain" ] || break
  kill "$stranger"; wait "$stranger"
done
is "$stranger" "$chain" "a stranger has got it"
wait_until grep -q sleep "/proc/$stranger/comm"
run as_user rk-enter -s "$D" true
is "$rc/$err" "111/rk-enter: fatal: no chain is running in $D" "by state directory: refused"
run as_user rk-enter -p "$chain" true
is "$rc/$err" "100/rk-enter: fatal: nothing to enter: process $chain has the same namespaces as this one" \
  "by number: it is in no other namespaces"
# another chain has got the number: it is not the one of this directory
kill "$stranger"; wait "$stranger" 2> /dev/null
for tries in 1 2 3 4 5; do
  echo $((chain - 1)) > /proc/sys/kernel/ns_last_pid
  as_user rk-state "$T/u/two" rk-userns rk-idmap rk-t-hold & stranger=$!
  [ "$stranger" != "$chain" ] || break
  kill "$stranger"; wait "$stranger"
done
wait_until test -s "$T/u/two/child_pid"
is "$(cat "$T/u/two/child_pid")" "$chain" "another chain has got it"
run as_user rk-enter -s "$D" true
is "$rc/$err" "111/rk-enter: fatal: no chain is running in $D" "the old directory is refused"
run as_user rk-enter -s "$T/u/two" id -u
is "$rc/$out" 0/0 "the new one is not"
kill "$stranger"; wait "$stranger" 2> /dev/null
run as_user rk-state "$D" true
is "$rc" 0 "the next chain in the old directory cleans it"
: "$tries"
done_testing
