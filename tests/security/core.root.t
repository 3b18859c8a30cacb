#!/bin/sh
# root inside has the user's uid, so it may signal outside processes and set their limits; still no core file of theirs
# shows it their memory: the hard limit is 1 byte, and it cannot raise that
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 slirp4netns prlimit
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
cat > "$T/attack.py" <<'P'
import os, resource, signal, sys
core, inf = resource.RLIMIT_CORE, resource.RLIM_INFINITY
def sets(pid, cur, hard):
    try: resource.prlimit(pid, core, (cur, hard))
    except (OSError, ValueError): pass
for word in sys.argv[2:]:
    pid = int(word)
    sets(pid, inf, inf)
    sets(pid, resource.prlimit(pid, core)[1], resource.prlimit(pid, core)[1])
    print(resource.prlimit(pid, core), end=" ")
    try: print(open("/proc/%d/mem" % pid, "rb").closed)
    except OSError as e: print(e.strerror)
    if sys.argv[1] == "abort": os.kill(pid, signal.SIGABRT)
P
cd "$T/u" || exit 99
prlimit --core=unlimited:unlimited --pid=$$
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns rk-t-hold
chain=$pid
wait_until test -s "$D/child_pid"
outside=$(outside_of "$chain")
wait_until pgrep -P "$outside" -f slirp4netns
driver=$(pgrep -o -P "$outside" -f slirp4netns)
rm -f ready; mkfifo ready; chown "$RK_TEST_USER" ready
as_user sh -c 'exec 9> ready; exec rk-portd -d 9 "$1"' sh "$D" 2> err & portd=$!; tap_pids="$tap_pids $portd"
read -r line < ready
as_user rk-port add "$D" 127.0.0.1:8080:80/tcp > port
wait_until pgrep -P "$portd" -x rk-relay
relay=$(pgrep -P "$portd" -x rk-relay)
as_user sh -c 'exec 9> ready; exec rk-apid -d 9 "$1"' sh "$D" 2> apid.err & apid=$!; tap_pids="$tap_pids $apid"
read -r line < ready
for p in $outside $driver $portd $relay $apid; do
  name=$(cat "/proc/$p/comm")
  run as_user rk-enter -s "$D" python3 "$T/attack.py" look "$p"
  is "$rc $out" "0 (1, 1) Permission denied" "$name: no core file, its memory cannot be read" || diag "$err"
done
as_user rk-enter -s "$D" python3 "$T/attack.py" abort "$relay" "$portd" "$apid" "$outside" > /dev/null 2>&1
for p in $outside $portd $apid; do ok "SIGABRT ends it" wait_gone "$p"; done
is "$(find "$T/u" -name 'core*')" "" "and leaves no core file"
end "$chain"

# prog itself is the user's own
run as_user rk-userns rk-idmap python3 -c 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE) == (1, 1))'
is "$out" False "the program's own limit is not that one"
done_testing
