#!/bin/sh
# Chains, ports and servers come and go and are killed at random, for RK_SOAK_SECONDS (8): all returns to its beginning.
# An hour of it: RK_SOAK_SECONDS=3600 RK_TEST_TIMEOUT=4000 tests/run tests/soak/soak.root.t
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 ip nsenter
seed=${RK_SOAK_SEED:-$(date +%s)}
T=$T python3 tests/soak/soak.py "${RK_SOAK_SECONDS:-8}" "$seed" > "$T/found" 2>&1 && rc=0 || rc=$?
note "$(head -n 1 "$T/found")" "$(tail -n 1 "$T/found")"
is "$rc$(sed '1d; $d' "$T/found")" 0 \
  "processes, mounts, namespaces, descriptors, memory, rules and routes are as before"
done_testing
