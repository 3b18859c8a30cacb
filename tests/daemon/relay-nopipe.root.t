#!/bin/sh
# The same where the user's quota of pipe pages is used up: no splice, and what a send does not take stays in its socket.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip setpriv
chmod 0777 "$T"
alone="setpriv --reuid=54321 --regid=54321 --clear-groups"  # a user with a quota of its own
relay=$RK_TEST_INST/libexec/rk/rk-relay faith="$RK_TEST_STAGE/rk/tests/relay/faith.py" port=20000
host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7
$alone unshare -Urn sh -c 'ip link set lo up; exec python3 "$0" serve 7000 "$1"' "$faith" "$T/server" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
$alone python3 -c '
import fcntl, os, sys
keep = []
try:
    while True: keep.append(os.pipe()); fcntl.fcntl(keep[-1][0], 1031, 1 << 20)  # F_SETPIPE_SZ
except OSError as e: print("full", len(keep), e, flush=True)
os.read(os.pipe()[0], 1)' > "$T/quota" 2>&1 &
tap_pids="$tap_pids $!"
wait_until grep -q full "$T/quota"
mkfifo "$T/ctl"; chmod 0666 "$T/ctl"
$alone rk-t-portd "$relay" "$ns" "tcp,$host,$port,127.0.0.1,7000" < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
all() { [ "$(wc -l < "$T/server")" -ge "$1" ]; }

n=220
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
