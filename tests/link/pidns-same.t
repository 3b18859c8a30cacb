#!/bin/sh
# rk-pidns -s: the death of the program by a signal is the waiter's own
. "${RK_TEST_LIB:-tests/lib.sh}"
for n in 1 2 6 9 15 10; do
  got=$(python3 -c 'import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)' rk-userns rk-idmap \
    rk-pidns -s sh -c "kill -$n \$\$")
  is "$got" "-$n" "signal $n"
done
run rk_chain rk-pidns -s sh -c 'exit 143'; is "$rc" 143 "an exit stays an exit"
done_testing
