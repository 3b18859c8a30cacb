#!/bin/sh
# examples/s6 for real: the namespaces are held by one service, another restarts in them without losing them
. "${RK_TEST_LIB:-tests/lib.sh}"
need pgrep s6-svscan s6-svwait s6-svok curl busybox execlineb
plan 14
port=$((20000 + $$ % 10000))
cp -R "$RK_TEST_STAGE/rk/examples/s6" "$T/service"
chmod u+w "$T/service" "$T/service"/*
echo "$port" > "$T/service/web/env/PORT"
cd "$T/service" || exit 1
spawn s6-svscan .
scan=$pid
wait_until s6-svok box && wait_until s6-svok web
ok "box becomes ready" s6-svwait -U -t 30000 box
box=$(s6-svstat -o pid box)
holder=$(cat box/state/child_pid)
like "$(pgrep -P "$box")" "^$holder\$" "the supervised process, rk-pidns, has the chain's as its child"
is "$(cat "/proc/$holder/comm")" rk-hold "and the program itself"
ns() { readlink "/proc/$1/ns/user" "/proc/$1/ns/mnt" "/proc/$1/ns/uts"; }
# what runs inside is a child of the supervised rk-enter, which nobody may look into
web() { pgrep -P "$(s6-svstat -o pid web)"; }
web_in() { [ "$(ns "$(web)")" = "$(ns "$1")" ]; }
serves() { [ "$(curl -sS -m 5 "http://127.0.0.1:$port/" 2>&1)" = 'hello from inside' ]; }
ok "web answers" wait_until serves
for n in 1 2 3; do
  was=$(s6-svstat -o pid web)
  s6-svc -wr -T 30000 -r web
  ok "restart $n: it answers again, in the same namespaces" eval 'wait_until serves && [ "$(s6-svstat -o pid web)" != "$was" ] && web_in "$holder"'
done
is "$(s6-svstat -o pid box)" "$box" "box was not touched"
isnt "$(readlink /proc/self/ns/user)" "$(readlink "/proc/$holder/ns/user")" "and these are namespaces of their own"
s6-svc -wR -T 30000 -r box
old=$holder
holder=$(cat box/state/child_pid)
isnt "$holder" "$old" "box is restarted"
ok "web comes back, in the new namespaces" eval 'wait_until web_in "$holder" && wait_until serves'
s6-svscanctl -t .
ok "the supervisor ends" wait_gone "$scan"
ok "so does the chain" wait_gone "$holder"
ok "the state directory is cleared" wait_until eval '[ ! -e box/state/child_pid ] && [ ! -e box/state/env ]'
