#!/usr/bin/env python3
# datagrams.py serve PORT: echo; "N:x" is answered N times; "bye" closes the socket for three seconds
# datagrams.py ask ADDR PORT CASE: one check, prints "ok" or what was wrong
import os, random, re, select, socket, sys, time
def sock(connect=None):
    s = socket.socket(socket.AF_INET6 if connect and ":" in connect[0] else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if connect: s.settimeout(15); s.connect(connect)
    return s
if sys.argv[1] == "serve":
    def bound():
        s = sock(); s.bind(("", int(sys.argv[2]))); return s
    s = bound(); print("ready", flush=True)
    while True:
        try: d, a = s.recvfrom(65535)
        except ConnectionRefusedError: continue
        if d == b"bye": s.close(); time.sleep(3); s = bound(); continue
        n = re.fullmatch(rb"(\d+):[xy]", d); n = int(n[1]) if n else 1
        for i in range(n):
            try: s.sendto(d, a)
            except OSError: pass  # of an earlier answer, whose client is gone, or there is no way to it any more
addr = (sys.argv[2], int(sys.argv[3])); case = sys.argv[4]
def echo(s, d): s.send(d); got = s.recv(65536); assert got == d, "sent %d bytes, got %d" % (len(d), len(got))
def sizes():
    s = sock(addr)
    for n in [0, 1, 2, 1472, 1473, 9000, 32768, 65000, 65506, 65507]: echo(s, random.randbytes(n))
def window(s, all, width=20):  # never more than `width` under way
    got, left = [], list(all)
    for i in range(0, len(left), width):
        for d in left[i:i + width]: s.send(d)
        for _ in left[i:i + width]: got.append(s.recv(65536))
    return got
def mixed():  # runs of equal sizes, shorter last ones, empties: as sent, in order
    rng = random.Random(5); out = []
    while len(out) < 2000: out += [rng.randbytes(rng.choice([0, 1, 64, 1400, 1400, 5000]))] * rng.randrange(1, 9)
    got = window(sock(addr), out); assert got == out, "first difference at %d" % [a == b for a, b in zip(out, got)].index(False)
def clients():
    all = [sock(addr) for _ in range(300)]
    for r in range(5):
        for i, s in enumerate(all): s.send(b"%d/%d" % (r, i))
        for i, s in enumerate(all): d = s.recv(99); assert d == b"%d/%d" % (r, i), d
def turns():  # more clients than the relay has fds: the longest silent session makes room
    for i in range(100): s = sock(addr); echo(s, b"%d" % i); keep.append(s)
keep = []
def replies():
    s = sock(addr); s.send(b"50:x"); got = [s.recv(99) for _ in range(50)]; assert got == [b"50:x"] * 50
def segments():  # a sender that uses UDP_SEGMENT
    s = sock(addr); d = random.randbytes(1000 * 40 + 7); s.sendmsg([d], [(17, 103, (1000).to_bytes(2, "little"))])
    got = [s.recv(2000) for _ in range(41)]; assert b"".join(got) == d and len(got[-1]) == 7
def gone():  # the client closes its socket: the server's next answer must not find it, the next client must
    s = sock(addr); own = s.getsockname(); s.send(b"200:y"); s.close(); time.sleep(0.2); clients()
def refused():  # refuse=backend: while nobody has bound inside, the port itself is unreachable
    s = sock(addr); echo(s, b"hello"); s.send(b"bye"); s.settimeout(0.05); end = time.time() + 2.9
    while time.time() < end:
        try: s.send(b"?"); s.recv(9)
        except ConnectionRefusedError: break
        except TimeoutError: pass
    else: raise AssertionError("never refused")
    end = time.time() + 15; t = sock(addr); t.settimeout(0.1)
    while time.time() < end:
        try: return echo(t, b"again")
        except (ConnectionRefusedError, TimeoutError): time.sleep(0.02)
    raise AssertionError("never again")
try: globals()[case](); print("ok")
except Exception as e: print(type(e).__name__, e)
