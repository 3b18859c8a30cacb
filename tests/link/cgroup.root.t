#!/bin/sh
# rk-cgroup in a group that root has delegated to the user: evacuation, controllers, the mount; and what is said where
# that cannot be
. "${RK_TEST_LIB:-tests/lib.sh}"
root=$(awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' \
  /proc/self/mountinfo)
[ -n "$root" ] || skip_all "no cgroup2 mount on this machine"
D=$root/rk-t-$$
mkdir "$D" 2> /dev/null || skip_all "cgroup2 cannot be written on this machine"
exec 9> /run/rk-test-cgroup.lock; flock 9 # controllers at the root are switched: one test at a time
cleanup() {
  for g in "$D"/a "$D"/*/ "$D"; do [ ! -d "$g" ] || wait_until rmdir "$g" || [ ! -d "$g" ]; done
  for c in $enabled; do echo "-$c" > "$root/cgroup.subtree_control" 2> /dev/null; done
}
at_exit cleanup
enabled=''
for c in hugetlb pids memory cpu; do
  grep -qw "$c" "$root/cgroup.subtree_control" && break
  grep -qw "$c" "$root/cgroup.controllers" && echo "+$c" > "$root/cgroup.subtree_control" 2> /dev/null &&
    enabled=$c && break
done
delegate() { chown "$RK_TEST_UID" "$1" "$1/cgroup.procs" "$1/cgroup.subtree_control" "$1/cgroup.threads"; }
delegate "$D"
# shellcheck disable=SC2016 # for the inner shell
in_group() { group=$1; shift; sh -c 'echo $$ > "$0/cgroup.procs"; exec as_user "$@"' "$group" "$@"; }
controllers=$(cat "$D/cgroup.controllers")
[ -n "$controllers" ] || skip_all "no controller of cgroup v2 on this machine"
hybrid=''
if grep -q ' - cgroup .*,[a-z]*$' /proc/self/mountinfo && grep ' - cgroup ' /proc/self/mountinfo | grep -qv name=; then
  hybrid="rk-cgroup: warning: only these controllers can be delegated: $controllers: this host is hybrid, the others are cgroup v1 (S6)"
fi

# outside, and inside on the host's view
for chain in "" "rk-userns rk-idmap"; do
  # shellcheck disable=SC2016,SC2086 # words
  run in_group "$D" $chain rk-cgroup -e payload sh -c 'sed -n s/^0:://p /proc/self/cgroup; cat "$0/cgroup.procs" "$0/cgroup.subtree_control"; mkdir "$0/more" && rmdir "$0/more"' "$D"
  is "$rc/$err" "0/$hybrid" "${chain:-outside}: -e"
  is "$out" "/rk-t-$$/payload
$controllers" "moved, the old group empty, its controllers enabled below, groups can be made"
  for c in $controllers; do echo "-$c" > "$D/cgroup.subtree_control"; done
  wait_until rmdir "$D/payload"
done
# every process of the group, also rk-outside and a bystander
chmod 1777 "$T"
run in_group "$D" sh -c 'rk-t-hold & rk-state "$1" rk-userns rk-idmap rk-cgroup -e all sh -c "cat $0/cgroup.procs; wc -l < $0/all/cgroup.procs"; kill $!' "$D" "$T/state" </dev/null
is "$rc/$out" "0/5" "all of it: shell, bystander, chain, rk-outside"
for c in $controllers; do echo "-$c" > "$D/cgroup.subtree_control"; done
wait_until rmdir "$D/all"

# with a cgroup namespace of its own: as in RootlessKit, 0::/GROUP, and a mount that shows the delegated group as root
# shellcheck disable=SC2016
run in_group "$D" rk-userns rk-idmap rk-copyup '' rk-unshare -c rk-cgroup -e a sh -c 'grep ^0: /proc/self/cgroup; cd "$0"; cat cgroup.subtree_control; mkdir b; echo $$ > b/cgroup.procs; grep ^0: /proc/self/cgroup; echo $$ > a/cgroup.procs; rmdir b' "$root"
is "$rc/$err" "0/$hybrid" "with rk-unshare -c: -e"
is "$out" "0::/a
$controllers
0::/b" "the group is /a, groups beside it can be made and entered"
for c in $controllers; do echo "-$c" > "$D/cgroup.subtree_control"; done
wait_until rmdir "$D/a"
# shellcheck disable=SC2016
run in_group "$D" rk-userns rk-idmap rk-copyup '' rk-unshare -c rk-cgroup sh -c 'cat "$0/cgroup.procs"' "$root"
like "$rc/$out" "^0/[0-9]+" "without -e: the mount alone"

# root delegates by a link, too
run rk-cgroup -D "rk-t-$$/deep/web" -u "$RK_TEST_UID:$RK_TEST_GID" as_user sh -c \
  'sed -n s/^0:://p /proc/self/cgroup; exec "$@"' sh \
  rk-userns rk-idmap rk-copyup '' rk-unshare -c rk-cgroup -e a sh -c \
  'grep ^0: /proc/self/cgroup; cat "$0/cgroup.subtree_control"; mkdir "$0/b"; stat -c %u "$0" "$0/b"' "$root"
is "$rc/$err" "0/$hybrid" "-d, then -e in it"
is "$out" "/rk-t-$$/deep/web
0::/a
$controllers
0
0" "the user has the group, with the controllers"
is "$(stat -c %u:%g "$D/deep/web" "$D/deep/web/cgroup.procs" "$D/deep/web/cgroup.subtree_control" "$D/deep" "$D/deep/web/cgroup.events" | tr '\n' ' ')" \
  "$RK_TEST_UID:$RK_TEST_GID $RK_TEST_UID:$RK_TEST_GID $RK_TEST_UID:$RK_TEST_GID 0:0 0:0 " \
  "and nothing above it or else in it"
run rk-cgroup -D "/rk-t-$$/deep/web/" -u "$RK_TEST_UID" true; is "$rc/$err" 0/ "again, as when a service is restarted"
sh -c 'echo $$ > "$0/cgroup.procs"; exec rk-t-hold' "$D/deep/web/b" & held=$!; tap_pids="$tap_pids $!"
wait_until grep -qx "$held" "$D/deep/web/b/cgroup.procs"
for c in $controllers; do echo "+$c" > "$D/deep/web/cgroup.subtree_control"; done
run rk-cgroup -D "/rk-t-$$/deep/web/" -u "$RK_TEST_UID" true
is "$rc/$err" "111/rk-cgroup: fatal: control group /rk-t-$$/deep/web/ is in use: there are processes in groups below it" "not under what still runs"
end "$held"
wait_until rmdir "$D/deep/web/b"; wait_until rmdir "$D/deep/web/a"; wait_until rmdir "$D/deep/web"; rmdir "$D/deep"
for c in $controllers; do echo "-$c" > "$D/cgroup.subtree_control"; done

refused() { # CODE TEXT NAME CMD...
  refused_want=$1/$2 refused_name=$3; shift 3
  run "$@"
  is "$rc/$(printf '%s\n' "$err" | sed -n 's/^rk-cgroup: fatal: //p')" "$refused_want" "$refused_name"
}
refused 100 "nothing to do: neither -e, nor a cgroup namespace of the chain's own to mount (rk-unshare -c)" \
  "nothing to do" rk-cgroup true
for bad in "" a/b . .. cgroup.procs; do
  refused 100 "-e: not a name for one control group: $bad" "bad name '$bad'" rk-cgroup -e "$bad" true
done
for bad in "" / a/../b a//b .a/b a/cgroup.procs; do
  refused 100 "-D: not a path of control groups: $bad" "bad path '$bad'" rk-cgroup -D "$bad" -u 1 true
done
for bad in "-d a" "-u 1" "-d a -u 1 -e b" "-d a -u x" "-d a -u 1:x" "-d a -u 1x"; do
  # shellcheck disable=SC2086 # words
  run rk-cgroup $bad true; is "$rc" 100 "wrong usage: $bad"
done
refused 111 "unable to open cgroup.subtree_control of control group rk-t-$$/y: Permission denied" "-d by a user" \
  as_user rk-cgroup -D "rk-t-$$/y" -u 1 true
refused 100 "unable to mount cgroup2: the mount namespace is not the chain's own: put rk-copyup before" \
  "no own mount namespace" \
  in_group "$D" rk-userns rk-idmap rk-unshare -c rk-cgroup true
mkdir "$D/x"
refused 102 "unable to evacuate control group /rk-t-$$/x: it is not delegated to this user" "S7: not delegated" \
  in_group "$D/x" rk-cgroup -e a true
like "$err" '^rk-cgroup: info: S7: start it in a group' "and the fix"
refused 102 "unable to evacuate control group /: it is the root group, which no user owns" "S7: the root" in_group \
  "$root" rk-cgroup -e a true
refused 100 "unable to evacuate control group /rk-t-$$: it has processes of an outer pid namespace: put rk-cgroup before rk-pidns" "after rk-pidns" \
  in_group "$D" rk-userns rk-idmap rk-pidns rk-cgroup -e a true
not_ok "and nothing was done" test -e "$D/a"
delegate "$D/x"
# no controller: hybrid or not; no cgroup v2 at all. The v1 mounts are taken away in a mount namespace.
# shellcheck disable=SC2016
unmounted() { unshare -m sh -c 'for m in $(awk -v re="$0" "{ for (i = 7; i < NF; i++) if (\$i == \"-\" && \$(i + 1) ~ re) print \$5 }" /proc/self/mountinfo); do umount -n "$m"; done; exec "$@"' "$@"; }
[ -z "$hybrid" ] || refused 102 \
  "unable to evacuate control group /rk-t-$$/x: this host is hybrid, all its controllers are cgroup v1" "S6: hybrid" \
  in_group "$D/x" rk-cgroup -e a true
# shellcheck disable=SC2016
refused 102 "unable to evacuate control group /rk-t-$$/x: no controller is delegated to it: /rk-t-$$ has $controllers and passes none on" "S5: none delegated" \
  unmounted '^cgroup$' sh -c 'echo $$ > "$0/cgroup.procs"; exec as_user rk-cgroup -e a true' "$D/x"
refused 102 "cgroup v2 is not mounted" "S6: none" unmounted '^cgroup2?$' as_user rk-cgroup -e a true
[ -z "$hybrid" ] || refused 102 "cgroup v2 is not mounted: this host has cgroup v1 only" "S6: v1 only" unmounted \
  '^cgroup2$' as_user rk-cgroup -e a true
ok "nothing was made" test -z "$(find "$D/x" -mindepth 1 -type d)"
done_testing
