#!/bin/sh
# the same with a temporary state directory, mounts and a pid namespace with its reaper
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "the static build is killed at each of its calls, which are not those of libc"
mkdir "$T/d" "$T/few"; chown "$RK_TEST_UID:$RK_TEST_GID" "$T/d"
echo x > "$T/few/file"
mounts=$(cat /proc/self/mountinfo)
for mode in one all; do
  run rk-t-kill -u "$RK_TEST_UID" -g "$RK_TEST_GID" -d "$T/d" $mode rk-state -t "$T/d" rk-userns rk-idmap -m subids \
    rk-copyup "$T/few" rk-pidns true
  is "$rc$err" 0 "$mode: nothing is left"
  note "$out"
  is "$(ls -A "$T/d")" "" "$mode: not in the end either"
done
is "$(ls -A "$T/few") $(cat /proc/self/mountinfo)" "file $mounts" "no mount, and the directory copied up is as it was"
done_testing
