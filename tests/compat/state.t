#!/bin/sh
# rootlesskit: the life of the state directory (compat section 6)
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/a/b/state
run rootlesskit --state-dir="$D" --net=none --port-driver=builtin -p 127.0.0.1:$((20000 + $$ % 10000)):80/tcp sh -c '
  echo "$ROOTLESSKIT_STATE_DIR"; cat "$ROOTLESSKIT_STATE_DIR/child_pid"; echo " $$"; cd "$ROOTLESSKIT_STATE_DIR"; stat -c "%a %F %n" lock child_pid api.sock
  grep -h state= ports.status/1; tr "\0" "\n" < "/proc/$(cat child_pid)/environ" | grep -c ^ROOTLESSKIT_'
is "$rc $(printf '%s\n' "$out" | sed '2d')" "0 $D
600 regular empty file lock
444 regular file child_pid
600 socket api.sock
state=listening
3" "when the command starts, child_pid, api.sock and the ports are there"
# shellcheck disable=SC2046 # two words
is $(printf '%s\n' "$out" | sed -n 2p) "child_pid: the command's pid, no newline"
not_ok "the directory is gone at the end" test -e "$D"
ok "its parents stay" test -d "$T/a/b"
cd "$T" || exit
run rootlesskit --state-dir ./rel/../rel2 sh -c 'echo $ROOTLESSKIT_STATE_DIR'; is "$out" "$T/rel2" \
  "a relative one is cleaned and made absolute"
mkdir "$T/empty"; run rootlesskit --state-dir="$T/empty" true
is "$rc" 0 "an empty directory will do"; not_ok "and goes too" test -e "$T/empty"
run rootlesskit --state-dir="$D" sh -c 'exit 3'; is "$rc" 3 "after an error"; not_ok "it is gone as well" test -e "$D"
run rootlesskit --state-dir="$D" nonesuch; not_ok "and when the command is not found" test -e "$D"

spawn rootlesskit --state-dir="$D" rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"
run rootlesskit --state-dir="$D" true
is "$rc $err" "1 [rootlesskit:parent] error: failed to lock $D/lock, another RootlessKit is running with the same state directory?" "a second one is refused"
ok "the first is undisturbed" sh -c 'kill -0 "$(cat "$1/child_pid")" && test -S "$1/api.sock"' - "$D"
child=$(cat "$D/child_pid"); mkdir "$D/left" 2>/dev/null; touch "$D/left/over"
kill -KILL "$p"
ok "SIGKILL of rootlesskit ends the command" wait_gone "$child"
run rootlesskit --state-dir="$D" sh -c 'ls -A "$ROOTLESSKIT_STATE_DIR"'
is "$rc $err" "0 " "the next one starts at once"
unlike "$out" left "and finds nothing of the last"
not_ok "it is gone" test -e "$D"

spawn rootlesskit --state-dir="$D" rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"; kill -TERM "$p"; wait_gone "$p"; wait "$p"
is "$?" 255 "SIGTERM: 255"; not_ok "and the directory is gone" test -e "$D"
spawn rootlesskit --state-dir="$D" rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"; kill -KILL "$(cat "$D/child_pid")"; wait_gone "$p"
not_ok "when the command is killed, too" test -e "$D"
is "$(ls -A "$T/a/b")" "" "nothing is left"

# A rk-outside that tidies up takes the marks of a state directory away before it knows that something is left there,
# and writes them again before it lets go of the lock.
mkdir "$D"; touch "$D/left" "$D/lock"
exec 9< "$D/lock"; flock 9
spawn rootlesskit --state-dir="$D" true 9<&-; p=$pid
looked() { # PID TIMES: has it slept so often, or ended?
  n=$(sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
  [ "${n:-$2}" -ge "$2" ] || grep -qs '^State:.Z' "/proc/$1/status"
}
wait_until looked "$p" 20
echo made > "$D/.made"; exec 9<&-
wait "$p"
is "$? $(cat "$T/spawn.$p.err")" "0 " "a directory that is being tidied up is looked at when that is done"
not_ok "and goes with what was left" test -e "$D"
done_testing
