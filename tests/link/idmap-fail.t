#!/bin/sh
# rk-idmap: each system call that can fail, made to fail by strace: one line, the right code, the program is not run
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace
fails() { # CODE ERE CALL INJECTION LINK-OPTIONS...
  code=$1 re=$2 call=$3 how=$4; shift 4
  run strace -D -qq -o /dev/null -e trace="$call" -e inject="$call:$how" rk-userns rk-idmap "$@" touch "$T/done"
  is "$rc" "$code" "$call:$how: $code"
  like "$err" "^rk-idmap: fatal: unable to $re" "$call:$how: $re"
}
fails 111 'become 0:0: Operation not permitted' setresgid error=EPERM
fails 111 'become 0:0: Resource temporarily unavailable' setresuid error=EAGAIN
fails 111 'drop the groups: Cannot allocate memory|drop the groups: Out of memory' setgroups error=ENOMEM -g drop
fails 111 'drop the ambient and inheritable capabilities: Operation not permitted' capset error=EPERM:when=2
fails 111 'drop the ambient and inheritable capabilities: ' capget error=EPERM:when=6 \
  # libcap asks for the version first
fails 111 'map ids: rk-outside is gone' sendmsg error=EPIPE
fails 111 'map ids: rk-outside is gone' recvfrom retval=0
fails 111 'map ids: rk-outside is gone' recvfrom error=ECONNRESET
fails 111 'map ids: Protocol error' recvfrom retval=7
fails 102 'map ids: unable to write /proc/self/setgroups: Operation not permitted' write error=EPERM:when=1 -m single
fails 102 'map ids: unable to write /proc/self/gid_map: Operation not permitted' write error=EPERM:when=2 -m single
fails 102 'map ids: unable to write /proc/self/uid_map: Permission denied' write error=EACCES:when=3 -m single
like "$err" 'info: I8: make rk-idmap readable' "and the fix"
fails 102 'map ids: unable to run getsubids' pipe2 error=EMFILE -m subids -s dynamic
fails 102 'map ids: unable to run getsubids' fork,clone error=EAGAIN:when=2+ -m subids -s dynamic
if [ "$RK_TEST_MODE" = static ]; then # its fork(2) is rk-outside's alone; that of others is a clone
  run strace -D -f -qq -o /dev/null -e trace=fork -e inject=fork:error=EAGAIN rk-userns rk-idmap -m subids touch \
    "$T/done"
  is "$rc" 102 "no more processes: 102"; like "$err" 'info: I9: end processes of this user' "and the fix"
else skip 2 "only the static builds have these properties"; fi
run strace -D -qq -o /dev/null -P /proc/self/uid_map -e inject=open,openat:error=EIO rk-userns rk-idmap touch "$T/done"
is "$rc" 111 "an unreadable map: 111"
like "$err" '^rk-idmap: fatal: unable to read /proc/self/uid_map: ' "says so"
is "$(ls "$T/done" 2>/dev/null)" "" "none of the programs ran"
done_testing
