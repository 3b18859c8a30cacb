#!/bin/sh
# rk-copyup over the state directory: what is written there inside is seen outside, in every mode
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir -p "$T/run/user"; echo x > "$T/run/file"
for m in symlink overlay copy; do
  run rk-state "$T/run/user/$m" rk-userns rk-idmap rk-copyup -m $m "$T/run" \
    sh -c "echo in > $T/run/user/$m/from-inside; echo y > $T/run/new; cat $T/run/user/$m/child_pid; echo; echo \$\$; cat $T/run/file"
  # shellcheck disable=SC2086 # three words
  set -- $out
  is "$rc $1 $3" "0 $2 x" "$m: the chain's own files are seen inside"
  is "$(cat "$T/run/user/$m/from-inside")" in "$m: and a file made there outside"
  not_ok "$m: while the rest is apart" test -e "$T/run/new"
done
done_testing
