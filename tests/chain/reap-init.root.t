#!/bin/sh
# rk-reap as pid 1 of an outer container (a pid namespace by unshare), and as the last link of a chain and under
# rootlesskit there: nothing stays a zombie, a signal to pid 1 reaches the program, everything ends with it
. "${RK_TEST_LIB:-tests/lib.sh}"
need unshare python3
container() { timeout 120 unshare -m -p --mount-proc -f as_user "$@"; }
cat > "$T/makes.sh" <<'E'
# orphans of both kinds; when all have ended (their pipe is closed), none stays as a zombie
for i in 1 2 3 4 5 6 7 8 9 10; do
  (true &)
  (setsid sh -c 'sh -c true & exit 1' &)
done | cat
none() { ! cat /proc/[0-9]*/stat 2> /dev/null | sed 's/.*) //' | grep -q '^Z'; }
n=0
until none || [ $n = 1500 ]; do n=$((n + 1)); sleep 0.02; done
[ $n = 1500 ] || echo "no zombies"
setsid rk-t-hold > /dev/null 2>&1 &
exit 7
E
chmod 0755 "$T"; chmod 0644 "$T/makes.sh"
for chain in "rk-reap" "rk-userns rk-idmap rk-reap" "rk-userns rk-idmap rk-copyup /etc rk-setid 33 rk-reap" \
  "rk-reap rk-userns rk-idmap rk-net -d none rk-reap" "rootlesskit --reaper=true"; do
  # shellcheck disable=SC2086 # words
  run container $chain sh "$T/makes.sh"
  is "$rc $out" "7 no zombies" "pid 1 is $chain" || diag "$err"
done
# shellcheck disable=SC2016
run container rk-reap sh -c 'trap "echo got; exit 4" TERM; kill -TERM 1; while :; do sleep 0.01; done'
is "$rc/$out" 4/got "a signal to pid 1 reaches the program"
run container rk-reap -s sh -c 'kill -KILL $$'
is "$rc" 137 "-s as pid 1, which no signal of its own ends: 128 + n"
done_testing
