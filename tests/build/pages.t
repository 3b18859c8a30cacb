#!/bin/sh
# every program has a page and a test; the page's SYNOPSIS has the options of the program's own usage line; pages are
# clean
. "${RK_TEST_LIB:-tests/lib.sh}"
need mandoc
commands=$(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" { print $1 }' package/targets)
all=$(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" || $2 == "libexec/rk" { print $1 }' package/targets)
page() { for f in "doc/$1".[18]; do [ -e "$f" ] && echo "$f"; done; }
# the options of a usage line or a rendered synopsis: letters, with : where an argument follows
options() {
  sed 's/\[ */[/g; s/ *\]/]/g; s/|/ | /g' | tr -s ' \n' '\n\n' | awk '
    { w[NR] = $0 }
    END { for (i = 1; i <= NR; i++) if (match(w[i], /^\[?-[A-Za-z0-9]\]?$/)) {
      o = w[i]; closed = o ~ /\]$/; gsub(/[^A-Za-z0-9]/, "", o)
      if (!closed && w[i + 1] != "|" && w[i + 1] != "" && w[i + 1] !~ /^\[?-/) o = o ":"
      print o } }' | sort -u | tr '\n' ' '
}
synopsis() { # FILE
  mandoc -Tascii -O width=1000 "$1" | sed 's/.\x08//g' | awk '/^[A-Z]/ { on = /^SYNOPSIS/; next } on'
}
is "$(for p in $all; do [ -n "$(page "$p")" ] || echo "$p"; done)" "" "every program has a page"
is "$(for p in $all; do grep -rlqw -e "$p" tests --include='*.t' --include='*.sh' --exclude-dir=build --exclude-dir=bench || echo "$p"; done)" "" "every program has a test that names it"
is "$(for f in doc/*.[1-9]; do mandoc -Tlint -W warning "$f"; done 2>&1)" "" "mandoc finds nothing wrong"
is "$(for f in doc/*.[1-9]; do n=$(mandoc -Tascii "$f" | sed 's/.\x08//g' | wc -w); [ "$n" -le 1200 ] || echo "$f $n"; done)" "" "no page is longer than about 1100 words"
is "$(for f in doc/rk-*.1; do for s in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS'; do
  grep -q "^\.Sh $s" "$f" || echo "$f: no $s"; done; done)" "" "every page has the sections"
bad=''
for p in $commands; do
  f=$(page "$p")
  [ -n "$f" ] || continue
  usage=$("$RK_TEST_INST/bin/$p" -Z 2>&1 < /dev/null | sed -n "s/^$p: usage: $p//p")
  if [ -z "$usage" ]; then
    case $p in rootless*|rk-run) continue ;; esac # RootlessKit's own help format: tests/compat
    bad="$bad
$p: prints no usage line"
    continue
  fi
  case $usage in *"[ options ]"*) continue ;; esac # subcommands, each with its own
  u=$(printf '%s\n' "$usage" | options) s=$(synopsis "$f" | options)
  [ "$u" = "$s" ] || bad="$bad
$p: usage $u, page $s"
done
is "$bad" "" "options in SYNOPSIS and usage line agree"
bad=''
# shellcheck disable=SC2013 # words without blanks
for v in $(grep -rhoE '"(RK|ROOTLESSKIT)_[A-Z0-9_]+[="]' src --include='*.c' --include='*.h' | tr -d '"=' | sort -u); do
  case $v in RK_VERSION) continue ;; esac
  grep -qw -e "$v" doc/rk-environment.7 || bad="$bad $v"
done
is "$bad" "" "every environment variable is in rk-environment.7"
bad=''
for id in $(grep -rhoE 'rk_(die_host|say_fix)\("[A-Z]+[0-9]+"' src | sed 's/.*"\(.*\)"/\1/' | sort -u); do
  grep -qw -e "$id" doc/rk-host-settings.7 || bad="$bad $id"
done
is "$bad" "" "every host setting's id is in rk-host-settings.7"
bad=''
for p in $(sed -n 's/^\.Xr \([^ ]*\) \([1-8]\).*/\1.\2/p' doc/*.[1-9] | grep -E '^(rk|rootless)' | sort -u); do
  [ -e "doc/$p" ] || bad="$bad $p"
done
is "$bad" "" "pages point to pages that exist"
done_testing
