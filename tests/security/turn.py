"""Turn the listening socket at fd 7 round in each way that is known, and connect it to 127.0.0.1:PORT.

turn.py PORT                fd 7 is inherited
turn.py PORT steal PID FD   taken from a process, by pidfd_getfd(2)
turn.py PORT given PATH     sent to the unix socket PATH by a friend inside
"""
import ctypes
import os
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
FASTOPEN = 0x20000000
PIDFD_GETFD = 438


def address(port):
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton("127.0.0.1"))


def turn(fd, port):
    to = address(port)
    unspec = struct.pack("=H14x", socket.AF_UNSPEC)
    libc.connect(fd, unspec, len(unspec))
    libc.shutdown(fd, 2)
    libc.connect(fd, to, len(to))
    libc.connect(fd, unspec, len(unspec))
    libc.sendto(fd, b"x", 1, FASTOPEN, to, len(to))
    libc.connect(fd, unspec, len(unspec))
    libc.connect(fd, to, len(to))


def main():
    port, how = int(sys.argv[1]), sys.argv[2:]
    fd = 7
    if how and how[0] == "steal":
        fd = libc.syscall(PIDFD_GETFD, os.pidfd_open(int(how[1])), int(how[2]), 0)
        print("not stolen" if fd == -1 else "stolen", flush=True)
    if how and how[0] == "given":
        s = socket.socket(socket.AF_UNIX)
        s.bind(how[1])
        s.listen()
        print("waits", flush=True)
        fd = socket.recv_fds(s.accept()[0], 1, 1)[1][0]
    if fd != -1:
        turn(fd, port)


if __name__ == "__main__":
    main()
