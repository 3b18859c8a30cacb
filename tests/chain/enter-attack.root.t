#!/bin/sh
# rk-enter between joining and executing holds fds of the outside in the reach of the namespace's root, who shares its
# kernel uid:
# held there (strace delays a system call), nothing gets into it
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
as_user rk-userns rk-idmap rk-copyup '' rk-t-hold & chain=$!
tap_pids="$tap_pids $chain"
wait_until grep -q rk-t-hold "/proc/$chain/comm"
joined() { victim=$(cat "/proc/$tracer/task/$tracer/children" 2> /dev/null); victim=${victim%% *}; [ \
  "$(readlink "/proc/$victim/ns/user")" = "$(readlink "/proc/$chain/ns/user")" ]; }
for where in setresgid:delay_enter setresuid:delay_exit chdir:delay_enter execve:when=2:delay_enter; do
  as_user strace -qq -o "$T/u/trace" -e "trace=${where%%:*}" -e "inject=$where=60000000" rk-enter -p "$chain" true &
  tracer=$!
  ok "rk-enter has joined: $where" wait_until joined
  run as_user rk-enter -p "$chain" rk-t-attack "$victim"
  is "$rc/$(echo "$out" | grep ' ok$' | tr '\n' ' ')" "0/pidfd_open ok kill ok " \
    "nothing but its number and signals can be had"
  is "$(readlink "/proc/$victim/ns/user")" "$(readlink "/proc/$chain/ns/user")" "(it was still there)"
  kill -KILL "$victim" "$tracer"; wait "$tracer" 2> /dev/null
done
# the same of the program that it becomes, to show that the attempts would get through
as_user rk-enter -p "$chain" rk-t-hold & victim=$!
tap_pids="$tap_pids $victim"
wait_until grep -q rk-t-hold "/proc/$victim/comm"
run as_user rk-enter -p "$chain" rk-t-attack "$victim"
like "$out" '^ptrace ok$' "the program itself is the namespace's"
like "$out" '^list:fd ok$' "with its fds"
done_testing
