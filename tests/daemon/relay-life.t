#!/bin/sh
# The relay outlives rk-portd as long as it has connections, and never outlives the chain.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip mkfifo
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside python3 "$tools/clients.py" echo 7000
portd "tcp,$host,$port,127.0.0.1,7000" "tcp,$host,$((port + 1)),127.0.0.1,7000"
is "$(awk '{ print $41 }' "/proc/$relaypid/stat")" 3 "it is a SCHED_BATCH task"
talk() { # NAME PORT: a connection; `say NAME TEXT` -> $heard
  mkfifo "$T/$1.in"
  python3 "$tools/clients.py" talk "$host" "$2" < "$T/$1.in" > "$T/$1.out" 2>&1 &
  tap_pids="$tap_pids $!"
}
lines() { [ "$(wc -l < "$T/$1.out")" -ge "$2" ]; }
talk a "$port"; a=$!; exec 5> "$T/a.in"; wait_until lines a 1
echo hello >&5; wait_until lines a 2
is "$(tail -n 1 "$T/a.out")" hello "a connection"
talk b "$((port + 1))"; exec 6> "$T/b.in"; wait_until lines b 1
if command -v ss > /dev/null; then
  like "$(ss -tnoH sport = ":$port")" 'timer:\(keepalive,14min' "keep-alive asks a client after a quarter of an hour"
else skip 1 "no ss on this machine"; fi
tell "del 2" deleted
echo cut >&6; wait_until lines b 2
is "$(tail -n 1 "$T/b.out")" ECONNRESET "a deleted port's connections are reset"
tell "del 2" "No such file"
like "$answer" "^del:" "a port that is not there cannot be deleted"
tell "add tcp,$host,$((port + 2)),127.0.0.1,7000" added
is "$(python3 "$tools/clients.py" row "$host" $((port + 2)) 5)" "echoed=5" "a port added later"
end "$portdpid"; exec 9>&-
echo still >&5; wait_until lines a 3
is "$(tail -n 1 "$T/a.out")" still "rk-portd is gone: the connection goes on"
is "$(python3 "$tools/clients.py" talk "$host" "$port" < /dev/null)" ECONNREFUSED \
  "... but nobody listens, so another rk-portd can"
rm "$T/ctl"; first=$relaypid
portd "tcp,$host,$port,127.0.0.1,7000"
is "$(python3 "$tools/clients.py" row "$host" "$port" 5)" "echoed=5" "a second relay beside the first"
echo both >&5; wait_until lines a 4
is "$(tail -n 1 "$T/a.out")" both "... which still carries its connection"
exec 5>&-; kill "$a"
ok "the first leaves with its last connection" wait_gone "$first"
is "$(python3 "$tools/clients.py" row "$host" "$port" 5)" "echoed=5" "... and takes nothing of the second's with it"
kill -KILL "$ns"
ok "the chain is killed: the relay leaves at once" wait_gone "$relaypid"
tell wait "exit"
is "$answer" "exit 0" "... with status 0"
done_testing
