#!/bin/sh
# rk-reap: orphans are reaped, what prog leaves ends with it, and nothing else does; exit status; what is refused
# (signals and terminals: pidns-signal.t, pidns-tty.t)
. "${RK_TEST_LIB:-tests/lib.sh}"
changes rk-reap
is "$rc/$err" 0/ "it works without a word, without a chain"
is "$changed" pdeathsig "prog gets a death signal, and nothing else is changed"
run rk-reap sh -c 'cat /proc/$PPID/comm'
is "$out" rk-reap "it is prog's parent"
for n in 0 1 42 127 128 255; do
  run rk-reap sh -c "exit $n"; is "$rc" "$n" "status $n"
done
for s in 15 9 11 34; do
  run rk-reap sh -c "kill -$s \$\$"; is "$rc" $((128 + s)) "death by signal $s is 128 + n"
done
run python3 -c 'import subprocess, sys
print(subprocess.call(["rk-reap", "-s", "sh", "-c", "kill -15 $$"]))'
is "$out" -15 "-s: it dies by the same signal"

# an orphan of prog becomes the child of rk-reap; its end leaves no zombie
mkfifo "$T/o" "$T/f"
# shellcheck disable=SC2016
run timeout 60 rk-reap sh -c '(setsid sh -c "echo \$\$ > $0/o; read x < $0/f" &); read o < $0/o
  until read _ _ _ p _ < /proc/$o/stat && [ "$p" = $PPID ]; do :; done
  echo > $0/f; until [ ! -e /proc/$o ]; do :; done; echo reaped' "$T"
is "$rc/$out" 0/reaped "orphans go to rk-reap and are reaped"

# whoever inherits the write end of a pipe and lives keeps its reader waiting
mkfifo "$T/p"
gone() { timeout 60 cat > "$T/seen"; }
leaves() { # NAME SCRIPT: what it leaves ends with it
  name=$1
  timeout 90 rk-reap sh -c "$2" sh "$T" > "$T/p" &
  pid=$!
  ok "$name: ended with prog" gone < "$T/p"
  wait "$pid"
  is $? 3 "$name: the status is prog's"
}
leaves "a process in the background" 'rk-t-hold & exit 3'
leaves "in a session of its own" 'setsid rk-t-hold & exit 3'
leaves "daemons, three of them" 'for i in 1 2 3; do (setsid sh -c "rk-t-hold; true" &) ; done; exit 3'
leaves "one that ignores signals" '(trap "" TERM HUP INT; rk-t-hold) & exit 3'
# shellcheck disable=SC2016
leaves "a stopped one" 'rk-t-hold & kill -STOP $!; exit 3'
# shellcheck disable=SC2016
leaves "a deep tree" 'f() { [ $1 = 0 ] && rk-t-hold || { f $(($1 - 1)) & wait; }; }; f 20 & echo up; exit 3'
leaves "a subreaper with children" 'rk-reap sh -c "rk-t-hold & rk-t-hold & wait" & exit 3'
leaves "many" 'i=0; while [ $i -lt 150 ]; do rk-t-hold & i=$((i + 1)); done; exit 3'
cat > "$T/daemon.py" <<'E'
import http.server, os, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
r, w = os.pipe()
for i in range(2):
    if os.fork():
        os.close(w)
        os.read(r, 1)
        os._exit(0)
    os.setsid()
print("up", flush=True)
os.close(w)
server.serve_forever()
E
# shellcheck disable=SC2016
leaves "a web server that became a daemon" 'python3 "$1/daemon.py"; exit 3'
is "$(cat "$T/seen")" up "(it ran)"
# processes that fork new ones while they are killed
# shellcheck disable=SC2016
leaves "a chain of forks" \
  'f() { n=0; while [ $n -lt 300 ]; do (exec setsid rk-t-hold) & n=$((n + 1)); done; }; f & f & exit 3'

# what this process had before is not prog's
# shellcheck disable=SC2016
run sh -c 'rk-t-hold > /dev/null 2>&1 & echo $!; exec rk-reap sh -c "rk-t-hold > /dev/null 2>&1 & exit 4"'
is "$rc" 4 "a child from before: status"
ok "it still runs" kill -0 "$out"
kill "$out"; wait_gone "$out"
# shellcheck disable=SC2016
run timeout 60 sh -c 'mkfifo "$0/q"; { read x < "$0/q"; exit 5; } & old=$!; exec rk-reap sh -c "
  echo > $0/q; while [ -e /proc/$old ]; do :; done; echo reaped" ' "$T"
is "$rc/$out" 0/reaped "when it ends it is reaped as well"
run timeout 60 python3 -c 'import os
old = os.fork()
if not old:
    os._exit(0)
