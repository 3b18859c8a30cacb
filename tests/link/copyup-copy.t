#!/bin/sh
# rk-copyup, mode copy: a private copy with links, hard links, modes, times and attributes
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/d
mkdir -p "$D/sub/deep" "$T/out"
echo one > "$D/one"; chmod 0640 "$D/one"; ln "$D/one" "$D/sub/two"; ln -s ../../out "$D/sub/leaves"
echo x > "$T/out/x"; mkfifo "$D/pipe"; truncate -s 40000000 "$D/holes"; printf end >> "$D/holes"
head -c 300000 /dev/urandom > "$D/sub/big"; cp "$D/sub/big" "$T/big"
touch -hd 2001-02-03T04:05:06.789 "$D/sub/leaves"; touch -d 2002-03-04T05:06:07.5 "$D/one" "$D/sub/deep" "$D/sub" "$D"
attr=''; setfattr -n user.rk -v kept "$D/one" 2>/dev/null && attr=yes
list() { stat -c '%n %A %h %s %y %N' . one holes sub sub/two sub/deep sub/leaves pipe |
  sed 's/^\(\. [^ ]*\) [^ ]* [^ ]*/\1/; s/^\(sub[/a-z]* d[^ ]*\) [^ ]* [^ ]*/\1/'; }
want=$(cd "$D" && list)
inside() { run rk_chain rk-copyup -m copy "$D" sh -c "cd $D || exit; $1"; }

inside "$(sed -n '/^list()/,/}$/p' "$0"); list"
is "$out" "$want" "names, modes, hard links, sizes and times are kept"
is "$rc $err" "0 " "and nothing is reported"
inside "stat -fc %T .; cmp sub/big $T/big && cat sub/leaves/x && tail -c 3 holes && test \$(stat -c %b holes) -lt 1000 && ls -A"
is "$rc $out" "0 tmpfs
x
endholes
one
pipe
sub" "contents are, holes stay holes, links that leave the directory work"
inside 'echo more >> sub/two && cat one && mv sub SUB && rm -r SUB && chmod 777 holes && mkdir sub/x -p'
is "$rc $out" "0 one
more" "everything can be written, moved and removed"
is "$(cat "$D/one"; ls "$D")" "one
holes
one
pipe
sub" "and nothing of it outside"
if [ -n "$attr" ]; then
  inside 'getfattr --only-values -n user.rk one'
  is "$out" kept "user attributes are kept"
else skip 1 "no user attributes on this file system"; fi
# a pipe cannot be copied: both ends must meet
inside "echo through > pipe & cat $D/pipe"
is "$out" through "a pipe is the one that was there"

done_testing
