#!/usr/bin/env python3
# faith.py serve PORT LOG | faith.py ask ADDR PORT LOG N SEED [MAXSIZE]: does a forwarder lose, change or invent anything?
# Each connection follows a plan drawn from the seed; both ends write "ID outcome" and both must have seen what a direct connection gives.
import os, random, socket, struct, sys, threading, time
BLOCK = random.Random(1).randbytes(65521) * 18
KINDS = ["up", "down", "both", "server-rst", "client-rst", "cut", "unread", "slow", "pingpong", "empty", "half-idle", "urgent"]
HEAD = struct.Struct("!IIIII")  # id, kind, seed, up, down
RST = struct.pack("ii", 1, 0)
def piece(seed, at, n):
    at = (seed + at) % 65521
    return BLOCK[at:at + n]
class Bad(Exception): pass
def send(s, seed, n, rng):
    at = 0
    while at < n:
        k = min(n - at, rng.choice([1, 100, 1448, 4096, 32767, 32768, 32769, 100000, 1000000]))
        s.sendall(piece(seed, at, k)); at += k
def get(s, seed, n, rng, slow=0):  # n None: until EOF. Returns bytes seen; dies on a wrong byte
    at = 0
    while n is None or at < n:
        d = s.recv(rng.choice([1, 1000, 65536, 1 << 20]) if n is None or n - at > 1 << 20 else n - at)
        if not d: break
        if d != piece(seed, at, len(d)): raise Bad("wrong bytes at %d" % at)
        at += len(d)
        if slow: time.sleep(slow)
    return at
def reset(s): s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST); s.close()
def expect(what, got, want):
    if got != want: raise Bad("%s: %r, wanted %r" % (what, got, want))
def want_reset(f, *a):
    try: r = f(*a)
    except (ConnectionResetError, BrokenPipeError): return
    raise Bad("no reset, but %r" % (r,))
def shove(s):  # write until it is refused
    while True: s.sendall(b"x" * 1000); time.sleep(0.001)
def both(s, seed, out, peerseed, rng):
    box = []
    def reader():
        try: box.append(get(s, peerseed, None, rng))
        except Exception as e: box.append(e)
    t = threading.Thread(target=reader); t.start()
    send(s, seed, out, rng); s.shutdown(socket.SHUT_WR); t.join(60)
    if isinstance(box[0], Exception): raise box[0]
    return box[0]
def server(s, kind, seed, up, down, rng):
    us, ds = seed, seed + 7
    if kind == "up": expect("up", get(s, us, None, rng), up); send(s, ds, down, rng)
    elif kind == "down": send(s, ds, down, rng); s.shutdown(socket.SHUT_WR); expect("up", get(s, us, None, rng), up)
    elif kind == "both": expect("up", both(s, ds, down, us, rng), up)
    elif kind == "server-rst": send(s, ds, down, rng); expect("ack", s.recv(1), b"k"); return reset(s)
    elif kind == "client-rst": expect("up", get(s, us, up, rng), up); s.sendall(b"k"); want_reset(s.recv, 1)
    elif kind == "cut": send(s, ds, down, rng); return reset(s)
    elif kind == "unread": s.sendall(b"x" * 100); want_reset(shove, s)
    elif kind == "slow": send(s, ds, down, rng); s.shutdown(socket.SHUT_WR); expect("up", get(s, us, None, rng, 0.0005), up)
    elif kind == "pingpong":
        for i in range(50): expect("ping", get(s, us, up % 3000 + 1, rng), up % 3000 + 1); s.sendall(piece(ds, 0, down % 3000 + 1))
        expect("end", s.recv(1), b"")
    elif kind == "empty": pass
    elif kind == "urgent": expect("up", get(s, us, None, rng), up); send(s, ds, down, rng)
    elif kind == "half-idle": expect("eof", s.recv(1), b""); time.sleep(0.05); send(s, ds, down, rng)
