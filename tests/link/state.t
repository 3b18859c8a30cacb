#!/bin/sh
# rk-state: one state directory, one chain
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/run/st

# shellcheck disable=SC2016 # for the inner shell
run rk-state "$D" rk-userns rk-idmap sh -c 'cd "$RK_STATE_DIR" && pwd && ls -A && echo "$ROOTLESSKIT_STATE_DIR $ROOTLESSKIT_PARENT_EUID $ROOTLESSKIT_PARENT_EGID" &&
  stat -c %a . && cat child_pid && echo " $$" && cat env/RK_STATE_DIR'
is "$rc" 0 "a chain under a state directory runs"
is "$out" "$D
.child
.made
.owner
child_pid
env
lock
$D $(id -u) $(id -g)
700
$(echo "$out" | sed -n 10p)
$D" "its files, variables and mode are as the page says"
# shellcheck disable=SC2046 # two words
is $(echo "$out" | sed -n 10p) "child_pid is the program's own pid, without a newline"
ok "the directory is gone with the chain" wait_until test ! -e "$D"

mkdir "$T/mine"; echo keep > "$T/mine/notes"; chmod 700 "$T/mine"
run rk-state "$T/mine/" rk-userns rk-idmap true
ok "what the chain wrote is gone" wait_until test ! -e "$T/mine/lock"
is "$(ls -A "$T/mine")" notes "a directory that was there before stays, with the user's files"

spawn rk-state "$D" rk-userns rk-idmap rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"
run rk-state "$D" rk-userns rk-idmap true
is "$rc" 111 "a second chain on the same directory is refused"
like "$err" "^rk-state: fatal: state directory $D is in use by the chain of pid $p\$" "with the owner's pid"
is "$(cat "$D/child_pid")" "$p" "and the first is undisturbed"

kill -KILL "$p"
ok "SIGKILL leaves nothing: rk-outside cleans" wait_until test ! -e "$D"

at_once() { i=0; while [ $i -lt 50 ]; do rk-state "$D" rk-userns rk-idmap true || return 1; i=$((i + 1)); done; }
ok "a chain may follow another on the same directory at once, fifty times" at_once

echo keep > "$T/hosts"
for fd in 0 1 7 x; do
  run env RK_STATE_LOCK_FD=$fd RK_STATE_DIR="$T" rk-userns rk-idmap true 7> "$T/hosts.new"
  is "$rc $err" "100 rk-userns: fatal: invalid \$RK_STATE_LOCK_FD" "fd $fd is no lock of a state directory"
done
ok "whose files stay" test -e "$T/hosts"

run sh -c 'rk-state -d 7 "$1/told" rk-userns rk-idmap rk-t-true 7> "$1/where"' - "$T"
is "$rc $(cat "$T/where")" "0 $T/told" "-d: the path, as soon as the directory is there"
run rk-state -d 77 "$T/untold" true
is "$rc $(ls -d "$T/untold" 2>/dev/null)" "100 " "-d with an fd that is not open is refused, before anything is made"

run rk-state "$T/reaped" rk-reap rk-userns rk-idmap true
is "$rc/$err" 0/ "links of the outside may stand between it and rk-userns"
run rk-state "" true
is "$rc $err" "100 rk-state: fatal: the state directory must not be empty" "an empty name is refused"
ln -s mine "$T/link"
run rk-state "$T/link" true
is "$rc $err" "102 rk-state: fatal: state directory $T/link is a symbolic link" "a symbolic link is refused"
chmod 770 "$T/mine"; run rk-state "$T/mine" true
is "$rc $err" "102 rk-state: fatal: state directory $T/mine is writable by others: chmod go-w $T/mine" \
  "a directory writable by others is refused"
run rk-state /usr true
is "$rc $err" "102 rk-state: fatal: state directory /usr belongs to another user" "somebody else's directory is refused"
run rk-state "$T/mine/notes" true
is "$rc $err" "102 rk-state: fatal: $T/mine/notes is not a directory" "a file is refused"
run rk-state "$T/$(printf '%0120d' 7)" true
is "$rc" 100 "a path too long for a socket is refused"
is "$(ls -d "$T"/0* 2>/dev/null)" "" "before anything is made"
run rk-state "$T/none" rk-not-there
is "$rc" 127 "a program that is not there: 127"
not_ok "and no directory is left" test -e "$T/none"
run rk-state "$T/x"; is "$rc" 100 "no program: 100"
run rk-state -q "$T/x" true; is "$rc" 100 "unknown option: 100"
(cd "$T" && rk-state rel rk-userns rk-idmap sh -c 'echo "$RK_STATE_DIR"') > "$T/rel.out"
is "$(cat "$T/rel.out")" "$T/rel" "a relative directory is exported as an absolute path"
# write(2) beyond RLIMIT_FSIZE: EFBIG, and not the signal that would leave the directory half made
run sh -c "(ulimit -f 0; exec rk-state '$T/limited' true) 2>&1 | cat"
like "$out" "^rk-state: fatal: unable to write .*/.owner: File too large" "a limit of file sizes: one line"
not_ok "and no directory is left" test -e "$T/limited"
done_testing
