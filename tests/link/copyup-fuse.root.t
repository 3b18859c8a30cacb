#!/bin/sh
# rk-copyup: a file system below a covered directory whose server is dead, never answers, or answers another user only
. "${RK_TEST_LIB:-tests/lib.sh}"
[ -w /dev/fuse ] || skip_all "no /dev/fuse on this machine"
need python3 unshare
D=$T/u/dir
mkdir -p "$D/sub" "$D/plain"; echo old > "$D/file"; chown -R "$RK_TEST_USER" "$T/u"
cat > "$T/mount.py" <<'E2'
import ctypes, os, sys, time
fd = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=%s,group_id=0%s" % (fd, sys.argv[3], sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"test", sys.argv[1].encode(), b"fuse", 0, options.encode()) != 0: sys.exit("no mount")
print("ready", flush=True)
while sys.argv[2] == "hangs": time.sleep(60)
E2
cat > "$T/try" <<'E2'
python3 "$1/mount.py" "$2/sub" "$3" "$4" "$5" > "$1/ready" & server=$!
while [ ! -s "$1/ready" ]; do kill -0 $server || exit 99; sleep 0.02; done
[ "$3" = hangs ] || wait $server
shift 5
"$@"
rc=$?
kill $server 2>/dev/null
exit $rc
E2
uid=$(id -u "$RK_TEST_USER")
for mode in symlink copy; do
  for what in "dead $uid ,allow_other" "hangs $uid ,allow_other" "hangs 0 "; do
    # shellcheck disable=SC2086 # words
    set -- $what
    rm -f "$T/ready"
    run unshare -m sh "$T/try" "$T" "$D" "$1" "$2" "${3:-}" as_user timeout 30 rk-userns rk-idmap \
      rk-copyup -m $mode "$D" sh -c "cat $D/file && echo new > $D/other && cat $D/other"
    is "$rc $out" "0 old
new" "$mode, $what: the rest is as it should be"
  done
done
like "$err" "^rk-copyup: warning: $D: 1 file systems mounted below it stay as they are: sub\$" \
  "copy: a warning names it"
done_testing
