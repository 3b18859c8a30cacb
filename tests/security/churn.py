#!/usr/bin/env python3
# churn.py [N]: as root of a network namespace, make N chains, and change its nftables without end: says "ready" after the
# first change
import os, socket, struct, sys
NFT, BEGIN, END, NEWTABLE, DELTABLE, NEWCHAIN = 10 << 8, 16, 17, 0, 2, 3


def attr(kind, data):
    data = struct.pack("=HH", 4 + len(data), kind) + data
    return data + b"\0" * (-len(data) % 4)


def message(kind, flags, body, family=1, res=0):
    body = struct.pack("=BBH", family, 0, res) + body
    return struct.pack("=IHHII", 16 + len(body), kind, 1 | flags, 0, 0) + body


def batch(*inner): return message(BEGIN, 0, b"", 0, 10 << 8) + b"".join(inner) + message(END, 0, b"", 0, 10 << 8)


def chain(name):  # of type nat, at prerouting
    hook = attr(0x8004, attr(1, struct.pack(">I", 0)) + attr(2, struct.pack(">I", 7)))
    names = attr(1, b"churn%d\0" % os.getpid()) + attr(3, name + b"\0")
    return message(NFT | NEWCHAIN, 0x400, names + hook + attr(7, b"nat\0"))


s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
table = attr(1, b"churn%d\0" % os.getpid())
long = attr(1, b"long%d\0" % os.getpid())
s.send(batch(message(NFT | NEWTABLE, 0x400, long)))
for at in range(0, int(sys.argv[1]), 500):
    names = [long + attr(3, b"%d\0" % (at + i)) for i in range(500)]
    s.send(batch(*(message(NFT | NEWCHAIN, 0x400, name) for name in names)))
n = 0
while True:
    s.send(batch(message(NFT | NEWTABLE, 0x400, table), chain(b"c")))
    s.send(batch(message(NFT | DELTABLE, 0, table)))
    n += 1
    if n == 1: print("ready", flush=True)
    try:
        while True: s.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError: pass
