#!/bin/sh
# rootlesskit: a helper that dies is replaced; a failing port ends the start; kill -9 at any stage leaves nothing
. "${RK_TEST_LIB:-tests/lib.sh}"
need curl
D=$T/st P=$((20000 + $$ % 10000))
children() { cat "/proc/$1/task/$1/children"; }
named() { for c in $(children "$1"); do [ "$(cat "/proc/$c/comm" 2>/dev/null)" != "$2" ] || echo "$c"; done; }
spawn rootlesskit --state-dir="$D" --net=none --port-driver=builtin -p "127.0.0.1:$P:80/tcp" rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"
curl -s --unix-socket "$D/api.sock" http://x/v1/info > /dev/null # rk-apid comes with its first client
for h in rk-apid rk-portd; do
  old=$(named "$p" $h)
  kill -KILL "$old"
  ok "$h is started again" wait_until sh -c 'for c in $(cat "/proc/$1/task/$1/children"); do [ "$c" != "$3" ] && [ "$(cat "/proc/$c/comm")" = "$2" ] && exit 0; done; exit 1' - "$p" $h "$old"
done
wait_until sh -c 'curl -s --max-time 5 --unix-socket "$1/api.sock" http://x/v1/ports | grep -q "$2"' - "$D" \
  "\"id\":1,\"spec\":{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,"
is $? 0 "and the port is served as before"
like "$(cat "$T/spawn.$p.err")" 'warning: rk-apid died \(signal: killed\)' "with a word about it"
run rootlesskit --state-dir="$T/other" --net=none --port-driver=builtin -p "127.0.0.1:$((P + 1)):80/tcp" -p \
  "127.0.0.1:$P:80/tcp" touch "$T/started"
is "$rc $(printf '%s\n' "$err" | tail -n 1)" "1 [rootlesskit:parent] error: failed to expose port {tcp 127.0.0.1 $P 80 }: listen tcp 127.0.0.1:$P: bind: address already in use" "a port in use"
not_ok "the command was never started" test -e "$T/started"
not_ok "and nothing is left" test -e "$T/other"
all="$p $(children "$p")"
for c in $(children "$p"); do all="$all $(children "$c")"; done
kill -KILL "$p"
for c in $all; do wait_gone "$c" || fail "$c is gone"; done
ok "kill -9 of rootlesskit ends all" wait_until sh -c '! grep -sq "$1" /proc/[0-9]*/environ' - "STATE_DIR=$D"
end "$p"
# kill -9 early: whatever the stage, nothing lives on and the next start works
n=0
for delay in 0 0.002 0.005 0.01 0.015 0.02 0.03 0.05; do
  rootlesskit --state-dir="$D" --net=none --port-driver=builtin rk-t-hold 2> /dev/null & p=$!
  rk-t-wait $p $delay 2> /dev/null
  kill -KILL $p; wait $p 2> /dev/null
  timeout 30 rootlesskit --state-dir="$D" --net=none --port-driver=builtin true 2> "$T/err" && n=$((n + 1)) ||
    diag "$delay: $(cat "$T/err")"
done
is $n 8 "the next start works after SIGKILL at eight stages"
ok "no process of a killed start lives on" wait_until sh -c '! grep -sq "$1" /proc/[0-9]*/environ' - "STATE_DIR=$D"
is "$(ls -A "$T" | grep '^st$')" "" "no directory either"
done_testing
