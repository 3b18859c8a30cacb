#!/bin/sh
# A FUSE file system of root inside that answers nothing: no program outside waits for it, and SIGTERM ends all of them
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
[ -w /dev/fuse ] || skip_all "no /dev/fuse for users on this machine"
D=$T/st; mkdir "$T/drivers"; export RK_NET_PATH="$T/drivers" OUT="$T/driver" D
# Its resolver is another one each time, so that resolv.conf is written anew.
cat > "$T/drivers/stays" <<'E2'
#!/bin/sh
echo $$ >> "$OUT"
printf 'ifname=tap0\nip=10.0.2.50\ndns=192.0.2.%s\n\n' "$(wc -l < "$OUT")" >&5
exec cat <&6
E2
chmod +x "$T/drivers/stays"
# fuse FILE...: each is covered by a mount whose requests nobody reads, until the process ends (fuse(4)).
cat > "$T/fuse" <<'E2'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, 9)  # PR_SET_PDEATHSIG: it ends with the payload
for path in sys.argv[1:]:
    fd = os.open('/dev/fuse', os.O_RDWR)
    data = 'fd=%d,rootmode=100000,user_id=0,group_id=0' % fd
    if libc.mount(b'dead', path.encode(), b'fuse', 0, data.encode()): sys.exit('mount: ' + os.strerror(ctypes.get_errno()))
print('mounted', flush=True)
time.sleep(1000)
E2
: > "$OUT"
cat > "$T/payload" <<'E2'
cd "$D"
: > netns
python3 "$T/fuse" "$D/netns" /etc/resolv.conf /etc/hosts > "$T/mounted" 2>&1 &
until [ -s "$T/mounted" ]; do sleep 0.02; done
kill -KILL "$(tail -n 1 "$OUT")"
exec rk-t-hold
E2
export T
spawn rk-state "$D" rk-userns rk-idmap -m single rk-copyup /etc rk-net -l -d stays sh "$T/payload"; chain=$pid
wait_until test -s "$T/mounted"
if ! grep -q '^mounted' "$T/mounted"; then diag "$(cat "$T/mounted")"; skip_all "no FUSE mount in a user namespace"; fi
again() { grep -q 192.0.2.2 "$D/resolv.conf"; }
ok "rk-outside starts the driver again and writes resolv.conf" wait_until again
ok "and says that it is up" wait_until grep -q '^up' "$D/net/status"
portd_start "$D"
p=$(free_port); echo "127.0.0.1:$p:80/tcp" > "$D/ports/x"
ok "rk-portd listens, though it waits for the chain's netns" wait_until status_is "$D" x state listening
kill -TERM "$portd"; ok "SIGTERM ends rk-portd" wait_gone "$portd"
kill -KILL "$chain"
ok "the chain's end is tidied" wait_until test ! -e "$D/lock"
run timeout 60 rk-state "$D" rk-userns rk-idmap -m single true
is "$rc" 0 "and the next one starts"
done_testing
