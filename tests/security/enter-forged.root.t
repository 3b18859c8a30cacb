#!/bin/sh
# The process that rk-enter enters is the chain's, whatever root inside makes of the state directory: its text, its
# socket, links. Also for root, who would otherwise run a command with all of the host's rights.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
forge=$RK_TEST_STAGE/rk/tests/security/forge.py
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
A=$T/u/a B=$T/u/b
spawn unshare -m sleep 1000; service=$pid # root's, with a mount namespace of its own, as services with PrivateTmp= have
spawn as_user rk-state "$B" rk-userns rk-idmap rk-unshare -u rk-t-hold; other=$pid
wait_until test -s "$B/child_pid"
spawn as_user unshare -Ur sleep 1000; stranger=$pid # a user namespace of the same user that is no chain's
spawn setpriv --reuid=23998 --regid=23998 --clear-groups unshare -Ur sleep 1000; victim=$pid # another user's
for p in "$service" "$stranger" "$victim"; do wait_until grep -q sleep "/proc/$p/comm"; done

forged() { # HOW [TARGET]: a chain in $A that forges so
  spawn as_user rk-state "$A" rk-userns rk-idmap rk-unshare -u python3 "$forge" "$@"; chain=$pid
  wait_until grep -q forged "$T/spawn.$chain.out" || bail "not forged: $(cat "$T/spawn.$chain.err")"
}
over() { end "$chain"; wait_until test ! -e "$A"; } # rk-outside clears the directory for the next
inside=', and the process is not entered'
gone="the rk-outside of the chain in $A is gone"
false_="what answers at .child (is no rk-outside: it is not outside the user namespace of the process that it names|names a process that this user may not examine)"
try() { # TEXT NAME: both root and the user are refused for this reason, and nothing is executed
  for who in root user; do
    if [ $who = root ]; then set -- "$1" "$2" rk-enter; else set -- "$1" "$2" as_user rk-enter; fi
    text=$1 name=$2; shift 2
    run timeout 60 "$@" -s "$A" sh -c 'echo executed; readlink /proc/self/ns/user'
    is "$rc/$out" 111/ "$who: $name$inside"
    like "$err" "^rk-enter: fatal: .*$text" "... and the line says why"
    set -- "$text" "$name"
  done
}
for target in $service $other $stranger $victim; do
  case $target in
    "$service") what="a service of root's" ;; "$other") what="another chain" ;; "$stranger") \
      what="a namespace of the user's" ;; *) what="another user's namespace" ;;
  esac
  forged file "$target"; try "$gone" "$what, named by a file"; over
  forged socket "$target"; try "$false_" "$what, named by a socket of the program's"; over
done
forged hard "$B"; try "the rk-outside at .child is that of another directory" "another chain's socket"; over
forged link "$B"; try "$gone" "a link to another chain's socket"; over
forged stolen "$(outside_of "$other")"
is "$(head -n 1 "$T/spawn.$chain.out")" refused "the kernel stamps nobody else's pid on what is said inside"
over

# a socket that says nothing holds up who asks, but not against a signal
forged silent
run as_user timeout -s TERM 1 rk-enter -s "$A" true
is "$rc" 124 "a socket that says nothing: SIGTERM ends it"
over

# what it names of its own is its own: it may as well have started rk-enter's program there itself
spawn as_user rk-state "$A" rk-userns rk-idmap rk-t-hold; chain=$pid
wait_until test -s "$A/child_pid"
run rk-enter -p "$service" sh -c 'echo executed'
is "$rc/$out$err" "100/rk-enter: fatal: refusing to enter process $service: it is in this process's own user namespace, so it is no chain's" \
  "root, by number: not into its own user namespace"
run rk-enter -s "$A" sh -c 'readlink /proc/self/ns/user'
is "$out" "$(readlink "/proc/$chain/ns/user")" "an honest chain is entered by root"
run as_user rk-enter -s "$A" sh -c 'readlink /proc/self/ns/user'
is "$out" "$(readlink "/proc/$chain/ns/user")" "and by its user"
run setpriv --reuid=23998 --regid=23998 --clear-groups rk-enter -s "$T/u" true
is "$rc/${err%%
*}" "102/rk-enter: fatal: state directory $T/u belongs to another user" "not by another user"
run as_user rk-enter -s / true
is "$rc/${err%%
*}" "102/rk-enter: fatal: state directory / belongs to another user" "nor is root's directory asked"
o=$(outside_of "$chain")
i=0; while [ $i -lt 20 ]; do as_user rk-enter -s "$A" true || break; i=$((i + 1)); done
is "$i" 20 "again and again"
spawn sh -c 'i=0; while [ $i -lt 8 ]; do as_user rk-enter -s "$0" true & i=$((i + 1)); done; wait' "$A"
wait_gone "$pid"; is "$(cat "$T/spawn.$pid.err")" "" "and eight at once"
is "$(cat "/proc/$o/task/$o/children")" "" "nobody who has answered stays"
run as_user rk-enter -s "$A" rk-t-attack "$o"
is "$rc/$(echo "$out" | grep ' ok$' | tr '\n' ' ')" "0/pidfd_open ok kill ok " \
  "rk-outside itself is not dumpable for having answered"
