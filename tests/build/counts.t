#!/bin/sh
# a line holds one thought: what tests/build/counts counts stays within CONTRIBUTING.md's limits
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
tests/build/counts > "$T/counts"
total() { # COLUMN: its figure in the last row
  awk -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } END { print $at }' "$T/counts"
}
# the head of the table, so that a column that goes is seen
is "$(head -n 1 "$T/counts" | tr -s ' ')" \
  "folder files lines code tok/l >100 >120 funcs >60 static local extern ?: comma" "the columns"
is "$(total '>100')" 0 "no line above 100 columns"
is "$(awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == ">60") at = i; next } $1 != "total" && $at { print $1 }' \
  "$T/counts")" "" "no function above 60 lines"
is "$(total extern)" 0 "no variable that files share"
is "$(total comma)" 0 "no comma operator outside of for"
ok "at most 40 variables of file scope" test "$(total static)" -le 40
ok "at most 9 tokens a line" test "$(total tok/l | tr -d .)" -le 900
done_testing
