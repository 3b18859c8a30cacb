#!/bin/sh
# rk-pidns killed by SIGKILL, at every stage and while prog runs: nothing of its namespace survives
[ -n "${INSIDE:-}" ] || INSIDE=1 exec rk-userns rk-idmap sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace
# whoever inherits the write end of a pipe and lives keeps its reader waiting
mkfifo "$T/p"
gone() { timeout 60 cat > /dev/null; }
for link in "rk-pidns" "rk-pidns -R" "rk-pidns rk-pidns"; do
  # shellcheck disable=SC2086 # words
  $link sh -c 'setsid sh -c "exec sleep 1000" & echo up; exec sleep 1000' > "$T/p" &
  pid=$!
  {
    read -r up
    kill -KILL "$pid"
    ok "$link: $up, then killed: all are gone" gone
  } < "$T/p"
  wait "$pid"
done
# the program, or the reaper, killed from outside
for child in 1 2; do
  rk-pidns sh -c 'setsid sh -c "exec sleep 1000" & echo up; exec sleep 1000' > "$T/p" &
  pid=$!
  {
    read -r up
    kill -KILL "$(tr ' ' '\n' < "/proc/$pid/task/$pid/children" | sed -n "${child}p")"
    ok "pid $child killed: all are gone" gone
  } < "$T/p"
  wait "$pid"
  is $? 137 "and the waiter says so"
done
# killed on entry to a system call: of the waiter, of pid 1 (prctl, poll, pause)
for call in unshare mount pidfd_open fork,clone fork,clone:2 prctl poll pause rt_sigtimedwait close_range chdir; do
  when=1
  case $call in *:*) when=${call#*:} ;; esac
  strace -f -qq -o "$T/trace" -e "trace=${call%:*}" -e "inject=${call%:*}:signal=KILL:when=$when" \
    rk-pidns sh -c 'exec sleep 20' > "$T/p" 2> /dev/null &
  pid=$!
  ok "killed at $call: nothing is left" gone < "$T/p"
  wait "$pid"
done
# the waiter killed before pid 1 has asked for its death signal: held there until then
for link in "rk-pidns" "rk-pidns -R"; do
  # shellcheck disable=SC2086 # words
  strace -f -qq -o "$T/trace" -e trace=prctl -e inject=prctl:delay_enter=1500000 $link sh -c 'exec sleep 20' > "$T/p" \
    2> /dev/null &
  pid=$!
  exec 8< "$T/p"
  held() { waiter=$(cat "/proc/$pid/task/$pid/children") && waiter=${waiter%% *} &&
    [ -n "$(cat "/proc/$waiter/task/$waiter/children")" ]; }
  ok "$link: pid 1 is there" wait_until held
  kill -KILL "$waiter"
  ok "$link: the waiter killed before pid 1 knows it: all are gone" gone <&8
  exec 8<&-
  wait "$pid"
done
done_testing
