#!/bin/sh
# Each run, one system call of one process of a chain fails: a sample of all that can, another one each day (UTC).
# `make inject` tries all of them. The seed is printed: inject.py -s SEED repeats it.
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3 cc
[ "$RK_TEST_MODE" = static ] || skip_all "only the static build makes no system calls but ours"
T=$T PATH=$PATH python3 tests/inject/inject.py -n "${RK_INJECT_RUNS:-300}" > "$T/found" 2>&1 && rc=0 || rc=$?
note "$(head -n 1 "$T/found")" "$(tail -n 1 "$T/found")"
is "$rc$(sed '1d; $d' "$T/found")" 0 "every call that fails once ends the chain cleanly, or is of no consequence"
done_testing
