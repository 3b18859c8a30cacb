#!/bin/sh
# the completions for bash, zsh and fish: made from what each program says to --help, and they complete whole chains
. "${RK_TEST_LIB:-tests/lib.sh}"
need bash
run package/completions "$RK_TEST_INST" "$T/made"
is "$rc/$out/$err" 0// "made without a word"
ok "bash can read it" bash -n "$T/made/bash/rk"
for shell in zsh fish; do # CI has neither
  ! command -v $shell > /dev/null || ok "$shell can read it" $shell -n "$T/made/$shell/rk"
done
bad=''
for p in $(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" && $3 !~ /^=/ { print $1 }' package/targets); do
  case $p in rk-run | rk-port | rootless*) continue ;; esac
  for o in $("$RK_TEST_INST/bin/$p" --help | sed -n 's/^  -\([A-UW-Za-gi-z0-9]\).*/\1/p'); do
    grep -q "^    '$p') options='[^']*-$o " "$T/made/bash/rk" || bad="$bad bash:$p:$o"
    grep -q "^complete -c $p .*-s $o " "$T/made/fish/rk" || bad="$bad fish:$p:$o"
    sed -n "/^  '$p')/,/;;/p" "$T/made/zsh/rk" | grep -q "'\*-$o\[" || bad="$bad zsh:$p:$o"
  done
done
is "$bad" "" "all three know every option of every program"

mkdir "$T/dir"
cat > "$T/try" <<'END'
# WORDS...: what bash would offer for the last one
. "$MADE/bash/rk"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_rk
echo "${COMPREPLY[*]}"
END
offers() { # WANT WORDS...
  offers_want=$1; shift
  is "$(MADE="$T/made" PATH="$RK_TEST_INST/bin" "$(command -v bash)" "$T/try" "$@" 2>&1)" "$offers_want" "offered: $*"
}
offers '-t -r -d -h --help -V --version' rk-state -
offers '--help' rk-state --h
offers "$T/dir" rk-state -d 3 "$T/d"
offers rk-userns rk-state -d 3 "$T/dir" rk-use
offers 'subids single' rk-idmap -km s
offers rk-net rk-copyup /etc : /run rk-ne # readline splits at the colon
offers rk-pidns rk-enter -p 1 rk-pid
offers "$T/dir" rk-enter "$T/d"
offers "$("$RK_TEST_INST/bin/rk-port" -h | sed -n 's/^usage: rk-port \([^ ]*\) .*/\1/p' | tr '|' ' ')" rk-port ''
offers '--version' rk-port ls --v
offers rk-userns rk-listen 127.0.0.1 : 80 :: 80/tcp :8080:80 rk-use
like "$(MADE="$T/made" PATH="$RK_TEST_INST/bin" "$(command -v bash)" "$T/try" rk-net -n p 2>&1)" '(^| )pasta( |$)' \
  "network drivers are those installed"
done_testing
