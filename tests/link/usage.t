#!/bin/sh
# wrong usage: one clear line, then the usage, exit 100, nothing done; --help and --version: the same for every command
. "${RK_TEST_LIB:-tests/lib.sh}"
version=$(sed -n 's/^version=//p' "$RK_TEST_STAGE/rk/package/info.mk")
cd "$T" || exit 1
for p in $(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" && $1 ~ /^rk-/ && $1 != "rk-run" { print $1 }' \
  "$RK_TEST_STAGE/rk/package/targets"); do
  run "$p" -Z
  is "$rc" 100 "$p: unknown option: 100"
  like "$err" "^$p: usage: $p" "$p: and its usage"
  is "$(printf '%s\n' "$err" | head -n 1)" "$p: fatal: unknown option -Z" "$p: what is wrong comes first"
  is "$(printf '%s\n' "$err" | wc -l)" 2 "$p: in two lines"
  run "$p" --help
  is "$rc$err" 0 "$p: --help"
  like "$out" "^usage: $p " "$p: its usage on stdout"
  is "$(printf '%s\n' "$out" | grep -v '^usage: ' | awk 'length > 100')" "" "$p: no other line of it is too long"
  run "$p" -V
  is "$rc $out $err" "0 $p $version " "$p: -V"
  case $p in rk-hold | rk-ls | rk-check) continue ;; esac # they need none
  run "$p"
  is "$rc" 100 "$p: no argument: 100"
  like "$err" "^$p: usage: $p" "$p: and its usage"
done
for p in rk-userns "rk-userns rk-idmap rk-unshare -u" "rk-state $T/st"; do
  # shellcheck disable=SC2086 # words
  run $p ""
  like "$rc $err" "^127 rk-[a-z]*: fatal: the program's name is empty$" "$p: an empty program name"
done
is "$(ls -A "$T")" "$(printf '.err\n.in\n.out')" "nothing was left behind"
done_testing
