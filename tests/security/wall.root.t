#!/bin/sh
# The wall of rk-net: the program's user namespace is below that of the network driver; root inside has power over all
# that is its own, and none over the hop, its processes, or the mounts of the links before
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta nsenter unshare ip
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
start() { # LINK...: a chain; $p, its rk-outside $o, and the fd there that is the hop $h
  spawn as_user rk-state "$D" rk-userns rk-idmap "$@" rk-t-hold; p=$pid
  wait_until test -s "$D/child_pid"
  o=$(outside_of "$p") h=
  for f in "/proc/$o/fd"/*; do
    case $(readlink "$f") in net:*) [ -n "$h" ] || h=$f ;; esac
  done
}
stop() { end "$p"; wait_until test ! -e "$D"; }
inside() { run as_user rk-enter -p "$p" "$@"; }

for driver in slirp4netns pasta; do
  for way in "rk-copyup /etc rk-net" "rk-net -s rk-copyup /etc rk-net -w" "rk-copyup /etc rk-net -D"; do
    # shellcheck disable=SC2046,SC2086 # words
    start $(echo "$way" | sed "s/rk-net/rk-net -6 -d $driver/")
    way="$driver: $way"
    isnt "$(readlink "$h")" "$(readlink "/proc/$p/ns/net")" "$way: the driver is in a network namespace of its own"
    is "$(nsenter --net="$h" ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | tr '\n' ' ')" "lo tap0 hop " \
      "with the tap"
    inside sh -c 'cat /proc/self/uid_map; grep ^CapEff /proc/self/status'
    like "$out" '^ +0 +0 +1$' "$way: root inside is root of the user namespace above"
    like "$out" '^CapEff:.0*[13]f*$' "and has every capability in its own"
    inside sh -c 'hostname=$(uname -n); unshare -u hostname x && mount -t tmpfs none /mnt && umount /mnt &&
      unshare -n true && unshare -Ur true && echo able'
    is "$out" able "it mounts, and makes namespaces" || diag "$err"
    stop
  done
done

# who is in the driver's namespaces, as dumpable as can be, is out of reach
start rk-copyup /etc rk-net -d slirp4netns
user=$(for f in "/proc/$o/fd"/*; do case $(readlink "$f") in user:*) echo "$f" ;; esac; done | head -n 1)
spawn nsenter --user="$user" --net="$h" sleep 600; v=$pid
sleeps() { [ "$(cat "/proc/$1/comm")" = sleep ]; }
wait_until sleeps "$v"
is "$(stat -c %u "/proc/$v/environ")" "$RK_TEST_UID" "a process of the user in the driver's namespaces is dumpable"
inside rk-t-attack "$v"; got=$out
spawn as_user sleep 600; w=$pid
wait_until sleeps "$w"
inside rk-t-attack "$w"
is "$got" "$out" "root inside gets no more of it than of any process of the user's outside"
unlike "$got" "^(ptrace|open:.*|readlink:.*|read:(mem|maps|environ)|pidfd_getfd.*) ok$" \
  "that is no memory, no file, no namespace"
like "$got" '^ptrace EPERM$' "(it was tried)"
end "$v"; end "$w"; stop

# what links before have made belongs to the program, or is locked
chain() { run as_user timeout 60 rk-userns rk-idmap "$@"; }
chain rk-unshare -uic rk-copyup /etc rk-net -d slirp4netns sh -c 'hostname inside && uname -n
  umount /etc; ls -d /etc/.ro* > /dev/null && echo covered'
like "$out" '^inside$' "root inside names the uts namespace that rk-unshare made"
like "$out" '^covered$' "and cannot uncover a directory"
# shellcheck disable=SC2016 # for the inner shell
mount='sed -n "s|.* / /etc [^ ]* \(.*\)- .*|\1|p" /proc/self/mountinfo | sed "s/:[0-9]*//g"'
for how in private rprivate slave rslave shared rshared; do
  one=$(as_user rk-userns rk-idmap rk-copyup -p $how /etc sh -c "$mount")
  two=$(as_user rk-userns rk-idmap rk-copyup -p $how /etc rk-net -d slirp4netns sh -c "$mount")
  is "$(echo "$two" | grep -c shared)" "$(echo "$one" | grep -c shared)" "rk-copyup -p $how is kept: $one, $two"
done
chain rk-copyup /etc rk-pidns rk-net -d slirp4netns sh -c 'umount /proc; umount -l /proc; set -- /proc/[0-9]*
  [ $# -le 9 ] && echo few; unshare --fork --pid --mount-proc true && echo nested'
is "$out" "few
nested" "rk-pidns before: its /proc stays, and pid namespaces below it can be made"
chain rk-net -u -d slirp4netns true
like "$err" '^rk-net: warning: the program shares the user namespace with the network driver: ' "-u says what is lost"
done_testing
