#!/bin/sh
# each command says the same in its usage line, its page and the head of its source: operands, options, exit codes
. "${RK_TEST_LIB:-tests/lib.sh}"
need mandoc
text() { mandoc -Tascii -O width=1000 "$1" | sed 's/.\x08//g'; }
section() { awk -v s="$2" '/^[A-Z]/ { on = $0 == s; next } on' "$1"; }
words() { sed 's/ *| */|/g; s/\[ */[/g; s/ *\]/]/g; s/\]\.\.\./]/g; s/  */ /g; s/^ //; s/ $//'; }
bad='' undocumented='' codes=''
for p in $(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" && $3 !~ /^=/ { print $1 }' package/targets); do
  f=doc/$p.1
  [ -e "$f" ] || continue
  text "$f" > "$T/page"
  case $p in
    rk-run | rootless*) continue ;; # RootlessKit's own command line
    rk-port) ;; # four commands: its usage line names them only
    *)
      usage=$("$RK_TEST_INST/bin/$p" -Z 2>&1 < /dev/null | sed -n "s/^$p: usage: //p" | words)
      page=$(section "$T/page" SYNOPSIS | grep . | tr '\n' ' ' | words)
      [ "$usage" = "$page" ] || bad="$bad
$usage
$page" ;;
  esac
  for o in $(section "$T/page" SYNOPSIS | tr ' ' '\n' | sed -n 's/^\[*-\([A-Za-z0-9]\)\]*$/\1/p' | sort -u); do
    section "$T/page" OPTIONS | grep -Eq -e "^ *-$o( |$|,)" || undocumented="$undocumented $p:-$o"
  done
  src=$(awk -v p="$p" '$1 == p { print $3 ~ /\/$/ ? $3 p ".c" : $3 }' package/targets)
  for c in $(sed '/\*\//q' "$src" | sed -n '/^ *exits /,$p' | grep -oE '\b1(00|02|11|26)\b' | sort -u); do
    section "$T/page" 'EXIT STATUS' | grep -qw "$c" || codes="$codes $p:$c"
  done
done
is "$bad" "" "the usage line and the SYNOPSIS are the same words"
is "$undocumented" "" "OPTIONS describes every option of the SYNOPSIS"
is "$codes" "" "EXIT STATUS has every code that the source's head names"
done_testing
