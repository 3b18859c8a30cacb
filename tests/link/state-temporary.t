#!/bin/sh
# rk-state -t: temporary directories, gone at the end however it came
. "${RK_TEST_LIB:-tests/lib.sh}"
empty() { [ -z "$(ls -A "$1")" ]; }

# shellcheck disable=SC2016
run rk-state -t "$T/tmp" rk-userns rk-idmap sh -c \
  'echo "$RK_STATE_DIR"; mkdir "$RK_STATE_DIR/ports"; stat -c %a "$RK_STATE_DIR"'
like "$out" "^$T/tmp/rk\\.[A-Za-z0-9]{6}\$" "a fresh directory below the one named"
like "$out" '^700$' "private"
ok "gone at the end with all that is in it" wait_until test ! -e "$(echo "$out" | head -n 1)"

# a chain that stays: $p, and its directory $d
stay() { spawn rk-state -t "$T/tmp" rk-userns rk-idmap sh -c 'echo "$RK_STATE_DIR"; exec rk-t-hold'; p=$pid; \
  wait_until test -s "$T/spawn.$p.out"; d=$(cat "$T/spawn.$p.out"); }

stay; kill -KILL "$p"
ok "gone after SIGKILL of the chain" wait_until test ! -e "$d"

stay
run rk-state -t "$T/tmp" rk-userns rk-idmap true
ok "which leaves a living one alone" test -e "$d/child_pid"
kill -KILL "$p"
ok "nothing is left" wait_until empty "$T/tmp"

# shellcheck disable=SC2016
XDG_RUNTIME_DIR=$T run rk-state -t "" rk-userns rk-idmap sh -c 'echo $RK_STATE_DIR'
like "$out" "^$T/rk/rk\\." "the empty name: below XDG_RUNTIME_DIR"
# shellcheck disable=SC2016
XDG_RUNTIME_DIR=/usr run rk-state -t "" rk-userns rk-idmap sh -c 'stat -c "%a %n" "${RK_STATE_DIR%/*}"'
like "$out" "^700 (/run/user/$(id -u)/rk|$TMPDIR/rk-$(id -u))\$" "or a private place, if that is not ours"
done_testing
