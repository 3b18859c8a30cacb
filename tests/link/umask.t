#!/bin/sh
# The caller's umask: it is the program's, takes nothing away from what rk itself makes, and hides no file of the
# network from other users inside
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
# the test's own files keep the usual umask
masked() { sh -c 'umask "$0" && exec "$@"' "$mask" "$@"; }
readable() { # WHAT CHAIN...
  what=$1; shift
  run masked "$@" rk-net -d slirp4netns sh -c 'umask; stat -Lc "%a %n" /etc/resolv.conf /etc/hosts'
  is "$rc $out" "0 $mask
644 /etc/resolv.conf
644 /etc/hosts" "umask $mask, $what: resolv.conf and hosts are for everybody, the program has the umask"
}
# what rk-state makes, whatever the umask: each line a mode and a name
made() { (cd "$1" && stat -c '%a %n' . env lock child_pid net); }
usual='700 .
700 env
600 lock
444 child_pid
700 net'

for mask in 0077 0177 0777; do
  readable "nothing copied up" rk-userns rk-idmap
  for mode in symlink copy overlay; do
    readable "-m $mode" rk-userns rk-idmap rk-copyup -m $mode /etc
  done
  spawn sh -c 'umask "$0" && exec "$@"' $mask \
    rk-state "$T/a$mask/b/c" rk-userns rk-idmap rk-net -d slirp4netns rk-t-hold
  p=$pid
  ok "umask $mask: a state directory with parents" wait_until test -s "$T/a$mask/b/c/child_pid"
  is "$(made "$T/a$mask/b/c")" "$usual" "with the usual modes"
  end "$p"
  ok "and it is cleared" wait_until test ! -e "$T/a$mask/b/c"
  run masked rk-state -t "$T/tmp$mask" rk-userns rk-idmap true
  is "$rc $err" "0 " "umask $mask: a temporary one"
  spawn sh -c 'umask "$0" && exec "$@"' $mask rk-portd -d 7 "$T/p$mask/q" 7> "$T/ready$mask"; p=$pid
  ok "umask $mask: rk-portd makes what is missing" wait_until test -s "$T/ready$mask"
  end "$p"
  run masked rootlesskit --state-dir="$T/r$mask" --net=slirp4netns --disable-host-loopback --copy-up=/etc true
  is "$rc $err" "0 " "umask $mask: rootlesskit"
done
done_testing
