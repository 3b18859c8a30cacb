#!/bin/sh
# Root inside looks without end for a moment in which a driver, its helpers or rk-outside can be traced, read, or their
# descriptors followed: while the driver is killed and started again, and at the end. CATCH_ROUNDS: how often (8)
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 slirp4netns pasta
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st rounds=${CATCH_ROUNDS:-8}
another() {
  d=$(pgrep -P "$o" -x "$driver|passt.*|pasta.*") && [ -n "$d" ] && [ "$d" != "$was" ] &&
    [ "$(cat "$D/net/status")" = up ]
}
for driver in slirp4netns pasta; do
  rm -f "$T/u/end" "$T/u/session"
  spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -l -d $driver \
    python3 tests/security/catch.py "$T/u/session" "$T/u/end"
  p=$pid was=
  wait_until test -s "$D/child_pid"
  o=$(outside_of "$p") i=0
  ps -o sid= -p "$o" | tr -d ' ' > "$T/u/session.new"; mv "$T/u/session.new" "$T/u/session"
  while [ "$i" -lt "$rounds" ] && wait_until another; do
    was=$d i=$((i + 1))
    kill -KILL "$d"
  done
  is "$i" "$rounds" "$driver: killed and started again, each time"
  wait_until another
  : > "$T/u/end"
  ok "$driver: the catcher ends" wait_gone "$p"
  like "$(cat "$T/spawn.$p.out")" '^caught: nothing$' "and has caught nothing"
  like "$(cat "$T/spawn.$p.out")" "^tried: .*rk-outside" "(it has tried)"
  note "$(tail -n 1 "$T/spawn.$p.out")"
  wait_until test ! -e "$D"
done
done_testing
