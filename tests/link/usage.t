#!/bin/sh
# wrong usage: one clear line, exit 100, nothing done - the same for every command
. "${RK_TEST_LIB:-tests/lib.sh}"
cd "$T" || exit 1
for p in $(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" && $1 ~ /^rk-/ && $1 != "rk-run" { print $1 }' \
  "$RK_TEST_STAGE/rk/package/targets"); do
  run "$p" -Z
  is "$rc" 100 "$p: unknown option: 100"
  like "$err" "^$p: usage: $p" "$p: and its usage"
  is "$(printf '%s\n' "$err" | wc -l)" 1 "$p: in one line"
  case $p in rk-hold | rk-ls) continue ;; esac # they need none
  run "$p"
  is "$rc" 100 "$p: no argument: 100"
  like "$err" "^$p: usage: $p" "$p: and its usage"
done
for p in rk-userns rk-unshare "rk-state $T/st"; do
  # shellcheck disable=SC2086 # words
  run $p ""; is "$rc $err" "127 ${p%% *}: fatal: the program's name is empty" "${p%% *}: an empty program name"
done
is "$(ls -A "$T")" "$(printf '.err\n.in\n.out')" "nothing was left behind"
done_testing
