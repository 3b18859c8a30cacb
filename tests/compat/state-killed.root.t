#!/bin/sh
# rootlesskit: rk-outside is killed; then the state directory is rootlesskit's own to take away
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$RK_TEST_XDG/killed
spawn as_user rootlesskit --state-dir="$D" rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"; child=$(cat "$D/child_pid")
outside=$(outside_of "$child"); kill -KILL "$outside"; wait_gone "$outside"
ok "the command goes on" kill -0 "$child"
kill -TERM "$child"; wait_gone "$p"; wait "$p"
unlike "$(cat "$T/spawn.$p.err")" "left alone|unable" "its end is told without a word about the directory"
not_ok "which is gone" test -e "$D"
done_testing
