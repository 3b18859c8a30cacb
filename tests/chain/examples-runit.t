#!/bin/sh
# examples/runit for real
. "${RK_TEST_LIB:-tests/lib.sh}"
need pgrep runsvdir sv chpst curl busybox
plan 8
port=$((20000 + $$ % 10000))
cp -R "$RK_TEST_STAGE/rk/examples/runit" "$T/service"
chmod u+w "$T/service" "$T/service"/*
echo "$port" > "$T/service/web/env/PORT"
cd "$T/service" || exit 1
spawn runsvdir -P .
scan=$pid
wait_until test -e box/state/child_pid
holder=$(cat box/state/child_pid)
box=$(cat box/supervise/pid)
like "$(pgrep -P "$box")" "^$holder\$" "the supervised process, rk-pidns, has the chain's as its child"
is "$(cat "/proc/$holder/comm")" rk-hold "and the program itself"
serves() { [ "$(curl -sS -m 5 "http://127.0.0.1:$port/" 2>&1)" = 'hello from inside' ]; }
ok "web answers" wait_until serves
was=$(cat web/supervise/pid)
run sv -w 10 restart ./web
is "$rc" 0 "sv restart"
ok "it answers again, and box was not touched" eval \
  'wait_until serves && [ "$(cat web/supervise/pid)" != "$was" ] && [ "$(cat box/supervise/pid)" = "$box" ]'
sv -w 10 restart ./box > /dev/null 2>&1
old=$holder
another() { holder=$(cat box/state/child_pid) && [ -n "$holder" ] && [ "$holder" != "$old" ]; }
wait_until another
user() { readlink "/proc/$1/ns/user"; }
web_in() { [ "$(user "$(pgrep -P "$(cat web/supervise/pid)")")" = "$(user "$1")" ]; }
ok "box is restarted: web comes back, in the new namespaces" eval 'wait_until web_in "$holder" && wait_until serves'
sv -w 10 exit ./web ./box > /dev/null 2>&1
ok "sv exit ends the chain" wait_gone "$holder"
end "$scan"
ok "the state directory is cleared" wait_until eval '[ ! -e box/state/child_pid ] && [ ! -e box/state/env ]'
