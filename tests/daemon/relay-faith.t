#!/bin/sh
# Nothing is lost, changed or invented: random close orders and sizes, half-close, resets, slow readers and writers.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside python3 "$tools/faith.py" serve 7000 "$T/server"
portd "tcp,$host,$port,127.0.0.1,7000"
faithful 360
done_testing
