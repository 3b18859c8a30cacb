#!/usr/bin/env python3
# udp-flood.py ADDR PORT N FROM: N datagrams, each from another port of FROM, each answered; "flooded"
import socket, sys
addr, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ":" in addr else socket.AF_INET
all = []
for i in range(n):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.bind((sys.argv[4], 0))
    s.sendto(b"%d" % i, (addr, port))
    s.recv(99)
    all.append(s)
print("flooded", flush=True)
