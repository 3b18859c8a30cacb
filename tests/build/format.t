#!/bin/sh
# the look of the code: C as clang-format 14 writes it (.clang-format), no line of it above 100 columns; scripts 120
. "${RK_TEST_LIB:-tests/lib.sh}"
code() { find src tests -name '*.[ch]' | LC_ALL=C sort; }
scripts() {
  { grep -rlE '^#!/(bin/sh|usr/bin/env )|^# shellcheck shell=sh' package tests examples .ci; find tests -name '*.py'; \
    } | LC_ALL=C sort -u
}
long() { # COLUMNS FILE...: FILE NUMBER of lines that are longer
  columns=$1; shift
  awk -v most="$columns" 'length > most { n[FILENAME]++ } END { for (f in n) print f, n[f] }' "$@" | LC_ALL=C sort
}
# shellcheck disable=SC2046 # our own file names
is "$(long 100 $(code))" "" "no line of C is longer than 100 columns"
# shellcheck disable=SC2046
long 120 $(scripts) > "$T/long"
is "$(awk 'NR == FNR { most[$1] = $2; next } $2 > most[$1] + 0 { print }' tests/build/allowed-width "$T/long")" "" \
  "no line of a script is longer than 120 columns, beyond those that allowed-width counts"
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
case $version in
  14) # shellcheck disable=SC2046
    is "$(clang-format --dry-run $(code) 2>&1 | head -n 20)" "" \
      "src and the C of tests are as clang-format leaves them" ;;
  '') skip 1 "no clang-format on this machine" ;;
  *) skip 1 "clang-format 14 formats this tree, and here is another version" ;;
esac
done_testing
