#!/usr/bin/env python3
# relay-hostile.py PID ADDR PORT SECRETPORT: as root outside, do to the host's TCP sockets of the relay PID, published as
# ADDR PORT, what a relay that has been taken over could do. One line an attack, and what it got. SECRETPORT: a server on the host's 127.0.0.1.
import ctypes, errno, os, socket, struct, sys
pid, addr, port, secret = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
GETFD, LENGTH = 438, 16  # the relay's filter lets connect and bind pass with this length only (t-relay-seccomp)


def theirs():  # TCP sockets among the relay's fds: duplicates, so of the same open file
    pidfd, found = os.pidfd_open(pid), []
    for fd in map(int, os.listdir("/proc/%d/fd" % pid)):
        try:
            if not os.readlink("/proc/%d/fd/%d" % (pid, fd)).startswith("socket:"): continue
        except FileNotFoundError: continue  # the relay has closed it since: a connection that an attack has ended
        copy = libc.syscall(GETFD, pidfd, fd, 0)
        if copy == -1: continue  # likewise
        s = socket.socket(fileno=copy)
        if s.family not in (socket.AF_INET, socket.AF_INET6) or s.type != socket.SOCK_STREAM: continue
        if s.getsockname()[1] == port: found.append(s)
    return found


def raw(call, s, family, port, ip="127.0.0.1"):
    sa = struct.pack("=HH4s8x", family, socket.htons(port), socket.inet_aton(ip))
    if call(s.fileno(), sa, LENGTH): raise OSError(ctypes.get_errno(), "")


def attempt(name, attack, s):
    try: got = attack(s)
    except socket.timeout: got = "timeout"
    except OSError as e: got = errno.errorcode[e.errno]
    print(name, got, flush=True)


def call(s):
    raw(libc.connect, s, socket.AF_UNSPEC, 0)  # a fresh socket: no connection, not listening
    s.settimeout(None)
    raw(libc.connect, s, socket.AF_INET, secret)
    return "REACHED %s" % s.recv(99).decode()


def name(s):
    raw(libc.connect, s, socket.AF_UNSPEC, 0)
    raw(libc.bind, s, socket.AF_INET, secret + 1)
    return "REACHED port %d" % s.getsockname()[1]


def accepted():
    c = socket.create_connection((addr, port), 20)
    c.sendall(b"x")
    c.recv(1)  # the backend has answered: the relay has both sockets
    keep.append(c)
    for s in theirs():
        try:
            if s.getpeername()[1] == c.getsockname()[1]: return s
        except OSError: pass


keep = []
attempt("accepted-connect", call, accepted())
attempt("accepted-bind", name, accepted())
attempt("listener-connect", call, [s for s in theirs() if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)][0])
