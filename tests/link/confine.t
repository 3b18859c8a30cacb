#!/bin/sh
# rk-confine: TCP connect and bind are gone, files outside of the named paths too; what the kernel lacks is said
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
cat > "$T/tried.py" <<'E'
import ctypes
import errno
import socket
libc = ctypes.CDLL(None, use_errno=True)
FASTOPEN = 0x20000000
def tried(f, *a):
    try:
        f(*a)
        return "OK"
    except OSError as e:
        return errno.errorcode[e.errno].replace("ENOTSUP", "EOPNOTSUPP")
def tcp(family=socket.AF_INET):
    return socket.socket(family)
E
in_chain() { # LINKS...: what the program on stdin prints
  cat > "$T/prog.py"
  run rk-userns rk-idmap "$@" env PYTHONPATH="$T" python3 "$T/prog.py"
}
in_chain rk-confine <<'E'
from tried import *
six = socket.AF_INET6
print(tried(tcp().connect, ("127.0.0.1", 1)), tried(tcp(six).connect, ("::1", 1)),
      tried(tcp(six).connect, ("::ffff:127.0.0.1", 1)), tried(tcp().bind, ("127.0.0.1", 0)))
E
is "$rc/$out" "0/EACCES EACCES EACCES EACCES" "no connect, no bind: IPv4, IPv6, mapped"
in_chain rk-confine <<'E'
from tried import *
to = ("127.0.0.1", 1)
ring = libc.syscall(425, 1, 0)
print(tried(tcp().sendto, b"x", FASTOPEN, to), tried(tcp().sendmsg, [b"x"], [], FASTOPEN, to), ring, errno.errorcode[ctypes.get_errno()])
E
is "$rc/$out" "0/EOPNOTSUPP EOPNOTSUPP -1 ENOSYS" "no fast open, no io_uring"
in_chain rk-confine -b 0 -c 1,5-7 <<'E'
from tried import *
a = tcp()
print(tried(a.bind, ("127.0.0.1", 0)), tried(tcp().connect, ("127.0.0.1", 6)), tried(tcp().connect, ("127.0.0.1", 8)),
      tried(tcp().bind, ("127.0.0.1", 9999)))
E
is "$rc/$out" "0/OK ECONNREFUSED EACCES EACCES" "-b and -c open the ports that they name, and no other"
mkdir "$T/rw" "$T/other"
run rk-userns rk-idmap rk-confine -r / -w "$T/rw" -w /dev/null sh -c '
  echo kept > "$0/rw/f" && cat "$0/rw/f"
  echo x > /dev/null && echo null
  echo x > "$0/other/f" || echo closed' "$T"
is "$rc/$out" "0/kept
null
closed" "-r, -w: all else is closed"
run rk-userns rk-idmap rk-confine -r / sh -c 'rk-confine -c 1 sh -c "echo twice"'
is "$rc/$out" "0/twice" "a domain within a domain"
run rk-confine true
is "$rc/$err" "100/rk-confine: fatal: not allowed to enter a Landlock domain: put rk-userns rk-idmap before rk-confine" "without privilege"
run rk-userns rk-idmap rk-confine -r /nowhere true
is "$rc/$err" "111/rk-confine: fatal: unable to open /nowhere: No such file or directory" "a path that is not there"
for ports in '' ',' '80,' 5-3 65536 x 1-; do
  run rk-userns rk-idmap rk-confine -c "$ports" true
  is "$rc/$err" "100/rk-confine: fatal: invalid ports: \"$ports\": wanted: PORT or FIRST-LAST, separated by commas" \
    "bad ports: '$ports'"
done
done_testing
