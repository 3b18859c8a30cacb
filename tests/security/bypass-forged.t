#!/bin/sh
# rk-bypass and root inside that forges: an rk-outside and rk-bypassd of its own, and sockets of the host that it
# made something else of, or hides
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
cat > "$T/victim.py" <<'E2'
"""A service of the host's loopback: PORT into argv[1], then a line for each client that came"""
import socket
import sys
s = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1], "w") as f:
    print(s.getsockname()[1], file=f)
while True:
    print("client", s.accept()[0].recv(99).decode(), flush=True)
E2
cat > "$T/tools.py" <<'E2'
import array
import ctypes
import errno
import os
import socket
import struct
import subprocess
import sys
libc = ctypes.CDLL(None, use_errno=True)
OFFER, TAKE = 1, 5
def said(f, *a):
    try:
        f(*a)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.listen(9)
    return s
def say(op, number=77, port=0):
    s = struct.pack("=IIIiQIIHH16s", 1, op, number, 0, 0, socket.AF_INET, 0, socket.AF_INET, port,
                    socket.inet_aton("127.0.0.1"))
    return s + bytes(-len(s) % 8)
def fds_of(message):
    fds = array.array("i")
    for level, kind, data in message[1]:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
    return fds
def send(to, what, *fds):
    to.sendmsg([what], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
def bypassd():
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    c.connect(os.environ["RK_STATE_DIR"] + "/.child")
    c.recvmsg(99, 99)
    c.send(b"b")
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=fds_of(c.recvmsg(99, 999))[-1])
def heard(b):
    """All that was sent before has been dealt with"""
    b.send(b"nonsense")
    while b.recv(99):
        pass
E2
cat > "$T/outside.py" <<'E2'
"""In a chain that nothing confines: an rk-outside of its own, for a namespace below, with an rk-bypassd of its own"""
from tools import *
d = os.environ["RK_STATE_DIR"]
p = subprocess.Popen(["unshare", "-Urn", "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
p.stdout.readline()
os.unlink(d + "/.child")
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(d + "/.child")
s.listen(8)
ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
st = os.stat(d)
print("forged", flush=True)
c = s.accept()[0]
c.send(struct.pack("=IiQQII", 5, 0, st.st_dev, st.st_ino, 0, 0))
c.recv(9)
send(c, struct.pack("=IiQQII", 5, 0, st.st_dev, st.st_ino, 0, 1), os.pidfd_open(p.pid), its.fileno())
its.close()
while True:
    message = ours.recvmsg(99, 99)
    if not message[0]:
        print("closed", flush=True)
        break
    op, number = struct.unpack_from("=II", message[0], 4)
    if op == OFFER:
        ours.send(say(TAKE, number))
    for fd in fds_of(message):
        print("given", socket.socket(fileno=fd).getsockname(), flush=True)
p.kill()
E2
cat > "$T/six.py" <<'E2'
"""PORT of the victim: a socket of the host's that is made to listen there for IPv6 only, offered for port 9999"""
from tools import *
want = int(sys.argv[1])
s = listener(80)
print("device", said(s.setsockopt, socket.SOL_SOCKET, 25, b"lo\0"), said(s.setsockopt, socket.SOL_SOCKET, 62, 1))
six = socket.socket(socket.AF_INET6)
six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
six.connect(("::ffff:127.0.0.1", 80))
libc.connect(six.fileno(), bytes(28), 28)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for _ in range(300000):
    six.listen(1)
    if six.getsockname()[1] == want:
        break
    six.shutdown(socket.SHUT_RDWR)
print("there", six.getsockname()[1] == want)
b = bypassd()
send(b, say(OFFER, 77, 9999), six.fileno())
heard(b)
c = socket.socket()
print("connect", said(c.connect, ("127.0.0.1", 9999)))
E2
cat > "$T/flight.py" <<'E2'
"""A process that ends had the host's socket, and has put it where nobody sees it"""
from tools import *
a, b = socket.socketpair()
if not os.fork():
    s = listener(80)
    send(a, b"x", s.fileno())
    print("bound", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.wait()
print("hidden", flush=True)
sys.stdin.readline()
s = socket.socket(fileno=fds_of(b.recvmsg(9, 99))[0])
print("listens", s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), flush=True)
E2
chmod 0755 "$T"; chmod 0644 "$T"/*.py
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
spawn python3 "$T/victim.py" "$T/port"
victim=$pid
wait_until grep -q . "$T/port"
v=$(cat "$T/port")

spawn rk-state "$D" rk-userns rk-idmap rk-net -n none python3 "$T/outside.py"
chain=$pid
wait_until grep -q forged "$T/spawn.$chain.out" || bail "$(cat "$T/spawn.$chain.err")"
portd_start "$D"
wait_until grep -qE 'closed|given' "$T/spawn.$chain.out"
is "$(cat "$T/spawn.$chain.out")" "forged
closed" "a forged rk-bypassd is given no socket of the host"
end "$chain"; wait_until test ! -e "$D/lock"

run rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass python3 "$T/six.py" "$v"
is "$out" "device EPERM EPERM
there True
connect ECONNREFUSED" "a listener of IPv6 leads nobody to the IPv4 service of that port"
python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).sendall(b"last")' "$v"
wait_until grep -q last "$T/spawn.$victim.out"
is "$(cat "$T/spawn.$victim.out")" "client last" "the host's loopback had no other client"

with_todo() { # CMD...
  rm -f "$T/todo"; mkfifo "$T/todo"
  : > "$T/out"
  rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass "$@" < "$T/todo" > "$T/out" 2> "$T/err" &
  chain=$! tap_pids="$tap_pids $!"
  exec 8> "$T/todo"
}
with_todo python3 "$T/flight.py"
wait_until grep -q bound "$T/out" || bail "$(cat "$T/err")"
wait_until status_is "$D" web via bypass
echo >&8
wait_until grep -q hidden "$T/out"
wait_until status_is "$D" web via relay
echo >&8
wait_until grep -q listens "$T/out"
is "$(tail -n 1 "$T/out")" "listens 0" "a socket that was hidden while the port went back to the relay"
exec 8>&-
wait_gone "$chain"; tap_forget "$chain"

done_testing
