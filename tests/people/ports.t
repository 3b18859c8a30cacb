#!/bin/sh
# people mistype ports: each answer shows the form, or says what is missing
. "${RK_TEST_LIB:-tests/lib.sh}"
. tests/people/lib.sh
mistakes tests/people/ports.mistakes
done_testing
