#!/bin/sh
# rootlesskit as pid 1: what comes to it as an orphan is waited for
. "${RK_TEST_LIB:-tests/lib.sh}"
need unshare pgrep setsid
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
cat > "$T/orphans" <<'E2'
for i in 1 2 3 4 5 6 7 8; do (setsid sh -c : &); done
while pgrep -x setsid > /dev/null; do sleep 0.02; done
while grep -lqs "^State:.Z" /proc/[0-9]*/status; do sleep 0.02; done
E2
run unshare -pf --mount-proc as_user rootlesskit --state-dir="$T/u/st" timeout 30 sh "$T/orphans"
is "$rc $err" "0 " "no zombie stays"
done_testing
