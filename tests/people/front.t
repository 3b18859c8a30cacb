#!/bin/sh
# people mistype the command lines of the front ends: rootlesskit, rk-run, rk-apid, rootlessctl. Their words are
# RootlessKit's where it has some, and their exit code is 1
. "${RK_TEST_LIB:-tests/lib.sh}"
. tests/people/lib.sh
mistakes tests/people/front.mistakes
done_testing
