#!/bin/sh
# each command says the same in its --help, its page and the head of its source: summary, operands, options, exit codes
. "${RK_TEST_LIB:-tests/lib.sh}"
need mandoc
text() { mandoc -Tascii -O width=1000 "$1" | sed 's/.\x08//g'; }
section() { awk -v s="$2" '/^[A-Z]/ { on = $0 == s; next } on' "$1"; }
words() { sed 's/ *| */|/g; s/\[ */[/g; s/ *\]/]/g; s/\]\.\.\./]/g; s/  */ /g; s/^ //; s/ $//'; }
bad='' summaries='' undocumented='' untold='' codes=''
for p in $(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" && $3 !~ /^=/ { print $1 }' package/targets); do
  f=doc/$p.1
  [ -e "$f" ] || continue
  text "$f" > "$T/page"
  case $p in
    rk-run | rootless*) continue ;; # RootlessKit's own command line
    rk-port) verbs=$("$RK_TEST_INST/bin/$p" --help | sed -n 's/^usage: rk-port \([^ ]*\) .*/\1/p' | tr '|' ' ') ;;
    *) verbs='' ;;
  esac
  "$RK_TEST_INST/bin/$p" --help > "$T/help" 2>&1
  [ -z "$verbs" ] || for v in $verbs; do "$RK_TEST_INST/bin/$p" "$v" --help; done > "$T/help" 2>&1
  usage=$(sed -n 's/^usage: //p' "$T/help" | tr '\n' ' ' | words)
  page=$(section "$T/page" SYNOPSIS | grep . | tr '\n' ' ' | words)
  [ "$usage" = "$page" ] || bad="$bad
$usage
$page"
  summary=$("$RK_TEST_INST/bin/$p" --help | sed -n "2s/^$p: //p")
  [ "$summary" = "$(sed -n 's/^\.Nd //p' "$f")" ] || summaries="$summaries $p"
  for o in $(sed -n 's/^  -\([A-UW-Za-gi-z0-9]\).*/\1/p' "$T/help" | sort -u); do
    section "$T/page" OPTIONS | grep -Eq -e "^ *-$o( |$|,)" || undocumented="$undocumented $p:-$o"
  done
  for o in $(section "$T/page" OPTIONS | sed -n 's/^     -\([A-Za-z0-9]\)\( .*\)*$/\1/p' | sort -u); do
    grep -q "^  -$o" "$T/help" || untold="$untold $p:-$o"
  done
  src=$(awk -v p="$p" '$1 == p { print $3 ~ /\/$/ ? $3 p ".c" : $3 }' package/targets)
  for c in $(sed '/\*\//q' "$src" | sed -n '/^ *exits /,$p' | grep -oE '\b1(00|02|11|26)\b' | sort -u); do
    section "$T/page" 'EXIT STATUS' | grep -qw "$c" || codes="$codes $p:$c"
  done
done
is "$bad" "" "the usage line and the SYNOPSIS are the same words"
is "$summaries" "" "the summary of --help is that of the page"
is "$undocumented" "" "OPTIONS describes every option of --help"
is "$untold" "" "--help has every option that OPTIONS describes"
is "$codes" "" "EXIT STATUS has every code that the source's head names"
is "$(grep -rnE 'rk-net( -[^ ]+)*( -[amifo] [^ ]+)* -d |rk-enter -s ' README.md SECURITY.md \
  doc examples --exclude=bench.md)" "" \
  "what is shown has -d for readiness only, and the directory without a letter"
done_testing
