#!/bin/sh
# rk-copyup on what belongs to others: what cannot be read is named, set-id bits do not come alive, hidden links work
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/etc
mkdir -p "$D/sub/deep" "$T/var"; echo ca > "$T/var/ca"
echo x > "$D/shadow"; chmod 0600 "$D/shadow"; echo x > "$D/plain"; chmod 000 "$D/sub/deep"
echo x > "$D/suid"; chmod 6755 "$D/suid"; mkdir -m 0711 "$D/dark"; ln -s ../../var/ca "$D/dark/ca"
inside() { mode=$1; shift; run as_user rk-userns rk-idmap rk-copyup -m "$mode" "$D" sh -c "cd $D || exit; $1"; }

inside copy 'find * | sort; stat -c "%n %a %u:%g" plain suid sub'
is "$rc $out" "0 plain
sub
suid
plain 644 0:0
suid 755 0:0
sub 755 0:0" "copy: what cannot be read is left out; owners become 0:0, without set-id bits"
like "$err" "^rk-copyup: warning: $D: 3 entries could not be read and are missing from the copy:( (dark|sub/deep|shadow)){3}\$" "counted and named in one line"
mkdir "$D/many"
for i in $(seq 200); do : > "$D/many/a-file-of-a-rather-long-name-$i"; done; chmod 000 "$D"/many/a-*
inside copy :
like "$err" '203 entries could not be read .* and 1[0-9][0-9] more$' "of many the first, and how many more"
is "$(printf '%s\n' "$err" | wc -l)" 1 "still in one line"
inside symlink 'cat dark/ca; cat sub/deep/x'
is "$out" ca "symlink: a link that climbs out of a directory nobody may list works, too"
inside symlink 'echo y > plain; rm shadow; echo mine > shadow; cat shadow'
is "$out" mine "a foreign file is not written, but replaced"
is "$(cat "$D/plain" "$D/shadow")" "x
x" "nothing outside has changed"
inside overlay 'rm plain && echo mine > plain && cat plain'
is "$out" mine "overlay: a foreign file can be replaced"
chmod 0700 "$D"
for mode in symlink copy; do
  inside $mode :
  is "$rc $err" "111 rk-copyup: fatal: unable to read $D: Permission denied" \
    "$mode: a directory that cannot be read is refused"
done
chmod 0755 "$D"; mkdir -m 0700 "$T/closed" "$D/closed"
for mode in symlink overlay copy; do
  cd "$T/closed" || exit
  run as_user rk-userns rk-idmap rk-copyup -m "$mode" "$D:$D/plain" sh -c "cat $D/plain"
  is "$rc $out" "0 x" "$mode: a working directory elsewhere that may not be searched is left alone"
  cd "$D/closed" || exit
  run as_user rk-userns rk-idmap rk-copyup -m "$mode" "$D" true
  like "$rc $(printf '%s\n' "$err" | tail -n 1)" \
    "^111 rk-copyup: fatal: unable to enter again $D/closed: (Permission denied|No such file or directory)\$" \
    "$mode: one that is covered is refused"
done
cd / || exit
done_testing
