#!/bin/sh
# the chain on the host's network: start, memory, size
. tests/bench/lib.sh
cd "$TMPDIR" || exit 1
echo "## The chain on the host's network"
echo
echo "Cold start of a static program that does nothing. The floor is a C program that only does what mapping all ids" \
  "needs:"
echo "newuidmap and newgidmap side by side, a user and a mount namespace."
echo
set -- -- 'floor: newuidmap and newgidmap in parallel' rk-t-floor rk-t-true \
  -- '`rk-userns rk-idmap rk-copyup "" true`' rk-userns rk-idmap rk-copyup '' rk-t-true \
  -- '`rk-userns rk-idmap true`' rk-userns rk-idmap rk-t-true \
  -- 'the same with `rk-state -t` before it' rk-state -t "$RK_TEST_XDG" rk-userns rk-idmap rk-copyup "" rk-t-true \
  -- '`rk-run true` (as `rootlesskit true`)' rk-run rk-t-true \
  -- '`rk-copyup /etc:/run` (symlink)' rk-userns rk-idmap rk-copyup /etc:/run rk-t-true
peers=''
for r in /usr/bin/rootlesskit ${RK_BENCH_PEER:+"$RK_BENCH_PEER/rootlesskit"}; do # by path: rk has one of that name
  [ -x "$r" ] || continue
  peers="$peers $r"
  set -- "$@" -- "rootlesskit $("$r" --version | awk '{ print $3 }') \`true\`" "$r" rk-t-true
done
for c in "unshare -Urm" "unshare -Urm --map-auto" "bwrap --dev-bind / /"; do
  command -v "${c%% *}" > /dev/null || { echo "(no ${c%% *} here)"; continue; }
  # shellcheck disable=SC2086 # words
  set -- "$@" -- "\`$c true\`" $c rk-t-true
done
starts "${ROUNDS:-200}" "$@"
awk -F'\t' '/^floor/ { f = $2 } /copyup "" true/ { c = $2 } /^rootlesskit/ { r[$1] = $2 } END {
  if (!f || !c) exit 1
  printf "\nThe chain takes %.2f times the floor.", c / f
  for (n in r) printf " %s takes %.1f times the chain.", n, r[n] / c
  print "" }' starts

echo
echo "Resident while the program runs, besides the program itself:"
echo
echo "| chain | processes | PSS KiB |"
echo "| --- | ---: | ---: |"
resident() { # NAME CMD...: ends in a program that says ready on fd 9
  name=$1; shift
  rm -f fifo; mkfifo -m 0666 fifo
  as_user sh -c 'exec 9>fifo; exec "$@"' sh "$@" &
  pid=$!
  read -r _ < fifo || :
  sleep 0.5 # rk-outside ends by itself when nothing is left to do
  set --
  for p in $(residents); do [ "$p" = "$pid" ] || set -- "$@" "$p"; done
  echo "| $name | $# | $(pss "$@") |"
  kill "$pid"; wait "$pid" 2>/dev/null || :
}
resident '`rk-userns rk-idmap rk-copyup ""`' rk-userns rk-idmap rk-copyup '' rk-t-hold 9
for r in $peers; do
  rm -f fifo; mkfifo -m 0666 fifo
  as_user sh -c 'exec 9>fifo; exec "$@"' sh "$r" --state-dir "$RK_TEST_XDG/peer" rk-t-hold 1 > fifo 2>/dev/null &
  pid=$!
  read -r _ < fifo || :
  sleep 0.5
  set -- "$pid" $(pgrep -P "$pid")
  echo "| rootlesskit $("$r" --version | awk '{ print $3 }') (with its child) | $# | $(pss "$@") |"
  kill "$pid"; wait "$pid" 2>/dev/null || :
done
resident '`rk-state DIR rk-userns rk-idmap rk-copyup ""`' \
  rk-state "$RK_TEST_XDG/bench" rk-userns rk-idmap rk-copyup '' rk-t-hold 9

echo
echo "Size of the programs, stripped, without any shared library:"
echo
echo "| program | bytes |"
echo "| --- | ---: |"
total=0
for n in rk-state rk-userns rk-outside rk-idmap rk-copyup rk-unshare rk-pidns rk-cgroup rk-enter rk-hold; do
  f=$(find "$RK_TEST_INST" -name $n)
  [ -n "$f" ] || continue
  echo "| $n | $(stat -c %s "$f") |"
  total=$((total + $(stat -c %s "$f")))
done
echo "| together | $total |"
