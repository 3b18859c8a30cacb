#!/bin/sh
# the files of each program lie in layers: none uses, over others, what uses it; and no variable is shared between files
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "the objects of the static build are read"
need nm
cd "$RK_TEST_TOP" || bail "no tree"
B=build/static
# PROGRAM OBJECT... of what is installed, and librk itself
{
  awk -v B="$B" -f package/targets.awk package/targets |
    sed -n "s|^$B/\\([a-z].*/\\)*\\([^/:]*\\):\\(.*\\.o\\) .*librk.*|\\1 \\2 \\3|p" | grep -v '^test/ '
  echo "- librk $(for f in src/librk/*.c; do echo "$B/obj/${f%.c}.o"; done | tr '\n' ' ')"
} > "$T/programs"

# Edges "user definer" from nm, then their transitive closure: who reaches itself is in a circle.
circles() { # OBJECT...
  { nm -A -g --defined-only "$@"; nm -A -u "$@"; } 2>/dev/null | awk '
    { file = $1; sub(/:.*/, "", file); sub(/.*\//, "", file); sub(/\.o$/, "", file); symbol = $NF }
    $(NF - 1) == "U" { uses[file, symbol] = 1; next }
    { definer[symbol] = file }
    END {
      for (u in uses) {
        split(u, part, SUBSEP)
        if (part[2] in definer && definer[part[2]] != part[1]) {
          edge[part[1], definer[part[2]]] = 1
          node[part[1]] = node[definer[part[2]]] = 1
        }
      }
      for (k in node) for (i in node) if ((i, k) in edge) for (j in node) if ((k, j) in edge) edge[i, j] = 1
      for (i in node) if ((i, i) in edge) print i
    }' | LC_ALL=C sort
}
bad='' shared=''
while read -r _ program objects; do
  # shellcheck disable=SC2086 # names without blanks, all ours
  set -- $objects
  [ $# -gt 1 ] || continue
  circles "$@" > "$T/circle"
  n=$(wc -l < "$T/circle")
  limit=$(awk -v p="$program" '$1 == "circle" && $2 == p { print $3 }' tests/build/allowed-circles)
  [ "$n" -le "${limit:-0}" ] || bad="$bad
$program: $n files in circles: $(tr '\n' ' ' < "$T/circle")"
  [ "$n" -ge "${limit:-0}" ] || note "tests/build/allowed-circles: $program has $n by now"
  for s in $(nm -g --defined-only "$@" 2>/dev/null | awk '$2 ~ /^[BDC]$/ { print $3 }'); do
    awk -v s="$s" '$1 == "extern" && $2 == s { found = 1 } END { exit !found }' tests/build/allowed-circles ||
      shared="$shared $program:$s"
  done
done < "$T/programs"
ok "every program's objects are there" test "$(wc -l < "$T/programs")" -gt 10
is "$bad" "" "no circle that allowed-circles does not have"
is "$shared" "" "no variable that other files see and change, or allowed-circles has it"
done_testing
