#!/bin/sh
# from inside, as root: the driver and rk-outside can neither be traced nor read, and their network cannot be entered
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta strace nsenter
outer
. tests/net/lib.sh
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
for driver in slirp4netns pasta; do
  spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d $driver rk-t-hold; p=$pid
  wait_until test -s "$D/child_pid"
  o=$(outside_of "$p"); d=$(net_driver "$p")
  for q in "$d" "$o"; do
    name=$(cat "/proc/$q/comm")
    is "$(inside id -u)" 0 "$driver: root inside"
    run inside timeout 30 strace -o /dev/null -p "$q"
    like "$err" 'PTRACE_SEIZE.*: Operation not permitted' "$name cannot be traced"
    run inside sh -c 'readlink /proc/$1/fd/* /proc/$1/ns/net /proc/$1/root /proc/$1/exe' sh "$q"
    is "$out" "" "its fds, namespaces and root cannot be followed"
    for f in environ mem maps; do
      not_ok "its $f cannot be read" inside head -c 1 "/proc/$q/$f" 2>/dev/null
    done
    not_ok "its network cannot be entered" inside nsenter -t "$q" -n true 2>/dev/null
    run inside python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
p = libc.syscall(434, int(sys.argv[1]), 0)
for fd in range(20):
    if libc.syscall(438, p, fd, 0) >= 0: print("got", fd)' "$q"
    is "$rc $out" "0 " "none of its fds can be fetched"
  done
  end "$p"; wait_until test ! -e "$D"
done
done_testing
