#!/bin/sh
# rk-enter into a pid namespace: signals, status, terminal, LISTEN_PID, death; the waiter stands for the inside
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/state
mkfifo "$T/ready"
rk-state "$D" rk-userns rk-idmap rk-pidns rk-hold -d 3 3> "$T/ready" &
chain=$! tap_pids="$tap_pids $!"
read -r line < "$T/ready"
inside=$(cat "$D/child_pid")
for how in "-s $D" "-p $chain" "-p $inside"; do
  # shellcheck disable=SC2086 # words
  run rk-enter $how sh -c 'echo $PPID $(cat /proc/2/comm); exit 200'
  is "$rc/$out" "200/0 rk-hold" "$how: in the pid namespace, with its /proc"
  # shellcheck disable=SC2086
  is "$(rk-enter $how sh -c 'readlink /proc/self/ns/*' | sort)" "$(readlink "/proc/$inside/ns"/* | sort)" \
    "$how: all namespaces"
done
changes rk-enter -s "$D"
is "$(echo "$changed" | tr ' ' '\n' | grep -vE '^(mount\.|CapBnd)' | tr '\n' ' ')" \
  "CapEff CapPrm Gid Groups Seccomp Uid gid_map ns.mnt ns.pid ns.pid_for_children ns.user pdeathsig pgid sid uid_map " \
  "what it changes" || diag "$diff"
run rk-enter -s "$D" sh -c 'kill -9 $$'; is "$rc" 137 "death by a signal"
run sh -c 'LISTEN_PID=$$ exec rk-enter -s "$0" sh -c "[ \$LISTEN_PID = \$\$ ] && echo same"' "$D"
is "$out" same "LISTEN_PID"
rk-enter -s "$D" rk-t-count > "$T/log" & pid=$!
wait_until grep -q UP "$T/log"
is "$(stat -c %u "/proc/$pid/mem")" 0 "who waits is not dumpable: root of the namespace has no hold on it"
is "$(rk-enter -s "$D" sh -c 'cat /proc/[0-9]*/comm' | grep rk-enter)" "" "nor sees it"
kill -USR1 "$pid"; ok "a signal is passed on" wait_until grep -qx '10 1' "$T/log"
mkfifo "$T/p"
rk-enter -s "$D" sh -c 'echo up; exec sleep 1000' > "$T/p" & pid=$!
gone() { timeout 60 cat > /dev/null; }
{ read -r line; kill -KILL "$pid"; ok "killed: what it ran is gone" gone; } < "$T/p"
wait "$pid" 2> /dev/null
if command -v python3 > /dev/null; then
  run_in 'read UP
key \x03
read 2 1
key \x1a
wait
fg
kill KILL
wait
' timeout 90 rk-t-job rk-enter -s "$D" rk-t-count
  is "$out" 'read
typed
read
typed
stopped TSTP
continued
sent
killed KILL' "Ctrl-C once, Ctrl-Z stops both"
else skip 1 "no python3 on this machine"; fi
# the chain ends: so does what was entered
rk-enter -s "$D" sh -c 'echo up; exec sleep 1000' > "$T/p" & pid=$!
{ read -r line; kill -TERM "$chain"; wait "$pid"; is $? 137 "the chain ends: so does what entered it"; } < "$T/p"
wait "$chain"; is $? 0 "and the chain with its own status"
done_testing
