#!/bin/sh
# The state directory is written by root inside as well: whatever a chain leaves there, the next one starts
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/st; mkdir -m 700 "$T/victim"; echo precious > "$T/victim/status"; cp "$T/victim/status" "$T/victim/lock"
export D

# What a killed chain leaves whose rk-outside was killed as well.
killed() {
  mkdir -m 700 "$D"; echo '999999999 1 x' > "$D/.owner"; echo made > "$D/.made"; : > "$D/lock"
}
intact() { [ "$(cat "$T/victim/status" "$T/victim/lock")" = "precious
precious" ]; }
next() { # NAME: no link waits for ever, so the 60 seconds are a bound for failure only
  run timeout 60 rk-state "$D" rk-userns rk-idmap true
  is "$rc" 0 "$1: the next chain starts" || diag "$err"
  ok "$1: and leaves nothing" wait_until test ! -e "$D" || ls -laR "$D" >&2
}
# NAME CODE: what lies in the directory, made by root inside before its chain ends, and then as it is when all were
# killed
poison() {
  run rk-state "$D" rk-userns rk-idmap sh -c "cd '$D'; victim='$T/victim'; $2"
  next "$1"
  killed
  (cd "$D" && victim=$T/victim && eval "$2")
  next "$1, all killed"
  chmod -R u+rwx "$D" 2>/dev/null; rm -rf "$D"
}
# shellcheck disable=SC2016 # for poison
{
poison "net a file" ': > net'
poison "net a link" 'ln -s "$victim" net'
poison "env a file" 'rm -rf env; : > env'
poison "env a link" 'rm -rf env; ln -s "$victim" env'
poison "lock a directory" 'rm lock; mkdir lock; : > lock/x'
poison "lock a FIFO" 'rm lock; mkfifo lock'
poison "lock a link" 'rm lock; ln -s "$victim/lock" lock'
poison "lock a dangling link" 'rm lock; ln -s none lock'
poison "lock without permissions" 'chmod 0 lock'
poison "child_pid a directory" 'rm -f child_pid; mkdir child_pid; : > child_pid/x'
poison ".child, .owner directories" 'rm -f .child .owner; mkdir .child .owner; : > .owner/x'
poison ".owner a FIFO" 'rm -f .owner; mkfifo .owner'
poison ".owner a process that is no chain" 'read -r stat < /proc/1/stat; set -- ${stat##*) }; shift 19; read -r boot < /proc/sys/kernel/random/boot_id; echo "1 $1 $boot" > .owner'
poison "directories without permissions" 'mkdir -p net/a/b net/c; : > net/a/b/f; chmod 0 net/a/b net/a net/c net'
poison "a directory that others may write" 'chmod 0777 .'
poison "a directory without permissions" 'chmod 0 .'
poison "a sticky directory" 'chmod 1700 .'
poison "FIFOs under the names of temporary files" 'mkdir net; mkfifo net/.new-status .new-child_pid .new-.owner .new-.child-0123456789abcdef; rm .new-child_pid .new-.owner'
poison "many levels" 'mkdir net; cd net; i=0; while [ $i -lt 1200 ]; do mkdir n; cd -P n; i=$((i + 1)); done'
}
ok "nothing outside of it was touched" intact

# Only .made tells that the directory may go at the end.
killed
rm "$D/.made"; mkdir -p "$D/.made/x"
run timeout 60 rk-state "$D" rk-userns rk-idmap true
is "$rc" 0 ".made a directory: the next chain starts"
ok "and leaves a directory that may have been there before" wait_until test ! -e "$D/lock"
is "$(ls -A "$D")" "" "empty"
rmdir "$D"

# What no user may remove: files of subordinate ids. It is set aside, and the command that removes it is told.
killed
rk-userns rk-idmap sh -c 'cd "$D" && mkdir -p net/sub && : > net/sub/f && chown -R 33:33 net && chmod -R 0700 net'
run timeout 60 rk-state "$D" rk-userns rk-idmap true
is "$rc" 0 "files of a subordinate id: the next chain starts"
# shellcheck disable=SC2016
like "$err" "^rk-state: warning: unable to remove what a chain left in $D: .*; run: rk-userns rk-idmap rm -rf $D/\\.old-\\*\$" "and says what to do"
wait_until test ! -e "$D/lock"
ok "which does it" sh -c "$(printf '%s\n' "$err" | sed -n 's/^rk-state: .*; run: //p')"
is "$(ls -A "$D")" ".made" "all of it"
next "after that"
done_testing
