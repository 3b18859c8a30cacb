#!/bin/sh
# rk-copyup killed in the middle of its work: nothing has happened outside
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace
D=$T/d
mkdir -p "$D/sub" "$T/out"; echo x > "$D/a"; ln "$D/a" "$D/b"; ln -s ../../out "$D/sub/out"; mkfifo "$D/pipe"
list() { find "$D" -printf '%p %M %s %n %T@ %l\n' | sort; }
want=$(list) mounts=$(cut -d ' ' -f 2- /proc/self/mountinfo)
for m in symlink overlay copy; do
  for call in unshare open_tree fsmount mkdirat move_mount symlinkat linkat openat unlinkat fsconfig; do
    case $m,$call in symlink,linkat | symlink,unlinkat | overlay,symlinkat | overlay,linkat | overlay,unlinkat | overlay,open_tree) continue ;; esac
    run rk_chain strace -qq -o "$T/trace" -e trace=$call -e inject=$call:signal=KILL:when=1 rk-copyup -m $m "$D" echo \
      ran
    [ "$rc$out" = 137 ] || fail "$m: killed at $call" "$rc $out $err"
    [ "$(list)" = "$want" ] || fail "$m, $call: the directory is as it was" "$(list)"
  done
  pass "$m: killed at each call"
done
is "$(list)" "$want" "the directory is as it was"
is "$(cut -d ' ' -f 2- /proc/self/mountinfo)" "$mounts" "no mount is left"
is "$(find "$T" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' | sort | tr '\n' ' ')" "d out trace " \
  "and no scratch directory"
# the last calls fail instead: one line, 111, nothing left
cd "$D" || exit # it is entered again
for call in open_tree fsopen fsmount move_mount unshare mount symlinkat mkdirat chdir; do
  run rk_chain strace -qq -o "$T/trace" -e trace=$call -e inject=$call:error=EIO rk-copyup "$D" echo ran
  is "$rc $out" "111 " "$call fails: 111"
  is "$(printf '%s\n' "$err" | grep -c '^rk-copyup: fatal: unable to .*: I/O error$\|^rk-copyup: fatal: unable to .*: Input/output error$')" 1 "$call fails: one line"
done
cd / || exit
is "$(list)" "$want" "the directory is as it was"
done_testing
