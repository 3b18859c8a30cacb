#!/bin/sh
# what was built: no interpreter, no shared library, no file larger than it should be (style 4.11, issue 2)
. "${RK_TEST_LIB:-tests/lib.sh}"
case $RK_TEST_MODE in static | pie) ;; *) skip_all "only the static builds have these properties" ;; esac
need readelf
programs() { awk '/^[ \t]*(#|$)/ { next } $2 != "test" && $3 !~ /^=/ { print $2 "/" $1 }' package/targets; }
allowed() { awk -v n="$1" '$1 == n { print $2 }' tests/build/allowed-sizes; }
bad=''
for p in $(programs); do
  readelf -lW "$RK_TEST_INST/$p" 2>&1 | grep -Eq 'INTERP|No such file' && bad="$bad $p"
done
is "$bad" "" "no program asks for an interpreter"
bad=''
for p in $(programs); do
  readelf -dW "$RK_TEST_INST/$p" 2>/dev/null | grep -q NEEDED && bad="$bad $p"
done
is "$bad" "" "no program needs a shared library"
if [ "$RK_TEST_MODE" = pie ]; then
  bad=''
  for p in $(programs); do
    readelf -hlW "$RK_TEST_INST/$p" | awk '/Type:.*DYN/ { d = 1 } /GNU_RELRO/ { r = 1 } END { exit !(d && r) }' ||
      bad="$bad $p"
  done
  is "$bad" "" "every program is position independent, with RELRO"
else
  bad='' total=0
  for p in $(programs); do
    n=${p##*/} size=$(stat -c %s "$RK_TEST_INST/$p") limit=$(allowed "$n")
    [ "$size" -le "${limit:-30720}" ] || bad="$bad $n:$size"
    case $n in rk-state | rk-userns | rk-outside | rk-idmap | rk-copyup | rk-unshare | rk-pidns | rk-cgroup | rk-enter | rk-hold) total=$((total + size)) ;; esac
  done
  is "$bad" "" "every program stays under 30 KiB, or under its line in allowed-sizes"
  ok "the ten programs of the chain take $total bytes, less than 432 KiB" test "$total" -lt 442368
fi
done_testing
