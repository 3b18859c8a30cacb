#!/bin/sh
# a reply that rk-outside cannot send, whatever the reason, ends the chain with a clear line: no link waits for ever
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace
mkdir "$T/u"
chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
traced() { # ERROR N CMD...: CMD as the user, the Nth reply of its rk-outside fails
  inject="sendto:error=$1:when=$2"
  shift 2
  run strace -D -f -u "$RK_TEST_USER" -qq -o /dev/null -e trace=sendto -e inject="$inject" "$@"
}
for e in ENOBUFS ENOMEM EAGAIN EPERM; do
  traced $e 1 rk-userns rk-idmap -m subids touch "$T/u/done"
  is "$rc" 111 "the reply about ids fails with $e"
  like "$err" '^rk-outside( [^ ]*)?: warning: unable to send a reply, so the control socket is closed: ' \
    "rk-outside says so"
  like "$err" '^rk-idmap: fatal: .*: rk-outside is gone$' "and so does the link"
  traced $e 2 rk-state "$D" rk-userns rk-idmap -m subids touch "$T/u/done"
  is "$rc" 111 "the reply that all is ready fails with $e"
  like "$err" '^rk-outside( [^ ]*)?: warning: unable to send a reply, so the control socket is closed: ' \
    "rk-outside says so"
  ok "and nothing is left" wait_until test ! -e "$D"
done
traced EINTR 1 rk-userns rk-idmap -m subids true
is "$rc$err" 0 "an interrupted one is sent again"
not_ok "no program was run" test -e "$T/u/done"
done_testing