# the child that answers is, for that time: root inside can do to it what it can to any outer process of the user (list
# names, write oom_score_adj and coredump_filter, signal), and cannot trace it, or read its memory or fds
spawn as_user python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1]); s.recv(99); print("met", flush=True); s.recv(99)' "$A/.child"; asker=$pid
wait_until grep -q met "$T/spawn.$asker.out"
teller=$(cat "/proc/$o/task/$o/children"); teller=${teller% }
run as_user rk-enter -p "$chain" rk-t-attack "$teller"
is "$(echo "$out" | grep ' ok$' | grep -v '^list:' | tr '\n' ' ')" \
  "pidfd_open ok write:oom_score_adj ok write:coredump_filter ok kill ok " \
  "nor can root inside trace or read the child that answers" || diag "$out"
is "$(sed -n 's/^Max core file size *//p' "/proc/$teller/limits" | tr -s ' ')/$(sed -n 's/^CapPrm:[^0-9a-f]*//p' "/proc/$teller/status")" "1 1 bytes /0000000000000000" \
  "it leaves no core and has no capability"
is "$(find "/proc/$teller/fd" -mindepth 1 -printf '%f ')" "0 1 " "and no fd but the connection and the program's pidfd"
end "$asker"
over

# the program may be in a user namespace below the chain's
spawn as_user rk-state "$A" rk-userns rk-idmap -k unshare -Ur rk-hold; chain=$pid
wait_until test -s "$A/child_pid"
run as_user rk-enter -s "$A" sh -c 'readlink /proc/self/ns/user'
is "$out" "$(readlink "/proc/$chain/ns/user")" "a program in a user namespace below the chain's: entered by its user"
run rk-enter -s "$A" sh -c 'readlink /proc/self/ns/user'
is "$out" "$(readlink "/proc/$chain/ns/user")" "and by root"
over

# a chain inside of a chain: entered from outside of both, and from the outer one
spawn as_user rk-state "$A" rk-userns rk-idmap rk-t-hold; chain=$pid
wait_until test -s "$A/child_pid"
spawn as_user rk-enter -s "$A" rk-state "$T/u/nested" rk-userns rk-idmap -m single rk-t-hold; nested=$pid
wait_until test -s "$T/u/nested/child_pid" || diag "$(cat "$T/spawn.$nested.err")"
inner=$(readlink "/proc/$nested/ns/user")
for how in "as_user rk-enter" rk-enter "as_user rk-enter -s $A rk-enter"; do
  # shellcheck disable=SC2086 # words
  run $how -s "$T/u/nested" readlink /proc/self/ns/user
  is "$out$err" "$inner" "a nested chain: $how"
done
run as_user rk-enter -s "$B" rk-enter -s "$A" true
is "$rc" 111 "but not from a chain beside it"
like "$err" "a chain beside this one is entered from outside" "and it says so"
end "$nested"; over

# fs.suid_dumpable (a file in its place, since it is the whole machine's): root does not begin to join
spawn as_user rk-state "$A" rk-userns rk-idmap rk-t-hold; chain=$pid
wait_until test -s "$A/child_pid"
for value in 0 1 2; do
  echo $value > "$T/value"
  run unshare -m sh -c 'mount --bind "$0" /proc/sys/fs/suid_dumpable && shift && exec rk-enter -s "$1" id -u' \
    "$T/value" x "$A"
  case $value in
    1) is "$rc/$(echo "$err" | tr '\n' ' ')" "102/rk-enter: fatal: refusing to enter as root: with fs.suid_dumpable=1 root of the namespace could read this process rk-enter: info: U8: sysctl fs.suid_dumpable=0 " "fs.suid_dumpable=$value" ;;
    *) is "$rc/$out" 0/0 "fs.suid_dumpable=$value" ;;
  esac
done
over
done_testing
