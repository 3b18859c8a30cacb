#!/bin/sh
# the chain on the host's network: start, memory, size
. tests/bench/lib.sh
cd "$TMPDIR"
echo "## The chain on the host's network"
echo
echo "Cold start of a static program that does nothing. The floor is a C program that only does what mapping all ids needs:"
echo "newuidmap and newgidmap side by side, a user and a mount namespace."
echo
set -- -- 'floor: newuidmap and newgidmap in parallel' rk-t-floor rk-t-true \
  -- '`rk-userns rk-idmap rk-copyup "" true`' rk-userns rk-idmap rk-copyup '' rk-t-true \
  -- '`rk-userns rk-idmap true`' rk-userns rk-idmap rk-t-true \
  -- 'the same with `rk-state -t` before it' rk-state -t "$RK_TEST_XDG" rk-userns rk-idmap rk-copyup "" rk-t-true \
  -- '`rk-copyup /etc:/run` (symlink)' rk-userns rk-idmap rk-copyup /etc:/run rk-t-true
for c in "rootlesskit rk-t-true" "unshare -Urm rk-t-true" "unshare -Urm --map-auto rk-t-true" "bwrap --dev-bind / / rk-t-true"; do
  command -v "${c%% *}" >/dev/null || { echo "(no ${c%% *} here)"; continue; }
  name=$c
  [ "${c%% *}" != rootlesskit ] || name="rootlesskit $(rootlesskit --version | awk '{ print $3 }'): true"
  # shellcheck disable=SC2086 # words
  set -- "$@" -- "\`$name\`" $c
done
starts "${ROUNDS:-200}" "$@"
awk -F'\t' '/floor/ { f = $2 } /copyup ""/ { c = $2 } /rootlesskit/ { r = $2 } END {
  if (!f || !c) exit 1; printf "\nThe chain takes %.2f times the floor; ", c / f; if (r) printf "rootlesskit takes %.1f times the chain.\n", r / c; else print "no rootlesskit here." }' starts

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
resident '`rk-state DIR rk-userns rk-idmap rk-copyup ""`' rk-state "$RK_TEST_XDG/bench" rk-userns rk-idmap rk-copyup '' rk-t-hold 9

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
