#!/bin/sh
# rootlesskit --evacuate-cgroup2 in a group that root has delegated (compat section 13): what is seen inside and
# outside, with each kind of network
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
root=$(awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' \
  /proc/self/mountinfo)
[ -n "$root" ] || skip_all "no cgroup2 mount on this machine"
D=$root/rk-e-$$
mkdir "$D" 2> /dev/null || skip_all "cgroup2 cannot be written on this machine"
exec 9> /run/rk-test-cgroup.lock; flock 9 # controllers at the root are switched: one test at a time
at_exit 'for g in "$D/g" "$D"; do [ ! -d "$g" ] || wait_until rmdir "$g"; done'
enabled=''
for c in hugetlb pids memory cpu; do
  if grep -qw "$c" "$root/cgroup.subtree_control"; then break
  elif grep -qw "$c" "$root/cgroup.controllers" && echo "+$c" > "$root/cgroup.subtree_control" 2> /dev/null; then \
    enabled=$c; break; fi
done
at_exit '[ -z "$enabled" ] || echo "-$enabled" > "$root/cgroup.subtree_control" 2> /dev/null'
chown "$RK_TEST_UID" "$D" "$D/cgroup.procs" "$D/cgroup.subtree_control" "$D/cgroup.threads"
controllers=$(cat "$D/cgroup.controllers")
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
# shellcheck disable=SC2016 # for the inner shell
in_group() { sh -c 'echo $$ > "$0/cgroup.procs"; exec as_user "$@"' "$D" "$@"; }
rk() { in_group timeout 30 rootlesskit --state-dir="$T/u/s" --cgroupns --pidns --evacuate-cgroup2=g \
  --disable-host-loopback "$@"; }
for flags in --net=host --net=none '--net=slirp4netns --copy-up=/etc --copy-up=/run' '--net=none --detach-netns' \
  '--net=host --utsns --ipcns --propagation=rslave'; do
  # shellcheck disable=SC2086,SC2016 # words; for the inner shell
  run rk $flags sh -c 'cd /sys/fs/cgroup; stat -fc %T .; sed -n /^0:/p /proc/self/cgroup; cat cgroup.subtree_control
    mkdir more; echo $$ > more/cgroup.procs; sed -n /^0:/p /proc/self/cgroup; cat more/cgroup.controllers; ls -d ../cgroup/g; echo $$ > g/cgroup.procs; rmdir more'
  is "$rc $out" "0 cgroup2fs
0::/g
$controllers
0::/more
$controllers
../cgroup/g" "$flags: 0::/g, controllers below it, groups can be made" || diag "$err"
  is "$(cat "$D/cgroup.procs" "$D/cgroup.subtree_control")" "$controllers" "nobody is left in the group"
  for c in $controllers; do echo "-$c" > "$D/cgroup.subtree_control"; done
  ok "at the end g is empty" wait_until rmdir "$D/g"
done
mkdir "$D/x"
# shellcheck disable=SC2016 # for the inner shell
run sh -c 'echo $$ > "$0/x/cgroup.procs"; exec as_user timeout 30 rootlesskit --cgroupns --pidns --evacuate-cgroup2=g true' "$D"
is "$rc" 1 "not delegated: 1"; like "$err" 'S7' "and why"
chown "$RK_TEST_UID" "$D/x" "$D/x/cgroup.procs" "$D/x/cgroup.subtree_control"
# shellcheck disable=SC2016 # for the inner shell
run sh -c 'echo $$ > "$0/x/cgroup.procs"; exec as_user timeout 30 rootlesskit --cgroupns --pidns --evacuate-cgroup2=g sed -n /^0:/p /proc/self/cgroup' "$D"
is "$rc $out" "0 0::/g" "no controllers: it runs, as in RootlessKit"; like "$err" 'no controller is delegated' \
  "and says so"
wait_until rmdir "$D/x/g"; wait_until rmdir "$D/x"
# shellcheck disable=SC2016 # for the inner shell
run unshare -m sh -c 'umount -n "$0"; exec as_user timeout 30 rootlesskit --cgroupns --pidns --evacuate-cgroup2=g sh -c "exit 3"' "$root"
is "$rc" 3 "no cgroup2: it runs"; like "$err" 'cgroup2 is not mounted. cgroup2 evacuation is discarded.' "and says so"
done_testing
