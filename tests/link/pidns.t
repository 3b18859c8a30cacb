#!/bin/sh
# rk-pidns: what it changes, the reaper, exit status, LISTEN_PID, no fd kept, usage
[ -n "${INSIDE:-}" ] || INSIDE=1 exec rk-userns rk-idmap sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
changes rk-pidns
is "$rc/$err" 0/ "it works without a word"
is "$changed" "Seccomp mount./proc ns.mnt ns.pid ns.pid_for_children pgid sid" \
  "it changes the namespaces and /proc, and has a filter (tests/security/terminal.t)"
changes rk-pidns -R
is "$changed" "Seccomp mount./proc ns.mnt ns.pid ns.pid_for_children pdeathsig pgid sid" "-R: and the death signal"
run rk-pidns sh -c 'echo $$ $PPID; readlink /proc/self; cat /proc/1/comm'
is "$out" "2 0
3
rk-pidns" "prog is 2, pid 1 is the reaper, /proc is the new one"
run rk-pidns -R sh -c 'echo $$'
is "$out" 1 "-R: prog is 1"

for n in 0 1 42 127 128 255; do
  run rk-pidns sh -c "exit $n"; is "$rc" "$n" "status $n"
done
for s in 15 9 11 34; do
  run rk-pidns sh -c "kill -$s \$\$"; is "$rc" $((128 + s)) "death by signal $s is 128 + n"
done
run rk-pidns -R sh -c 'exit 7'; is "$rc" 7 "-R: status"

# an orphan of prog becomes pid 1's child; its end leaves no zombie
mkfifo "$T/o" "$T/f"
run timeout 60 rk-pidns sh -c '(sh -c "echo \$\$ > $0/o; read x < $0/f" &); read o < $0/o; until read _ _ _ p _ < /proc/$o/stat && [ "$p" = 1 ]; do :; done
  echo > $0/f; until [ ! -e /proc/$o ]; do :; done; echo reaped' "$T"
is "$rc/$out" 0/reaped "orphans go to pid 1 and are reaped"
run timeout 60 rk-pidns sh -c 'sleep 1000 > /dev/null & exit 3'
is "$rc" 3 "what prog leaves behind ends with it"

run sh -c 'LISTEN_PID=$$ WATCHDOG_PID=$$ LISTEN_FDS=1 LISTEN_PIDFDID=1 exec rk-pidns sh -c "echo \$\$ \$LISTEN_PID \$WATCHDOG_PID \$LISTEN_FDS \${LISTEN_PIDFDID-unset}"'
is "$out" "2 2 2 1 unset" "LISTEN_PID and WATCHDOG_PID that named us name prog"
run env LISTEN_PID=1 rk-pidns sh -c 'echo $LISTEN_PID'
is "$out" 1 "another LISTEN_PID is left alone"

# a pipe that prog closes is closed: neither the waiter nor the reaper keeps it
mkfifo "$T/p"
rk-pidns sh -c 'exec 5>&-; cat > /dev/null < "$0"' "$T/f" 5> "$T/p" 4<> "$T/f" &
pid=$!
ok "prog closes a pipe: its reader sees the end" timeout 60 cat "$T/p"
kill -KILL $pid; wait $pid 2> /dev/null

run rk-pidns
is "$rc/$err" "100/rk-pidns: fatal: no program given
rk-pidns: usage: rk-pidns [ -R ] [ -s ] [ -f fd,...|all ] [ -T ] [ -k ] prog..." "no program"
run rk-pidns -x true; is "$rc" 100 "an unknown option"
run rk-pidns ./nothing; is "$rc" 127 "no such program"
run rk-pidns /etc/passwd; is "$rc" 126 "not a program"
is "$err" "rk-pidns: fatal: unable to exec /etc/passwd: Permission denied" "in one line"
done_testing
