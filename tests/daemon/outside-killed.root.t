#!/bin/sh
# rk-outside killed alone: the chain lives on and still owns its state directory; what both leave is cleaned by the next
# chain
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st

spawn as_user rk-state "$D" rk-userns rk-idmap rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"
o=$(outside_of "$p")
kill -KILL "$o"; wait_gone "$o"
run as_user rk-state "$D" rk-userns rk-idmap true
is "$rc" 111 "a chain whose rk-outside was killed still owns its directory"
like "$err" "pid $p, whose rk-outside was killed\$" "and the line says so"
kill -KILL "$p"; wait_gone "$p"
is "$(cat "$D/child_pid")" "$p" "killed as well, it leaves its files"
run as_user rk-state "$D" rk-userns rk-idmap true
is "$rc$err" 0 "which the next chain cleans, silently"
ok "and takes away" wait_until test ! -e "$D"

spawn as_user rk-state -t "$T/u" rk-userns rk-idmap sh -c 'echo "$RK_STATE_DIR"; exec rk-t-hold'; p=$pid
wait_until test -s "$T/spawn.$p.out"
d=$(cat "$T/spawn.$p.out"); o=$(outside_of "$p")
kill -KILL "$o" "$p"; wait_gone "$o"; wait_gone "$p"
ok "a temporary directory stays then, too" test -d "$d"
run as_user rk-state -t "$T/u" rk-userns rk-idmap true
not_ok "until the next one sweeps it" test -e "$d"
done_testing
