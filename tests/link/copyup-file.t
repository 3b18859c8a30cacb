#!/bin/sh
# rk-copyup on regular files: a private copy, whatever the mode
. "${RK_TEST_LIB:-tests/lib.sh}"
F=$T/hosts
echo one > "$F"; chmod 0604 "$F"; touch -d 2001-02-03T04:05:06 "$F"; ln -s hosts "$T/link"; : > "$T/empty"
for m in symlink overlay copy; do
  run rk_chain rk-copyup -m $m "$F" sh -c \
    "stat -c '%a %s %y' $F; echo two >> $F; cat $F; rm $F 2> /dev/null || echo stays; ls $T"
  is "$rc $out" "0 604 4 2001-02-03 04:05:06.000000000 +0000
one
two
stays
empty
hosts
link" "$m: written inside"
  is "$(cat "$F")" one "$m: not outside"
done
run rk_chain rk-copyup "$T/link:$T/empty:$F" sh -c "echo x > $T/empty; echo y > $F; cat $T/empty $T/link; pwd"
is "$rc $out" "0 x
y
$(pwd -P)" "through a link, an empty one, and twice"
run rk_chain rk-copyup "$F" sh -c "grep -c rk-copyup /proc/self/mountinfo; cd / && ls -d /bin"
is "$out" "1
/bin" "one mount remains for one file"
run rk_chain rk-copyup "$T:$F" sh -c "echo x > $F; readlink $F; cat $F; umount -l $F 2> /dev/null"
is "$out" ".ro1/hosts
x" "in a directory that is covered as well"
is "$(cat "$F")" one "which stays as it was"
done_testing
