#!/bin/sh
# Privilege separation, proved from inside: namespace root has no way into rk-outside but to signal it, and with
# rk-pidns not even that
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st

spawn as_user rk-state "$D" rk-userns rk-idmap rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"
o=$(outside_of "$p")
isnt "$o" "" "rk-outside keeps the state directory"
# as root of the very same user namespace: all capabilities, the same kernel uid
run as_user rk-enter -p "$p" rk-t-attack "$o"
is "$rc" 0 "attacked as namespace root"
is "$(echo "$out" | grep ' ok$')" "pidfd_open ok
kill ok" "every way into rk-outside is refused, but for its number and signals"
like "$out" '^ptrace EPERM$' "ptrace: EPERM"
like "$out" '^pidfd_getfd EPERM$' "pidfd_getfd: EPERM"
like "$out" '^list:fd EACCES$' "its fds cannot even be listed"
run as_user rk-enter -p "$p" rk-t-attack "$p"
like "$out" '^ptrace ok$' "(the same attempts do get into the payload)"
end "$p"

spawn as_user rk-state "$D" rk-userns rk-idmap rk-pidns sh -c 'echo up; exec rk-t-hold'; p=$pid
wait_until grep -qs up "$T/spawn.$p.out"
o=$(outside_of "$p")
run as_user rk-enter -s "$D" sh -c "kill -0 $o"
isnt "$rc" 0 "in a pid namespace rk-outside has no number to send a signal to"
end "$p"

# the control socket, kept open with -k
ctl() { run as_user rk-userns -k rk-t-ctl "$@"; }
ctl short ready; is "$out" "short: shut
ready: shut" "a short message closes the control socket"
ctl long;    is "$out" "long: shut" "a long message shuts it"
ctl version; is "$out" "version: shut" "so does another version"
ctl unknown; is "$out" "unknown: shut" "an unknown request"
ctl fd;      is "$out" "fd: shut" "a request with an fd that it does not take"
ctl ready ready; is "$out" "ready: REPLY 0
ready: shut" "a request made twice"
ctl flood;   is "$out" "flood: shut" "and a flood"
run as_user rk-userns rk-idmap -k rk-t-ctl idmap
is "$out" "idmap: shut" "ids cannot be mapped a second time"
run as_user rk-userns rk-idmap -k rk-t-ctl forged
is "$out" "forged: EPERM" "credentials cannot be forged in the host's pid namespace"
# shellcheck disable=SC2016
run as_user rk-userns rk-idmap -k rk-pidns -k rk-t-ctl forged
like "$out" "^forged: (sent|EPERM)\$" "root of a pid namespace may name any process of its own"
run as_user rk-userns rk-idmap rk-t-ctl ready
is "$out" "ready: ENOENT" "the payload has no control socket"
done_testing
