"""Bulk through a published port, checked: serve PORT | give IP PORT MIB [SLOW] | take IP PORT MIB [SLOW] | row IP PORT N
   A connection sends one line: "take N" (the server sends N MiB) or "give N" (it reads N MiB and answers their sum) or "hi"."""
import hashlib, os, socket, sys, threading, time
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


def serve(port):
    l = socket.create_server(("127.0.0.1", int(port)), backlog=4096)
    while True:
        c = l.accept()[0]
        what = line(c).split()
        if what[0] == b"hi":
            c.sendall(b"ho\n")
            c.close()
        else: threading.Thread(target=answer, args=(c, what)).start()


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


def row(ip, port, n):
    good = 0
    for _ in range(int(n)):
        with connect(ip, port) as s:
            s.sendall(b"hi\n")
            good += s.recv(9) == b"ho\n"
    print(good)


{"serve": serve, "give": give, "take": take, "row": row}[sys.argv[1]](*sys.argv[2:])
