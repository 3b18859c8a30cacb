#!/bin/sh
# rootlesskit: rk's beside RootlessKit's own: start, memory, ports and the API
. tests/bench/lib.sh
here=$(cd tests/bench && pwd)
cd "$TMPDIR" || exit 1
echo "## rootlesskit"
echo
set -- "rk=$RK_TEST_INST/bin"
for d in /usr/bin ${RK_BENCH_PEER:+"$RK_BENCH_PEER"}; do
  [ -x "$d/rootlesskit" ] && set -- "$@" "RootlessKit $("$d/rootlesskit" --version | awk '{ print $3 }')=$d"
done
as_user python3 "$here/compat.py" "$@"
