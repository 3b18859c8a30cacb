#!/bin/sh
# what a host, a container or a limit keeps from people: each answer names the setting and the command that mends it
. "${RK_TEST_LIB:-tests/lib.sh}"
. tests/people/lib.sh
need python3
mistakes tests/people/host.mistakes
done_testing
