#!/bin/sh
# people put links in the wrong order, leave words out, mistype options: each answer says what to write instead
. "${RK_TEST_LIB:-tests/lib.sh}"
. tests/people/lib.sh
mistakes tests/people/chain.mistakes
done_testing
