#!/bin/sh
# Nothing is lost, changed or invented: random close orders and sizes, half-close, resets, slow readers and writers.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
relay=$RK_TEST_INST/libexec/rk/rk-relay faith="$RK_TEST_STAGE/rk/tests/relay/faith.py" port=20000
host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7
unshare -Urn sh -c 'ip link set lo up; exec python3 "$0" serve 7000 "$1"' "$faith" "$T/server" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
mkfifo "$T/ctl"
rk-t-portd "$relay" "$ns" "tcp,$host,$port,127.0.0.1,7000" < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
all() { [ "$(wc -l < "$T/server")" -ge "$1" ]; }

n=360
timeout 120 python3 "$faith" ask "$host" "$port" "$T/client" $n "${RK_FAITH_SEED:-3}"
is "$(grep -c ' ok ' "$T/client")" $n "$n clients saw what a direct connection gives"
wait_until all $n
is "$(grep -c ' ok ' "$T/server")" $n "... and so did the server"
grep -hv ' ok ' "$T/client" "$T/server" | sed 's/^/# /' | head -20 >&2
echo stats >&9
wait_until grep -q end "$T/portd"
like "$(cat "$T/portd")" "now=0 total=$n .*refused=0" "no connection is left, none was refused"
echo quit >&9
done_testing
