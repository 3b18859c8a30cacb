#!/bin/sh
# The control socket to rk-outside: what a hostile holder sends leaves nothing behind there
. "${RK_TEST_LIB:-tests/lib.sh}"

# rk-outside lives on for the state directory, so that what it kept would stay open.
# shellcheck disable=SC2086 # words
for n in fds=1 fds=2 fds=3 fds=200 empty=1 empty=2 empty=200; do
  run rk-state "$T/st" rk-userns rk-idmap -k rk-t-door $n ready
  is "$rc $out" "0 $n: none left
ready: shut" "$n: rk-outside keeps no fd of a message that it refuses"
  like "$err" 'refused a request that no rk link makes; the control socket is closed$' "and says so"
done
run rk-state "$T/st" rk-userns rk-idmap -k rk-t-door empty=0
is "$out" "empty=0: none left" "an empty message closes it"
unlike "$err" refused "without a word, as the end does"
done_testing
