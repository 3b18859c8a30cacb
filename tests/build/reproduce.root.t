#!/bin/sh
# two directories, one result, bit by bit; and a second make does nothing
# timeout 900
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "reproducible builds are tested with MODE=static"
plan 5
for d in one two/deeper; do
  mkdir -p "$T/$d"
  cp -R Makefile package src tests CHANGES.md README.md LICENSE "$T/$d/" 2>/dev/null
  mkdir "$T/$d/build"; cp -R "$RK_TEST_TOP/build/deps" "$T/$d/build/deps"
  run make -s -j2 -C "$T/$d" programs
  is "$rc/$err" 0/ "make in $d"
done
sums() { (cd "$1/build/static" && find bin libexec -type f -exec sha256sum {} + | sort); }
is "$(sums "$T/one")" "$(sums "$T/two/deeper")" "the same programs, bit by bit"
is "$(sums "$T/one")" "$(cd "$RK_TEST_INST" && find bin libexec -type f -exec sha256sum {} + | sort)" \
  "the same as those under test"
run make -C "$T/one" programs
like "$out" 'Nothing to be done' "make again does nothing"
