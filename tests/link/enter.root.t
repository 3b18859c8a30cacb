#!/bin/sh
# rk-enter by root, into a user's chain: root inside, none of root's groups outside come along
. "${RK_TEST_LIB:-tests/lib.sh}"
chmod 1777 "$T"
D=$T/state
mkfifo "$T/ready"
as_user rk-state "$D" rk-userns rk-idmap -g drop rk-unshare -u rk-pidns rk-hold -d 3 3> "$T/ready" &
chain=$! tap_pids="$tap_pids $!"
read -r line < "$T/ready"
groups=$(id -G)
run setpriv --groups 0,4,27 rk-enter -s "$D" rk-t-probe
is "$rc/$err" 0/ "root enters"
like "$out" '^Uid=0 0 0 0$' "uid 0 inside"
like "$out" '^Groups=$' "no groups of root's come along"
like "$out" '^CapEff=0*1ff' "every capability in it"
run rk-enter -p "$chain" sh -c 'touch "$0"; stat -c %u "$0"' "$T/file"
is "$out/$(stat -c %u "$T/file")" "0/$RK_TEST_UID" "a file made there belongs to the user outside"
run rk-enter -p "$chain" sh -c 'cat /proc/2/comm'
is "$out" rk-hold "in the pid namespace too"
# rk-outside killed: its lock is free, and nobody can tell any more which process is the chain's
outside=$(outside_of "$chain")
kill -KILL "$outside"; wait_gone "$outside"
run as_user rk-enter -s "$D" id -u
is "$rc/$err" "111/rk-enter: fatal: the rk-outside of the chain in $D is gone (nobody answers at .child), and child_pid proves nothing: name a process of the chain with -p" \
  "rk-outside killed: not by state directory"
run as_user rk-enter -p "$chain" id -u
is "$rc/$out" 0/0 "by number the chain can still be entered"
kill -TERM "$chain"; wait "$chain"
run as_user rk-enter -s "$D" true
is "$rc/$err" "111/rk-enter: fatal: no chain is running in $D" "until it ends"
rm -rf "$D"
is "$(id -G)" "$groups" "the caller itself is as before"

# single id: setgroups is denied inside, so root's groups are dropped before
rm "$T/ready"; mkfifo "$T/ready"
as_user rk-state "$D" rk-userns rk-idmap -m single rk-hold -d 3 3> "$T/ready" &
chain=$! tap_pids="$tap_pids $!"
read -r line < "$T/ready"
run setpriv --groups 0,4,27 rk-enter -s "$D" sh -c \
  'cat /proc/self/setgroups; sed -n "s/^Groups:[ \t]*//p" /proc/self/status'
is "$rc/$out" "0/deny" "a single-id chain"
kill -TERM "$chain"; wait "$chain"
done_testing
