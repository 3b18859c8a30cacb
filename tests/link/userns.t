#!/bin/sh
# rk-userns: one pid, no child, nothing left behind
. "${RK_TEST_LIB:-tests/lib.sh}"

# shellcheck disable=SC2016
run sh -c 'echo $$; exec rk-userns rk-idmap sh -c "echo \$\$; read x < /proc/\$\$/task/\$\$/children; echo \"\$x\""'
# shellcheck disable=SC2046
is $(echo "$out" | head -n 2) "the pid is the same from the first link to the program"
is "$(echo "$out" | tail -n +3)" "" "which has no child"
changes rk-userns rk-idmap
unlike "$changed" 'fd' "and no fd that was not there before"
unlike "$diff" '[+].*(OUTSIDE|LOCK)' "and none of the variables between links"

# rk-outside keeps the user's stderr: when the program has closed its own, end of file says that rk-outside is gone
mkfifo "$T/e"
rk-userns rk-idmap sh -c 'exec rk-t-hold 2>&-' > /dev/null 2> "$T/e" < /dev/null & p=$!
ok "on the host's network it leaves no resident process" timeout 60 cat "$T/e"
ok "while the program runs" kill -0 "$p"
kill "$p"

changes rk-userns -k
like "$changed" 'ns.user' "the user namespace changes"
like "$(attr env.RK_UID)" "^$(id -u)\$" "RK_UID is the id outside"
run rk-userns; is "$rc" 100 "no program: 100"
run rk-userns -q true; is "$rc" 100 "unknown option: 100"
run rk-userns rk-not-there; is "$rc" 127 "a program that is not there: 127"
run rk-userns rk-userns true
is "$rc" 100 "a second one without rk-idmap between is refused"
like "$err" 'put rk-idmap before a second rk-userns' "and told why"
RK_STATE_LOCK_FD=77 run rk-userns true
is "$rc $err" "100 rk-userns: fatal: invalid \$RK_STATE_LOCK_FD" "a lock fd that is not open: 100"
run sh -c 'exec 0<&- 1>&- rk-userns rk-idmap true'
is "$rc" 0 "runs with stdin and stdout closed"
# shellcheck disable=SC2016
run rk-userns -k sh -c 'rk-idmap id -u'
is "$rc $out" "0 0" "-k keeps the control socket open through a program that is no link"
run rk-userns sh -c 'rk-idmap true'
is "$rc" 100 "without it there is none"
like "$err" '^rk-idmap: fatal: unable to map ids: no control socket to rk-outside: ' "and the link says so"
done_testing
