#!/bin/sh
# A chain inside of rk-pidns clears its state directory, although the namespace ends with it
. "${RK_TEST_LIB:-tests/lib.sh}"
left=0
for i in 1 2 3 4 5 6 7 8 9 10; do
  rk_chain rk-pidns rk-state "$T/a$i" rk-userns rk-idmap true 2>> "$T/log" || left=failed
  # shellcheck disable=SC2016 # the inner shell's
  rk_chain rk-pidns sh -c 'rk-state "$0" rk-userns rk-idmap rk-net -d none true; exit 0' "$T/b$i" 2>> "$T/log" ||
    left=failed
  for d in "$T/a$i" "$T/b$i"; do [ ! -e "$d" ] || left="$left $d"; done
done
is "$left" 0 "twenty chains leave no state directory"
# one that goes on must not hold the namespace's end up for ever
run rk_chain rk-pidns sh -c 'rk-state "$0" rk-userns rk-idmap rk-t-hold > /dev/null 2>&1 < /dev/null & until test -s "$0/child_pid"; do sleep 0.02; done; exit 7' "$T/c"
is "$rc" 7 "a nested chain that still runs ends with the namespace"
rk-state "$T/c" rk-userns rk-idmap true 2>> "$T/log"; is "$?" 0 "and what it leaves is no obstacle for the next"
done_testing
