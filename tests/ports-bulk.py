"""Bulk through a published port, checked: serve PORT | give IP PORT MIB [SLOW] | take IP PORT MIB [SLOW] | row IP PORT N (100 at a time)
   A connection sends one line: "take N" (the server sends N MiB) or "give N" (it reads N MiB and answers their sum) or "hi"."""
import hashlib, os, selectors, socket, sys, threading, time
BLOCK = os.urandom(1 << 20)


def send(s, n, slow=0):
    h = hashlib.blake2b()
    for i in range(n):
        b = bytes([i & 255, i >> 8]) + BLOCK[2:]
        s.sendall(b)
        h.update(b)
        if slow: time.sleep(slow)
    return h.hexdigest()


def receive(s, n, slow=0):
    h, left, buf = hashlib.blake2b(), n << 20, bytearray(1 << 20)
    while left:
        r = s.recv_into(buf, min(len(buf), left))
        if not r: break
        h.update(memoryview(buf)[:r])
        left -= r
        if slow: time.sleep(slow)
    return h.hexdigest()


def line(s):
    d = b""
    while not d.endswith(b"\n"):
        x = s.recv(256, socket.MSG_PEEK)
        if not x: return d
        d += s.recv(x.find(b"\n") + 1 or len(x))
    return d


def answer(s, what):
    with s:
        if what[0] == b"take": s.sendall(send(s, int(what[1])).encode() + b"\n")
        else: s.sendall(receive(s, int(what[1])).encode() + b"\n")


def serve(port): # many short ones at once: on a busy machine each wait for a turn of the processor is long
    l, sel = socket.create_server(("127.0.0.1", int(port)), backlog=4096), selectors.DefaultSelector()
    l.setblocking(False)
    sel.register(l, selectors.EVENT_READ)
    while True:
        for key, _ in sel.select():
            c = key.fileobj
            if c is l:
                while True:
                    try: c = l.accept()[0]
                    except BlockingIOError: break
                    sel.register(c, selectors.EVENT_READ)
                continue
            sel.unregister(c)
            what = line(c).split()
            if what and what[0] != b"hi":
                threading.Thread(target=answer, args=(c, what)).start()
                continue
            if what: c.sendall(b"ho\n")
            c.close()


def connect(ip, port):
    return socket.create_connection((ip, int(port)), 60)


def give(ip, port, n, slow=0):
    with connect(ip, port) as s:
        s.sendall(b"give %d\n" % int(n))
        print("same" if send(s, int(n), float(slow)).encode() + b"\n" == line(s) else "different")


def take(ip, port, n, slow=0):
    with connect(ip, port) as s:
        s.sendall(b"take %d\n" % int(n))
        print("same" if receive(s, int(n), float(slow)).encode() + b"\n" == line(s) else "different")


def row(ip, port, n, most=100):
    n, good, begun, open_, sel = int(n), 0, 0, 0, selectors.DefaultSelector()
    while begun < n or open_:
        while begun < n and open_ < most:
            s = connect(ip, port)
            s.sendall(b"hi\n")
            sel.register(s, selectors.EVENT_READ)
            begun += 1
            open_ += 1
        for key, _ in sel.select(60):
            s = key.fileobj
            try: good += s.recv(9) == b"ho\n" and s.recv(9) == b""
            except OSError as e: print(e, file=sys.stderr)
            sel.unregister(s)
            s.close()
            open_ -= 1
    print(good)


{"serve": serve, "give": give, "take": take, "row": row}[sys.argv[1]](*sys.argv[2:])
