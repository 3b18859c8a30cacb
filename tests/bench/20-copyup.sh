#!/bin/sh
# writable directories: each mode, and RootlessKit's
. tests/bench/lib.sh
cd "$TMPDIR" || exit 1
echo "## Writable directories"
echo
echo "Start of a static program that does nothing, in one user namespace made before (\`unshare -Ur\`), so" \
  "that the figures are"
top=$(find /etc -mindepth 1 -maxdepth 1 | wc -l)
echo "those of rk-copyup alone. /etc has $(find /etc | wc -l) entries here, $top of them at its top;" \
  "/run $(find /run -xdev | wc -l)."
echo
set --
for m in symlink overlay copy; do
  for d in '' /etc /run /etc:/run; do
    case $m,$d in overlay,*run | copy,*run | copy, | overlay,) continue ;; esac
    set -- "$@" -- "\`rk-copyup -m $m \"$d\"\`" rk-copyup -m $m "$d" rk-t-true
  done
done
cp "$(command -v rk-t-bench)" bench; chmod 0755 bench
as_user unshare -Ur ./bench -n "${ROUNDS:-200}" "$@" 2> /dev/null > starts
printf '| command | median ms | 5 %% | 95 %% | ratio |\n| --- | ---: | ---: | ---: | ---: |\n'
awk -F'\t' '
  NR == 1 { first = $2 }
  { printf "| %s | %.2f | %.2f | %.2f | %.2f |\n", $1, $2 / 1000, $3 / 1000, $4 / 1000, $2 / first }' starts
echo
echo "The same in whole chains, beside RootlessKit."
echo
set -- -- '`rk-userns rk-idmap rk-copyup "" true`' rk-userns rk-idmap rk-copyup '' rk-t-true \
  -- '`rk-userns rk-idmap rk-copyup /etc:/run true`' rk-userns rk-idmap rk-copyup /etc:/run rk-t-true
for r in /usr/bin/rootlesskit ${RK_BENCH_PEER:+"$RK_BENCH_PEER/rootlesskit"}; do # by path: rk has one of that name
  [ -x "$r" ] || continue
  v=$("$r" --version | awk '{ print $3 }')
  set -- "$@" -- "rootlesskit $v \`true\`" "$r" rk-t-true \
    -- "rootlesskit $v \`--copy-up=/etc --copy-up=/run true\`" "$r" --copy-up=/etc --copy-up=/run rk-t-true
done
starts "${ROUNDS:-100}" "$@"
