#!/bin/sh
# The same where the user's quota of pipe pages is used up: no splice, and what a send does not take stays in its
# socket.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip setpriv
chmod 0777 "$T"
alone="setpriv --reuid=54321 --regid=54321 --clear-groups"  # a user with a quota of its own
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
$alone unshare -Urn sh -c 'ip link set lo up; exec python3 "$0" serve 7000 "$1"' "$tools/faith.py" "$T/server" > \
  "$T/serve" 2>&1 &
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
faithful 220
done_testing
