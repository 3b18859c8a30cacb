#!/bin/sh
# examples/s6 for real: the namespaces are held by one service, another restarts in them without losing them
. "${RK_TEST_LIB:-tests/lib.sh}"
need s6-svscan s6-svwait s6-svok curl busybox execlineb
plan 12
port=$((20000 + $$ % 10000))
cp -R "$RK_TEST_STAGE/rk/examples/s6" "$T/service"
chmod u+w "$T/service" "$T/service"/*
echo "$port" > "$T/service/web/env/PORT"
cd "$T/service" || exit 1
spawn s6-svscan .
scan=$pid
wait_until s6-svok box && wait_until s6-svok web
ok "box becomes ready" s6-svwait -U -t 30000 box
holder=$(s6-svstat -o pid box)
is "$(cat "box/state/child_pid")" "$holder" "the supervised pid is the chain's"
is "$(cat "/proc/$holder/comm")" rk-hold "and the program itself"
ns() { readlink "/proc/$1/ns/user" "/proc/$1/ns/mnt" "/proc/$1/ns/uts"; }
serves() { [ "$(curl -sS -m 5 "http://127.0.0.1:$port/" 2>&1)" = 'hello from inside' ]; }
ok "web answers" wait_until serves
for n in 1 2 3; do
  was=$(s6-svstat -o pid web)
  s6-svc -wr -T 30000 -r web
  ok "restart $n: it answers again, in the same namespaces" eval 'wait_until serves && [ "$(s6-svstat -o pid web)" != "$was" ] && [ "$(ns "$(s6-svstat -o pid web)")" = "$(ns "$holder")" ]'
done
is "$(s6-svstat -o pid box)" "$holder" "box was not touched"
isnt "$(readlink /proc/self/ns/user)" "$(readlink "/proc/$holder/ns/user")" "and these are namespaces of their own"
s6-svscanctl -t .
ok "the supervisor ends" wait_gone "$scan"
ok "so does the chain" wait_gone "$holder"
ok "the state directory is cleared" wait_until eval '[ ! -e box/state/child_pid ] && [ ! -e box/state/env ]'
