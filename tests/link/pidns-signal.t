#!/bin/sh
# rk-pidns and rk-reap forward every signal but SIGCHLD, once, with its value; from a supervisor without a terminal
[ -n "${INSIDE:-}" ] || INSIDE=1 exec rk-userns rk-idmap sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
plan 16
start() { # LINK...
  : > "$T/log"
  "$@" rk-t-count < /dev/null > "$T/log" 2>&1 &
  pid=$! tap_pids="$tap_pids $pid"
  wait_until grep -q UP "$T/log"
}
seen() { grep -qx "$1" "$T/log"; }

for link in rk-pidns rk-reap; do
start $link
want=''
for s in $(seq 1 64); do
  case $s in 3 | 9 | 17 | 19 | 20) continue ;; esac # QUIT and TSTP act; KILL, STOP cannot be caught; CHLD is its own
  kill -"$s" "$pid"
  wait_until seen "$s 1" || { diag "signal $s did not arrive"; break; }
  want="$want$s 1
"
done
kill -17 "$pid"
for n in 1 2 3 4; do kill -3 "$pid"; wait_until seen "3 $n"; want="$want""3 $n
"; done
wait "$pid"; is $? 9 "$link: prog ended by itself, with its status"
is "$(sed 1d "$T/log" | sort -n)" "$(printf %s "$want" | sort -n)" "$link: each signal arrived exactly once"

start $link
python3 -c 'import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
class V(ctypes.Union): _fields_ = [("i", ctypes.c_int), ("p", ctypes.c_void_p)]
v = V(); v.i = 4711
sys.exit(libc.sigqueue(int(sys.argv[1]), 10, v))' "$pid"
ok "$link: a value given by sigqueue goes along" wait_until seen "10 1 value 4711"
kill -STOP "$pid"; kill -USR2 "$pid"; kill -CONT "$pid"
ok "$link: what comes while the waiter is stopped is not lost" wait_until seen "12 1"
kill -KILL "$pid"; wait "$pid"
done

start rk-pidns -R
kill -USR1 "$pid"; ok "-R: USR1 arrives" wait_until seen "10 1"
kill -TERM "$pid"; ok "-R: TERM arrives" wait_until seen "15 1"
for n in 1 2 3 4; do kill -3 "$pid"; wait_until seen "3 $n"; done
wait "$pid"; is $? 9 "-R: status"

# signal mask and ignored signals of the caller reach prog; SIGCHLD ignored by the caller does not cost the status
for link in rk-pidns rk-reap; do
  run env --ignore-signal=CHLD,USR1 $link sh -c "exit 5"
  is "$rc" 5 "$link: SIGCHLD ignored by the caller: status all the same"
  run env --ignore-signal=CHLD,USR1 $link rk-t-probe
  like "$out" '^SigIgn=0*10200$' "$link: and still ignored in prog"
done
# an alarm(2) set before the exec goes off in the waiter, and is prog's
run timeout 60 python3 -c 'import os, signal
signal.setitimer(signal.ITIMER_REAL, 3)  # not before the trap is set
os.execvp("rk-pidns", ["rk-pidns", "sh", "-c", "trap \"exit 6\" ALRM; while :; do sleep 0.05; done"])'
is "$rc" 6 "an alarm from before the exec"
