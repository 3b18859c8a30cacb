# shellcheck shell=sh
# tests/bench/lib.sh: helpers of the benchmarks
#   starts ROUNDS { -- NAME CMD... }...   as the test user: a Markdown table of medians, with ratios to the
#                                         first command
#   residents                             pids of processes whose program lies in this run's own install
#   pss PID...                            their proportional set size, KiB, summed
set -eu
LC_ALL=C; export LC_ALL
starts() {
  starts_n=$1; shift
  as_user rk-t-bench -n "$starts_n" "$@" > "$TMPDIR/starts" || return 1
  printf '| command | median ms | 5 %% | 95 %% | ratio |\n| --- | ---: | ---: | ---: | ---: |\n'
  awk -F'\t' '
    NR == 1 { first = $2 }
    { printf "| %s | %.2f | %.2f | %.2f | %.2f |\n", $1, $2 / 1000, $3 / 1000, $4 / 1000, $2 / first }' "$TMPDIR/starts"
}
residents() {
  for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe" 2>/dev/null) in "$RK_TEST_INST"/*) basename "$(dirname "$exe")" ;; esac
  done
}
pss() {
  for pid in "$@"; do
    sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup"
  done | awk '{ n += $1 } END { print n + 0 }'
}
