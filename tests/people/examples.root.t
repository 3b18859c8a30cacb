#!/bin/sh
# The EXAMPLES of every page that tests/*/printed.root.t does not run: as printed, by a user whose uid is not 1000, in
# the order of a story. One that cannot run here is marked in its page, `.\" not run: REASON` before it. An example that
# no test runs fails the last check.
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta python3 curl jq execlineb
outer
mkdir -m 700 "$T/home"
chown "$(as_user id -u):$(as_user id -g)" "$T/home"
cd "$T/home" || exit 1
here=$RK_TEST_STAGE/rk
isnt "$(as_user id -u)" 1000 "the user's uid is not 1000"

# all PAGE: its examples, each with a NUL at its end
all() {
  awk '
    /^\.Sh EXAMPLES/ { on = 1; next }
    /^\.Sh/ { on = 0 }
    !on { next }
    /^\.\\" not run: ./ { skip = 1; next }
    /^\.Dl/ { if (!skip) printf "%s%c", substr($0, 5), 0; skip = 0 }
    /^\.Bd -literal/ { literal = 1; next }
    /^\.Ed/ { if (!skip) printf "%s%c", text, 0; literal = skip = 0; text = "" }
    literal { text = text $0 "\n" }' "$here/doc/$1" | sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}
# example PAGE N: its Nth, and a note that it was run
example() {
  echo "$1 $2" >> "$T/run"
  all "$1" | tr '\n\0' '\1\n' | sed -n "$2p" | tr '\1' '\n'
}
# try PAGE N [INPUT]: run it -> $rc $out $err
try() { run_in "${3:-}" as_user timeout 60 sh -c "$(example "$1" "$2")"; }
# prints PAGE N ERE: it succeeds, and prints a line like that
prints() {
  try "$1" "$2" "${4:-}"
  is "$rc" 0 "$1, $2: it works" || diag "$err"
  like "$out" "$3" "$1, $2: its answer" || diag "$err"
}
# starts PAGE N: in the background, without the & of an interactive shell
starts() { spawn as_user env PYTHONUNBUFFERED=1 sh -c "exec $(example "$1" "$2" | sed 's/ &$//')"; }

prints rk-userns.1 1 '^uid=0\(root\)'
prints rk-idmap.1 1 '^uid=0\(root\)'
prints rk-idmap.1 2 '^0 [0-9]+$' 'echo $(id -u) $(awk "{ n += \$3 } END { print n }" /proc/self/uid_map)'
prints rk-idmap.1 3 '^1000 box$' 'echo $(id -u) $(cat /etc/motd)'
prints rk-pidns.1 1 'ps -ef'
prints rk-unshare.1 1 '^web$'
isnt "$(hostname)" web "the host's name is as it was"
prints rk-copyup.1 1 '^made$' 'groupadd -g 4999 of-an-example && grep -q of-an-example /etc/group && echo made'
prints rk-copyup.1 2 '^192\.0\.2\.1 +db$'
prints rk-confine.1 1 '^kept$'
prints rk-gate.1 1 '^started$'
prints rk-root.1 1 '^usr$'
is "$(echo $out)" "bin dev lib lib64 proc usr" "rk-root.1: and no more"
try rk-reap.1 1
is "$rc/$err" 0/ "rk-reap.1: it works"
is "$(pgrep -u "$(as_user id -u)" -fx 'sleep 1000')" "" "rk-reap.1: the daemon ended with the shell"
prints rk.7 1 '^0$' 'id -u'
prints rk.7 2 '^0$' 'id -u'
try rk-check.1 1
like "$out" '^ok U1 ' "rk-check.1, 1: its answer"
prints rk-check.1 2 '^Fix: '
try rk-check.1 3
is "$rc/$err" 0/ "rk-check.1, 3: it works"

as_user mkdir net
example rk-net-drivers.7 1 | as_user tee net/mine > /dev/null
as_user chmod +x net/mine
run as_user env HOME="$PWD" sh -c "$(example rk-net-drivers.7 2)"
is "$rc/$err" 0/ "rk-net-drivers.7: a driver of five lines"

starts rk-run.1 1
ok "rk-run.1, 1: the page is served" wait_until curl -sf -o /dev/null http://127.0.0.1:8080/
end "$pid"
prints rk-run.1 2 'rk-net .*pasta'

try rk-setid.1 1
like "$out" '^uid=1000' "rk-setid.1, 1: the user again" || diag "$err"
is "$(stat -c %u mine)" "$(as_user id -u)" "rk-setid.1, 1: the file is the user's"
starts rk-hold.1 1
held=$pid
ok "rk-hold.1, 1: the chain is held" wait_until test -s "$RK_TEST_XDG/held/child_pid"
prints rk-setid.1 2 '^33$'
starts rk-hold.1 2
ok "rk-hold.1, 2: the server listens" wait_until grep -q 'Serving HTTP' "$T/spawn.$pid.out"
spawn as_user rk-portd "$RK_TEST_XDG/held"
try rk-hold.1 3
is "$rc/$err" 0/ "rk-hold.1, 3: the port waits for it"
ok "rk-hold.1, 3: and serves" curl -sf -m 30 -o /dev/null http://127.0.0.1:8084/
prints rk-ls.1 1 "/held "
end "$held"

spawn as_user setsid sh -c "trap 'trap - TERM; kill 0' TERM; $(example rk-bypass.1 1) & wait"
fast=$pid
ok "rk-bypass.1: the page is served" wait_until curl -sf -o /dev/null http://127.0.0.1:8086/
ok "rk-bypass.1: by the host's own socket" wait_until grep -q '^via=bypass' "$RK_TEST_XDG"/fast/ports.status/*
end "$fast"

starts rk-apid.1 1
prints rk-apid.1 2 .
starts rk-apid.1 3
wait_until test -S "$RK_TEST_XDG/api/api.sock"
prints rk-apid.1 4 '"parentPort":8083'
prints rootlessctl.1 1 '^[0-9]+$'
example rk-ports.5 1 | as_user tee "$RK_TEST_XDG/api/ports/mine" > /dev/null
ok "rk-ports.5: the port is published" wait_until grep -q '^listen=192.0.2.1:8443$' "$RK_TEST_XDG/api/ports.status/mine"

# what other tests run, by their calls of `example PAGE N`
sed -n 's/.*example \(rk-[a-z]*\) \([0-9]*\).*/\1.1 \2/p' "$RK_TEST_TOP"/tests/chain/printed.root.t >> "$T/run"
printf 'rk-net.1 %s\n' 1 2 >> "$T/run"
printf 'rk-listen.1 %s\n' 1 2 >> "$T/run"
for page in $(cd "$here/doc" && grep -l '^\.Sh EXAMPLES' -- *.[1-9]); do
  n=$(all "$page" | tr -cd '\0' | wc -c)
  while [ "$n" -gt 0 ]; do
    grep -qx "$page $n" "$T/run" || echo "$page $n"
    n=$((n - 1))
  done
done > "$T/left"
is "$(cat "$T/left")" "" "every example is run"
done_testing
