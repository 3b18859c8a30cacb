#!/bin/sh
# every program has a page and a test; pages are clean
. "${RK_TEST_LIB:-tests/lib.sh}"
need mandoc
all=$(awk '/^[ \t]*(#|$)/ { next } $2 == "bin" || $2 == "libexec/rk" { print $1 }' package/targets)
page() { for f in "doc/$1".[18]; do [ -e "$f" ] && echo "$f"; done; }
is "$(for p in $all; do [ -n "$(page "$p")" ] || echo "$p"; done)" "" "every program has a page"
is "$(for p in $all; do grep -rlqw -e "$p" tests --include='*.t' --include='*.sh' --exclude-dir=build --exclude-dir=bench || echo "$p"; done)" "" "every program has a test that names it"
is "$(for f in doc/*.[1-9]; do mandoc -Tlint -W warning "$f"; done 2>&1)" "" "mandoc finds nothing wrong"
is "$(for f in doc/*.[1-9]; do n=$(mandoc -Tascii "$f" | sed 's/.\x08//g' | wc -w); [ "$n" -le 1200 ] || echo "$f $n"; done)" "" "no page is longer than about 1100 words"
is "$(for f in doc/rk-*.1; do for s in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS'; do
  grep -q "^\.Sh $s" "$f" || echo "$f: no $s"; done; done)" "" "every page has the sections"
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
