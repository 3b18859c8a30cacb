#!/usr/bin/env python3
# whoami.py serve [SPEC...]: servers that answer with the address they see: tcp|udp|pkt|ifx,ADDR,PORT   (pkt, ifx: answer by IP_PKTINFO, ifx with its ifindex)
# whoami.py ask tcp|udp ADDR PORT [SRC[,SPORT]]: print "seen=A:P own=A:P", or the error's name
import errno, selectors, socket, struct, sys
family = lambda a: socket.AF_INET6 if ":" in a else socket.AF_INET
show = lambda a: "%s:%d" % (a[0].removeprefix("::ffff:"), a[1])
def serve(specs):
    sel = selectors.DefaultSelector()
    for spec in specs:
        kind, addr, port = spec.split(",")
        s = socket.socket(family(addr), socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in addr: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if addr == "::" else 1)
        if kind in ("pkt", "ifx"):
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1) if ":" in addr else s.setsockopt(socket.IPPROTO_IP, 8, 1)
        s.bind((addr, int(port)))
        if kind == "tcp": s.listen(64)
        sel.register(s, 1, kind)
    print("ready", flush=True)
    while True:
        for key, _ in sel.select():
            s = key.fileobj
            if key.data == "tcp":
                c, a = s.accept(); c.sendall(show(a).encode()); c.close()
            elif key.data == "udp":
                d, a = s.recvfrom(65535); s.sendto(show(a).encode(), a)
            else:
                d, anc, _, a = s.recvmsg(65535, 256)
                out = []
                for level, kind, data in anc:
                    if level == socket.IPPROTO_IP:
                        i, spec, dst = struct.unpack("i4s4s", data)
                        out = [(level, kind, struct.pack("i4s4s", i if key.data == "ifx" else 0, dst, b"\0" * 4))]
                    elif level == socket.IPPROTO_IPV6:
                        dst, i = struct.unpack("16si", data)
                        out = [(level, kind, struct.pack("16si", dst, i if key.data == "ifx" else 0))]
                s.sendmsg([show(a).encode()], out, 0, a)
def attempt(kind, addr, port, src):
    s = socket.socket(family(addr), socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(8)
    if src:
        a, _, p = src.partition(",")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((a, int(p or 0)))
    try:
        s.connect((addr, int(port)))
        if kind == "udp": s.send(b"who am I")
        seen = s.recv(200).decode()
        return "seen=%s own=%s" % (seen or "EOF", show(s.getsockname()))
    except socket.timeout: return "timeout"
    except OSError as e: return errno.errorcode[e.errno]
def ask(kind, addr, port, src=None):
    # A machine that stalls answers no neighbour solicitation for three seconds: then nothing has been asked.
    for _ in range(3):
        told = attempt(kind, addr, port, src)
        if told != "EHOSTUNREACH": break
    print(told)
{"serve": lambda: serve(sys.argv[2:]), "ask": lambda: ask(*sys.argv[2:])}[sys.argv[1]]()