def client(s, kind, seed, up, down, rng):
    us, ds = seed, seed + 7
    if kind == "up": send(s, us, up, rng); s.shutdown(socket.SHUT_WR); expect("down", get(s, ds, None, rng), down)
    elif kind == "down": expect("down", get(s, ds, None, rng), down); send(s, us, up, rng)
    elif kind == "both": expect("down", both(s, us, up, ds, rng), down)
    elif kind == "server-rst": expect("down", get(s, ds, down, rng), down); s.sendall(b"k"); want_reset(s.recv, 1)
    elif kind == "client-rst": send(s, us, up, rng); expect("ack", s.recv(1), b"k"); return reset(s)
    elif kind == "cut": want_reset(get, s, ds, None, rng)
    elif kind == "unread": s.recv(10); s.close(); return
    elif kind == "slow": expect("down", get(s, ds, None, rng, 0.0005), down); send(s, us, up, rng)
    elif kind == "pingpong":
        for i in range(50): s.sendall(piece(us, 0, up % 3000 + 1)); expect("pong", get(s, ds, down % 3000 + 1, rng), down % 3000 + 1)
    elif kind == "urgent":  # an urgent byte is part of the stream, as for a server with SO_OOBINLINE
        send(s, us, up // 2, rng); at = up // 2
        if at < up: s.send(piece(us, at, 1), socket.MSG_OOB); at += 1
        while at < up: k = min(up - at, 50000); s.sendall(piece(us, at, k)); at += k
        s.shutdown(socket.SHUT_WR); expect("down", get(s, ds, None, rng), down)
    elif kind == "empty": expect("end", s.recv(1), b"")
    elif kind == "half-idle": s.shutdown(socket.SHUT_WR); expect("down", get(s, ds, None, rng), down)
def run(side, s, ident, kind, seed, up, down, log):
    rng = random.Random(seed * 2 + (side is server))
    try: s.settimeout(60); side(s, KINDS[kind], seed, up, down, rng); out = "ok"
    except Exception as e: out = "%s: %s %s" % (KINDS[kind], type(e).__name__, e)
    s.close(); log("%d %s up=%d down=%d" % (ident, out, up, down))
def logger(path):
    f, lock = open(path, "w", buffering=1), threading.Lock()
    def log(line):
        with lock: f.write(line + "\n")
    return log
if sys.argv[1] == "serve":
    log = logger(sys.argv[3])
    l = socket.create_server(("", int(sys.argv[2])), backlog=512)
    def serve(s):
        try: h = s.recv(HEAD.size, socket.MSG_WAITALL); ident, kind, seed, up, down = HEAD.unpack(h)
        except Exception as e: return log("-1 no head: %s" % e)
        if KINDS[kind] == "slow": s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        run(server, s, ident, kind, seed, up, down, log)
    print("ready", flush=True)
    while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
addr, port, path, n, seed = sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]), int(sys.argv[6])
top = int(sys.argv[7]) if len(sys.argv) > 7 else 3000000
log, plan, gate = logger(path), random.Random(seed), threading.Semaphore(24)
def one(ident, kind, myseed, up, down):
    s = socket.socket()
    if KINDS[kind] == "slow": s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try: s.connect((addr, port)); s.sendall(HEAD.pack(ident, kind, myseed, up, down))
    except Exception as e: log("%d connect: %s" % (ident, e))
    else: run(client, s, ident, kind, myseed, up, down, log)
    gate.release()
size = lambda: plan.choice([0, 1, 100, 32767, 32768, 32769, 65536, plan.randrange(100000), plan.randrange(top)])
threads = []
for ident in range(n):
    kind = ident % len(KINDS)
    up, down = size(), size()
    if KINDS[kind] == "slow": up, down = min(up, 100000), min(down, 100000)
    gate.acquire()
    t = threading.Thread(target=one, args=(ident, kind, plan.randrange(1 << 30), up, down)); t.start(); threads.append(t)
for t in threads: t.join()
