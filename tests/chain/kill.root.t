#!/bin/sh
# SIGKILL at every system call that matters of every process of a chain: no process, mount, lock or file is left
# (rk-t-kill says how)
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "the static build is killed at each of its calls, which are not those of libc"
mkdir "$T/d"; chown "$RK_TEST_UID:$RK_TEST_GID" "$T/d"
mounts=$(cat /proc/self/mountinfo)
for mode in one chain all; do
  run rk-t-kill -u "$RK_TEST_UID" -g "$RK_TEST_GID" -d "$T/d" $mode rk-state "$T/d/s" rk-userns rk-idmap -m subids true
  is "$rc$err" 0 "$mode: nothing is left"
  note "$out"
  is "$(ls -A "$T/d")" "" "$mode: not in the end either"
done
is "$(cat /proc/self/mountinfo)" "$mounts" "no mount"
done_testing
