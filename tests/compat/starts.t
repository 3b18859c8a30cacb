#!/bin/sh
# rootlesskit: many starts, one after the other and eight at a time; every one ends with 0, nothing is left.
# RK_STARTS=1000 for the long version (tests/bench/compat.sh runs it)
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
row=${RK_STARTS:-60} heap=${RK_STARTS_AT_ONCE:-40}
export XDG_RUNTIME_DIR="$T"
start() { rootlesskit --net=slirp4netns --disable-host-loopback --port-driver=builtin --copy-up=/etc --copy-up=/run \
  true; }
bad=0 n=0
while [ $n -lt "$row" ]; do
  start 2>> "$T/err" || bad=$((bad + 1))
  n=$((n + 1))
done
# on a busy machine rk-portd may see the directory go before it is told to end, and says so
is "$bad $(grep -vx 'rk-portd [^ ]*: info: the state directory is gone' "$T/err")" "0 " "$row starts in a row"
n=0
while [ $n -lt 20 ]; do
  rootlesskit --net=none --port-driver=builtin -p 127.0.0.1:21234:80/tcp true 2>> "$T/brief" || echo "$?" >> "$T/brief"
  n=$((n + 1))
done
is "$(grep -vx 'rk-portd [^ ]*: info: the state directory is gone' "$T/brief")" "" \
  "a port of a command that ends at once: rk-portd does not lament the directory"
cat > "$T/one" <<'E'
rootlesskit --net=slirp4netns --disable-host-loopback --port-driver=builtin --copy-up=/etc --copy-up=/run true 2>&1 || echo "$1: $?"
E
is "$(seq "$heap" | xargs -P 8 -n 1 sh "$T/one" 2>&1 |
  grep -vx 'rk-portd [^ ]*: info: the state directory is gone')" "" \
  "$heap starts, eight at a time"
is "$(ls -A "$T/rk")" "" "no directory is left"
ok "no process is left" wait_until sh -c '! grep -sq "STATE_DIR=$1/rk" /proc/[0-9]*/environ' - "$T"
done_testing
