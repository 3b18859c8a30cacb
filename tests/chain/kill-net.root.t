#!/bin/sh
# the same for the network drivers and what they leave beside them: killed at every call, alone and with the whole chain
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "the static build is killed at each of its calls, which are not those of libc"
outer
need slirp4netns pasta
mkdir "$T/d"; chown "$RK_TEST_UID:$RK_TEST_GID" "$T/d"
for chain in 'rk-net -d slirp4netns' 'rk-net -d pasta' 'rk-net -s -d slirp4netns rk-copyup /etc rk-net -w'; do
  for mode in one all; do
    # -b 5: behind the chain, the two that leave rk-outside, and the two map helpers
    # shellcheck disable=SC2086 # words
    run rk-t-kill -u "$RK_TEST_UID" -g "$RK_TEST_GID" -b 5 -d "$T/d" $mode \
      rk-state "$T/d/s" rk-userns rk-idmap -m subids $chain rk-t-true
    is "$rc$err" 0 "$chain, $mode: nothing is left"
    like "$out" "process 5 killed at each of [1-9]" "$chain, $mode: the driver was killed"
    note "$out"
    is "$(ls -A "$T/d")" "" "$chain, $mode: not in the end either"
  done
done
done_testing
