#!/usr/bin/env python3
# client.py TEST...: inside, against serve.py. Prints "TEST ok" or "TEST why" for each.
#   dns:NAME=ADDR tcp:ADDR half:ADDR (half-closed behind the question) udp:ADDR many:ADDR:N get:ADDR:MB put:ADDR:MB ping:ADDR    (ADDR may be [v6])
import asyncio, hashlib, os, socket, struct, sys

BLOCK = hashlib.shake_256(b"rk").digest(1 << 20)

def split(s):
    if s.startswith("["):
        a, _, rest = s[1:].partition("]")
        return a, rest.lstrip(":")
    a, _, rest = s.partition(":")
    return a, rest

def family(a):
    return socket.AF_INET6 if ":" in a else socket.AF_INET

def dns(s):
    name, want = s.split("=")
    got = {i[4][0] for i in socket.getaddrinfo(name, None, family(want), socket.SOCK_STREAM)}
    assert want in got, got

def tcp(s):
    a, _ = split(s)
    with socket.create_connection((a, 7002), 10) as c:
        for i in range(3):
            c.sendall(b"%d" % i * 1000)
            got = b""
            while len(got) < 1000:
                part = c.recv(1000 - len(got))
                assert part, got
                got += part
            assert got == b"%d" % i * 1000

def half(s):
    a, _ = split(s)
    with socket.create_connection((a, 7002), 10) as c:
        c.sendall(b"hello")
        c.shutdown(socket.SHUT_WR)
        got = b""
        while part := c.recv(100):
            got += part
    assert got == b"hello", got

def udp(s):
    a, _ = split(s)
    with socket.socket(family(a), socket.SOCK_DGRAM) as c:
        c.settimeout(5)
        c.connect((a, 7002))
        for size in (1, 1400, 8000):
            data = os.urandom(size)
            for _ in range(3):
                c.send(data)
                try:
                    got = c.recv(65536)
                    break
                except TimeoutError:
                    got = None
            assert got == data, (size, got and len(got))

def many(s):
    a, n = split(s)
    async def one(i, all_open):
        r, w = await asyncio.open_connection(a, 7002)
        all_open.append(i)
        while len(all_open) < int(n):      # all at once, none closes before the last has opened
            await asyncio.sleep(0.01)
        data = b"%d\n" % i * 100
        w.write(data)
        got = await r.readexactly(len(data))
        w.close()
        assert got == data
    async def go():
        all_open = []
        await asyncio.wait_for(asyncio.gather(*(one(i, all_open) for i in range(int(n)))), 60)
    asyncio.run(go())

def get(s):
    a, mb = split(s)
    n = int(mb) << 20
    want, got, left = hashlib.sha256(), hashlib.sha256(), n
    for _ in range(int(mb)):
        want.update(BLOCK)
    with socket.create_connection((a, 7001), 10) as c:
        c.settimeout(30)
        c.sendall(b"get %d\n" % n)
        while part := c.recv(1 << 20):
            got.update(part)
            left -= len(part)
    assert not left, "%d bytes missing" % left
    assert want.digest() == got.digest(), "checksum"

def put(s):
    a, mb = split(s)
    h = hashlib.sha256()
    with socket.create_connection((a, 7001), 10) as c:
        c.settimeout(30)
        c.sendall(b"put %d\n" % (int(mb) << 20))
        for _ in range(int(mb)):
            c.sendall(BLOCK)
            h.update(BLOCK)
        assert c.makefile().readline().strip() == h.hexdigest(), "checksum"

def ping(s):
    a, _ = split(s)
    six = ":" in a
    with socket.socket(family(a), socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP) as c:
        c.settimeout(5)
        c.connect((a, 0))
        for left in 2, 1, 0:
            c.send(struct.pack("!BBHHH", 128 if six else 8, 0, 0, 0, 1) + b"rk-net")
            try:
                got = c.recv(100)
                break
            except TimeoutError:
                if not left:
                    raise
    assert got[0] == (129 if six else 0) and got.endswith(b"rk-net"), got

bad = 0
for t in sys.argv[1:]:
    kind, _, rest = t.partition(":")
    try:
        globals()[kind](rest)
        print(t, "ok", flush=True)
    except Exception as e:
        bad = 1
        print(t, type(e).__name__, e, flush=True)
sys.exit(bad)
