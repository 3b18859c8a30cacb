#!/bin/sh
# Network drivers come into the chain's user namespace, with the host's network and mounts: root inside, who may trace
# there, gets into none, and finds no file that a driver outside opens
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns python3
outer
mkdir "$T/u" "$T/v" "$T/tmp" "$T/run"; chown "$RK_TEST_USER" "$T/u" "$T/v" "$T/tmp" "$T/run"; chmod 0700 "$T/run"
D=$T/u/st
attack() { # PID: what root inside gets of it, but for its number and signals
  as_user rk-enter -p "$p" rk-t-attack "$1" > "$T/attack"
  grep ' ok$' "$T/attack" | grep -Ev '^(pidfd_open|kill) ok$'
}
above() { # PID: the user namespace above its own (NS_GET_PARENT of ioctl_ns(2))
  python3 -c 'import fcntl, os, sys
print("user:[%d]" % os.fstat(fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0xB702)).st_ino)' "/proc/$1/ns/user"
}
named() { # what fifos or files of drivers have a name in places that both sides see
  find "$D" "$T/tmp" "$T/run" ! -type d \( -type p -o -name '*pasta*' -o -name '*slirp*' -o -perm 0111 \)
}

# A stand-in stays where the real ones are for a moment: in the user namespace, before it is ready.
visitor=$(command -v rk-t-visitor)
for driver in slirp4netns pasta; do
  rm -f "$T/v/"*
  spawn as_user env RK_T_VISITOR="$T/v" RK_DRIVER_PROGRAM="$visitor" TMPDIR="$T/tmp" XDG_RUNTIME_DIR="$T/run" \
    rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -l -d $driver rk-t-hold
  p=$pid
  wait_until test -s "$T/v/visitor"
  v=$(cat "$T/v/visitor")
  is "$(readlink "/proc/$v/ns/user")" "$(above "$p")" \
    "$driver: its program is in the user namespace above the program's"
  isnt "$(readlink "/proc/$v/ns/mnt")" "$(readlink "/proc/$p/ns/mnt")" "with the host's mounts"
  is "$(attack "$v")" "" "root inside gets nothing of it"
  like "$(cat "$T/attack")" '^ptrace EPERM$' "(it was tried)"
  is "$(cat "/proc/$v/comm")" "$driver" "it has the name of the driver"
  is "$(named)" "" "and neither its program nor its pid file has a name that root inside could use"
  : > "$T/v/go"
  ok "$driver: the chain is ready" wait_until test -s "$D/child_pid"
  is "$(attack "$v")" "" "still nothing"
  kill -KILL "$v"
  rm "$T/v/visitor"
  ok "$driver: started again" wait_until test -s "$T/v/visitor"
  v=$(cat "$T/v/visitor")
  is "$(attack "$v")" "" "nothing of the second one"
  is "$(named)" "" "which left and has no name either"
  end "$p"; wait_until test ! -e "$D"
done

# The real ones: non-dumpable, as the owner of their files in /proc says (proc(5)), each time
drivers=slirp4netns
if command -v pasta > /dev/null; then drivers="$drivers pasta"; fi
another() {
  d=$(pgrep -P "$o" -x "$driver|passt.*|pasta.*") && [ -n "$d" ] && [ "$d" != "$was" ] &&
    [ "$(cat "$D/net/status")" = up ]
}
for driver in $drivers; do
  spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d "$driver" rk-t-hold; p=$pid
  wait_until test -s "$D/child_pid"
  o=$(outside_of "$p") was=
  for i in 1 2 3; do
    ok "$driver is up, $i" wait_until another
    is "$(stat -c %u "/proc/$d/environ")" 0 "and not dumpable"
    is "$(attack "$d")" "" "root inside gets nothing of it"
    was=$d
    kill -KILL "$d"
  done
  end "$p"; wait_until test ! -e "$D"
done

# What has file capabilities or is a script is executed as it is.
cat > "$T/u/script" << 'E'
#!/bin/sh
exec rk-t-visitor "$@"
E
chmod 0755 "$T/u/script"
run as_user env RK_DRIVER_PROGRAM="$T/u/script" rk-userns rk-idmap rk-copyup /etc rk-net -l -d slirp4netns true
is "$rc" 0 "a script in the place of a driver's program" || diag "$err"
cp "$visitor" "$T/u/unreadable"; chmod 0711 "$T/u" "$T/u/unreadable"
run as_user env RK_DRIVER_PROGRAM="$T/u/unreadable" rk-userns rk-idmap rk-copyup /etc rk-net -l -d slirp4netns true
is "$rc" 0 "a program that the user cannot read" || diag "$err"
run as_user env RK_DRIVER_PROGRAM="$T/u/missing" rk-userns rk-idmap rk-copyup /etc rk-net -l -d slirp4netns true
like "$err" "unable to find $T/u/missing in PATH" "one that is not there is named"
done_testing
