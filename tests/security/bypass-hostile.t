#!/bin/sh
# rk-bypass against a hostile program: an address that changes while the call waits, a network namespace of its own,
# other users, offers of its own, a thief by rk-enter; and what is left when rk-outside is killed
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
cat > "$T/tools.py" <<'E2'
import array
import ctypes
import errno
import os
import socket
import struct
import sys
import threading
libc = ctypes.CDLL(None, use_errno=True)
def said(f, *a):
    try:
        f(*a)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def listener(port, kind=socket.AF_INET, protocol=0):
    s = socket.socket(kind, socket.SOCK_STREAM, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.listen(9)
    return s
E2
cat > "$T/flip.py" <<'E2'
"""PORT: the host's listener, shut down, connects while a thread changes the address from a unix one to the victim's"""
from tools import *
s = listener(80)
print("host's", s.getsockname()[1], flush=True)
s.shutdown(socket.SHUT_RDWR)
inet = struct.pack("=H", socket.AF_INET) + struct.pack(">H", int(sys.argv[1]))
inet += socket.inet_aton("127.0.0.1") + bytes(8)
unix = struct.pack("=H", socket.AF_UNIX) + inet[2:]
memory = ctypes.create_string_buffer(inet, 16)
stop = False
def flip():
    while not stop:
        ctypes.memmove(memory, unix, 2)
        ctypes.memmove(memory, inet, 2)
t = threading.Thread(target=flip)
t.start()
got = set()
for _ in range(4000):
    r = libc.connect(s.fileno(), memory, 16)
    got.add("ok" if r == 0 else errno.errorcode[ctypes.get_errno()])
stop = True
t.join()
print(*sorted(got - {"EACCES", "EINVAL", "ENOENT", "EAFNOSUPPORT"}) or ["refused"])
E2
cat > "$T/other.py" <<'E2'
"""what another user, another network namespace and other protocols get"""
from tools import *
if not os.fork():
    os.setgroups([])
    os.setresgid(33, 33, 33)
    os.setresuid(33, 33, 33)
    print("uid33", said(listener, 81), said(listener, 8081), said(listener, 80), flush=True)
    os._exit(0)
os.wait()
if not os.fork():
    libc.unshare(0x50000000) # CLONE_NEWUSER, CLONE_NEWNET
    s = listener(80)
    print("nested", s.getsockname()[1], flush=True)
    os._exit(0)
os.wait()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("0.0.0.0", 80))
print("udp", u.getsockname()[1], said(u.connect, ("127.0.0.1", 80)))
try:
    m = listener(80, protocol=262)
    print("mptcp", "host's" if m.getsockname()[1] == int(sys.argv[1]) else "inner")
    m.close()
except OSError:
    print("mptcp host's")
s = socket.socket()
print("short", libc.connect(s.fileno(), b"\2", 1), libc.connect(s.fileno(), None, 16), libc.connect(-1, bytes(16), 16))
E2
cat > "$T/offer.py" <<'E2'
"""DIR PORT: asks at .child as rk-portd does, offers a socket of its own; then a client inside connects to that port"""
from tools import *
c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
c.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
c.connect(sys.argv[1] + "/.child")
c.recvmsg(99, 99)
c.send(b"b")
fds = array.array("i")
for level, kind, data in c.recvmsg(99, 999)[1]:
    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
        fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
bypassd = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=fds[-1])
mine = socket.create_server(("127.0.0.1", 0))
to = socket.inet_aton("127.0.0.1")
say = struct.pack("=IIIiQIIHH16s", 1, 1, 77, 0, 0, 0, 0, socket.AF_INET, int(sys.argv[2]), to)
say += bytes(-len(say) % 8)
bypassd.sendmsg([say], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", mine.fileno()))])
print("offered", said(socket.socket().connect, ("127.0.0.1", int(sys.argv[2]))))
bypassd.send(b"nonsense")
print("closed", bypassd.recv(99) == b"")
E2
chmod 0755 "$T"; chmod 0644 "$T"/*.py
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
spawn python3 tests/security/victim.py "$T/port"
victim=$pid
wait_until grep -q . "$T/port"
v=$(cat "$T/port")
chain() { run rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass python3 "$@"; }
chain "$T/flip.py" "$v"
is "$out" "host's $p
refused" "an address that changes while the call waits"
chain "$T/other.py" "$p"
is "$out" "uid33 EACCES ok EACCES
nested 80
udp 80 ok
mptcp host's
short -1 -1 -1" "other users, a nested network, UDP, MPTCP, no address"
chain "$T/offer.py" "$D" "$v"
is "$out" "offered ECONNREFUSED
closed True" "offers of its own lead nowhere"
cat > "$T/waits.py" <<'E2'
"""a server on the host's socket, and one inside that each line of stdin connects to"""
from tools import *
s = listener(80)
inner = listener(9000)
print("ready", flush=True)
for line in sys.stdin:
    print(line.strip(), said(socket.socket().connect, ("127.0.0.1", 9000)), flush=True)
E2
cat > "$T/thief.py" <<'E2'
"""PID: its fds, one by one"""
from tools import *
pidfd = libc.syscall(434, int(sys.argv[1]), 0)
got = {libc.syscall(438, pidfd, fd, 0) for fd in range(20)}
print(*got, errno.errorcode[ctypes.get_errno()])
E2
mkfifo "$T/todo"
rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass python3 "$T/waits.py" < "$T/todo" > "$T/out" 2>&1 &
chain=$! tap_pids="$tap_pids $!"
exec 8> "$T/todo"
wait_until grep -q ready "$T/out"
run rk-enter "$D" python3 "$T/thief.py" "$chain"
is "$out" "-1 EPERM" "a program of rk-enter cannot take the socket"
does() { echo "$1" >&8; wait_until grep -q "^$1 " "$T/out"; }
o=$(pgrep -f "rk-outside $D\$")
kill -9 "$o"; wait_gone "$o"
does one
b=$(pgrep -f "^rk-bypassd $D\$")
kill -9 "$b"; wait_gone "$b"
does two
is "$(grep -E '^(one|two) ' "$T/out")" "one ok
two ENOSYS" "rk-outside is killed: rk-bypassd goes on; both are: the call fails"
exec 8>&-
wait_gone "$chain"
python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).sendall(b"last")' "$v"
wait_until grep -q last "$T/spawn.$victim.out"
is "$(cat "$T/spawn.$victim.out")" last "the host's loopback had no other client"
done_testing
