#!/bin/sh
# rk-setid: the ids, groups and capabilities that it changes, what the user can no longer do, what is refused
# shellcheck disable=SC2046,SC2086 # words
. "${RK_TEST_LIB:-tests/lib.sh}"
u=$(id -u) g=$(id -g) n=$(id -un)
if [ -z "${INSIDE:-}" ]; then
  mkdir "$T/own"
  INSIDE=$T/own exec rk-userns rk-idmap -u "$u:$g" rk-copyup /etc sh "$0"
fi
own=$INSIDE
chmod 0777 "$T" # the user writes the probe's file
for f in passwd group; do # not the host's, by a link
  cat /etc/$f > "$T/$f" && mv "$T/$f" /etc/$f && chmod 0644 /etc/$f
done
u=$(stat -c %u "$own") g=$(stat -c %g "$own") n=$(awk -F: -v u="$u" '$3 == u { print $1 }' /etc/passwd)
at_exit "rm -rf ${own%/own}"
changes rk-setid 33:44
is "$rc/$err" 0/ "it works without a word"
is "$changed" "CapEff CapPrm Gid Groups Uid" "it changes ids, groups and capabilities, and nothing else" || diag "$diff"
is "$(echo $(attr Uid) $(attr Gid))" "33 33 33 33 44 44 44 44" "all four ids"
like "$(attr CapEff) $(attr CapPrm) $(attr CapInh) $(attr CapAmb)" '^[0 ]*$' "no capability is left"
run rk-setid 33 sh -c 'id -u; id -g'
is "$rc$err $(echo $out)" "0 33 33" "without GID it is the number of UID"
run rk-setid 33:44 sh -c 'id -u; id -g; exec sh -c "exit 7"'
is "$rc$err $(echo $out)" "7 33 44" "the exit status is the program's"

# groups: of the names that /etc/passwd has for the uid
echo "again:x:$u:$g::/:/bin/sh" >> /etc/passwd
{ echo "many:x:4001:a,b,$n,c"; echo "second:x:4002:again"; echo "like:x:4003:${n}x,x$n"; } >> /etc/group
run rk-setid "$u:$g" id -G
is "$rc$err $(printf '%s\n' $out | sort -n | tr '\n' ' ')" \
  "0$(printf '%s\n' $g 4001 4002 $(awk -F: -v n="$n" '("," $4 ",") ~ ("," n ",") { print $3 }' /etc/group) |
    sort -nu | tr '\n' ' ' | sed 's/^/ /')" "-g file: those of /etc/group, by both names"
run rk-setid -g drop "$u:$g" id -G; is "$rc$err $out" "0 $g" "-g drop"
run setpriv --groups 50,60 rk-setid -g keep "$u:$g" id -G; is "$rc$err $out" "0 $g 50 60" "-g keep"
run rk-setid 3999 id -G; is "$rc$err $out" "0 3999" "a uid without a name"
echo "far:x:4294967294:$n" >> /etc/group
run rk-setid "$u:$g" true
is "$rc $err" "100 rk-setid: fatal: unable to set the groups: GID, or one of /etc/group, is not mapped here \
(rk-idmap -u, -M); compare -g" "a group that is not mapped"
sed -i '/^far:/d' /etc/group
mv /etc/group /etc/group.away; run rk-setid "$u:$g" id -G; is "$rc$err $out" "0 $g" "no /etc/group"
mkfifo /etc/group; run timeout 60 rk-setid "$u:$g" true; is "$rc" 0 "a FIFO in its place"
rm /etc/group; mkdir /etc/group
run rk-setid "$u:$g" true
is "$rc $err" "111 rk-setid: fatal: unable to read /etc/group: Is a directory" "a directory in its place"
rmdir /etc/group; mv /etc/group.away /etc/group

# what is gone
echo secret > "$T/secret"; chmod 0600 "$T/secret"
fails() { name=$1; shift; run "$@"; isnt "$rc" 0 "$name"; }
user() { rk-setid "$u:$g" "$@"; }
fails "a file of root inside" user cat "$T/secret"
fails "a mount" user mount -t tmpfs none "$own"
fails "chown" user chown 0 "$own"
fails "a signal to root inside" user kill -0 $$
fails "becoming root inside again" user rk-setid 33 true
fails "setpriv" user setpriv --reuid 0 true
run user touch "$own/new"; is "$rc$err" 0 "its own files are writable"
is "$(stat -c %u:%g "$own/new")" "$u:$g" "and get its ids"

refused() { # CODE TEXT ARG...
  code=$1 text=$2; shift 2
  run rk-setid "$@"
  is "$rc $(printf '%s\n' "$err" | head -n 1)" "$code rk-setid: $text" "$*"
}
for bad in x -5x 1: :1 1:x 1:1:1 4294967295 1:4294967295 4294967296 0x1 ' 1'; do
  refused 100 "fatal: $bad is not UID or UID:GID" -- "$bad" true
done
refused 100 "fatal: uid 0 gains all capabilities again when it executes a program: name another" 0 true
refused 100 "fatal: uid 0 gains all capabilities again when it executes a program: name another" 0:5 true
refused 100 "fatal: unable to become 99999999: this user namespace does not map it (rk-idmap -u, -M)" -g keep \
  99999999 true
refused 100 "fatal: no program given" 5
run rk-setid -g no 5 true; is "$rc" 100 "an unknown treatment of groups"
refused 127 "fatal: unable to exec ./nothing: No such file or directory" 5 ./nothing
run rk-userns rk-idmap -m single rk-setid 5 true
is "$rc" 102 "where setgroups is denied"
like "$err" '^rk-setid: info: I12: ' "the setting is named"

# each call that can fail
if command -v strace > /dev/null; then
  for call in setgroups setresgid setresuid capset; do
    run strace -qq -o /dev/null -e trace=$call -e inject=$call:error=ENOMEM rk-setid 5 touch "$own/done"
    is "$rc" 111 "$call fails: 111"
    like "$err" "^rk-setid: fatal: unable to (set the groups|become 5|give up the capabilities): " "$call: one line"
  done
  not_ok "none of the programs ran" test -e "$own/done"
else
  skip 9 "no strace on this machine"
fi
done_testing
