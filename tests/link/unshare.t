#!/bin/sh
# rk-unshare: each option makes its namespace and nothing else
[ -n "${INSIDE:-}" ] || INSIDE=1 exec rk-userns rk-idmap sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
run rk-unshare true
is "$rc/$(echo "$err" | head -n 1)" "100/rk-unshare: fatal: nothing to make: give -u, -i, -c or -t" "without options"
changes rk-unshare -u
is "$changed" ns.uts "-u"
changes rk-unshare -i
is "$changed" ns.ipc "-i"
changes rk-unshare -c
is "$rc/$(echo "$changed" | tr ' ' '\n' | grep -vE '^(cgroup|mount\./sys/fs/cgroup.*)$')" 0/ns.cgroup "-c"
if [ -e /proc/self/ns/time ]; then
  changes rk-unshare -t
  is "$changed" "ns.time ns.time_for_children" "-t: in force at once, not only for children"
else skip 1 "this kernel has no time namespaces"; fi
changes rk-unshare -ui -c -- env
like "$changed" 'ns.cgroup ns.ipc ns.uts$' "several"
run rk-unshare -u sh -c 'hostname elsewhere; hostname'
is "$out" elsewhere "the host name can be changed"
isnt "$(hostname)" elsewhere "and only inside"

usage="rk-unshare: usage: rk-unshare [ -u ] [ -i ] [ -c ] [ -t ] [ -k ] prog..."
run rk-unshare -u
is "$rc/$err" "100/rk-unshare: fatal: no program given
$usage" "no program"
run rk-unshare -x true
is "$rc/$err" "100/rk-unshare: fatal: unknown option -x
$usage" "an unknown option"
run rk-unshare -u ./nothing; is "$rc" 127 "no such program"
# a namespace of which this user namespace may have none
run rk-userns rk-idmap -m single sh -c 'echo 0 > /proc/sys/user/max_uts_namespaces; exec rk-unshare -u true'
is "$rc" 102 "the number is limited to 0"
is "$err" "rk-unshare: fatal: unable to make a uts namespace: their number is limited on this host
rk-unshare: info: U7: sysctl -w user.max_uts_namespaces=28633" "says what, and the fix"
run rk-userns rk-idmap -m single sh -c 'echo 0 > /proc/sys/user/max_pid_namespaces; exec rk-pidns true'
is "$rc/${err%%
*}" "102/rk-pidns: fatal: unable to make a pid and a mount namespace: their number is limited on this host" "rk-pidns too"
done_testing