os.waitid(os.P_PID, old, os.WEXITED | os.WNOWAIT)
os.execvp("rk-reap", ["rk-reap", "sh", "-c", "while [ -e /proc/%d ]; do :; done; echo reaped" % old])'
is "$rc/$out" 0/reaped "one that had ended before is reaped, too"
run python3 -c 'import os
r, w = os.pipe()
os.set_inheritable(w, True)  # their end: when it is closed
for i in range(65):
    if not os.fork():
        os.close(w)
        os.read(r, 1)
        os._exit(0)
os.execvp("rk-reap", ["rk-reap", "true"])'
is "$rc $err" "100 rk-reap: fatal: this process has more than 64 children already, which could not be told from those \
of prog" "more of them than it can remember"

# killed itself
rk-reap sh -c 'echo up; exec rk-t-hold' > "$T/p" &
pid=$!
{ read -r up; kill -KILL "$pid"; ok "$up, then rk-reap killed: prog ends" gone; } < "$T/p"
wait "$pid"

# a pipe that prog closes is closed, and the variables name prog
rk-reap sh -c 'exec 5>&-; exec cat > /dev/null < "$0"' "$T/f" 5> "$T/p" 4<> "$T/f" &
pid=$!
ok "prog closes a pipe: its reader sees the end" timeout 60 cat "$T/p"
kill -KILL $pid; wait $pid 2> /dev/null
# shellcheck disable=SC2016
run sh -c 'LISTEN_PID=$$ WATCHDOG_PID=$$ LISTEN_FDS=1 LISTEN_PIDFDID=1 exec rk-reap sh -c "
  [ \$\$ = \$LISTEN_PID ] && [ \$\$ = \$WATCHDOG_PID ] && echo \$LISTEN_FDS \${LISTEN_PIDFDID-unset}"'
is "$out" "1 unset" "LISTEN_PID and WATCHDOG_PID that named us name prog"

# in a chain; and chains in it, whose rk-outside tidies up
# shellcheck disable=SC2016
run rk-state "$T/st" rk-userns rk-idmap rk-reap sh -c '[ "$(cat "$RK_STATE_DIR/child_pid")" = $$ ] && echo same'
is "$rc/$out" 0/same "child_pid is prog" || diag "$err"
# half a second may not be enough on a machine that stalls: then once more
clears() {
  rm -rf "$T/in"
  # shellcheck disable=SC2016
  run timeout 60 rk-reap sh -c 'rk-state "$0/in" rk-userns rk-idmap rk-net -d none rk-t-hold > /dev/null 2>&1 &
    until [ -s "$0/in/child_pid" ]; do sleep 0.01; done; exit 6' "$T"
  [ ! -e "$T/in/child_pid" ]
}
ok "a chain inside is ended, and its state directory cleared" wait_until clears
is "$rc" 6 "the status is prog's"
run rk-userns rk-idmap rk-setid 33 rk-reap sh -c 'id -u; rk-t-hold > /dev/null & exit 2'
is "$rc/$out" 2/33 "after rk-setid"
run timeout 60 rk-userns rk-idmap rk-copyup /etc rk-reap sh -c \
  'mount -t tmpfs none /proc || exit; setsid rk-t-hold > /dev/null 2>&1 & exit 5'
is "$rc" 5 "prog that covers /proc changes nothing"

# refused
run rk-userns rk-idmap rk-copyup /etc sh -c 'mount -t tmpfs none /proc; exec rk-reap touch "$0"' "$T/done"
is "$rc" 102 "without /proc: 102"
like "$err" '^rk-reap: fatal: unable to find the children of this process: /proc is not that of' "it is said"
like "$err" '^rk-reap: info: D9: ' "with the setting's id"
run rk-userns rk-idmap unshare -p -f rk-reap touch "$T/done"
is "$rc" 102 "with the /proc of another pid namespace: 102"
run rk-reap ./nothing; is "$rc" 127 "no such program"
run rk-reap /etc/passwd; is "$rc" 126 "not a program"
is "$err" "rk-reap: fatal: unable to exec /etc/passwd: Permission denied" "in one line"
if command -v strace > /dev/null; then
  for call in pidfd_open prctl fork,clone; do
    run strace -qq -o /dev/null -e trace=$call -e inject=$call:error=ENOMEM rk-reap touch "$T/done"
    is "$rc" 111 "$call fails: 111"
    like "$err" "^rk-reap: fatal: unable to (open a pidfd|become a subreaper|fork): " "$call: one line"
  done
else
  skip 6 "no strace on this machine"
fi
not_ok "none of the refused programs ran" test -e "$T/done"
done_testing
