"""Clients for tests of published ports.
   dns IP PORT NAME [tcp|udp]       the answer's address
   crowd IP PORT N [FILE]           N connections at once to a web server, one request on each, then a second; a line "open" when all are answered once
   tls IP PORT CERT                 a page over TLS, certificate checked
"""
import os, selectors, socket, ssl, struct, sys, time


def dns(ip, port, name, how="udp"):
    q = struct.pack(">6H", 77, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0" + struct.pack(">2H", 1, 1)
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect((ip, int(port)))
    s.send(struct.pack(">H", len(q)) + q if how == "tcp" else q)
    a = s.recv(4096)
    print(socket.inet_ntoa(a[-4:]))


def crowd(ip, port, n, stop=None):
    n, sel, ask = int(n), selectors.EpollSelector(), b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n"
    want, socks, got = b"hello from inside\n", [], {}
    end = time.time() + 150

    def answers(n):
        done = bad = 0
        while done + bad < n and time.time() < end:
            for key, _ in sel.select(5):
                s = key.fileobj
                try: d = s.recv(4096)
                except OSError as e: d = b""
                if not d:
                    bad += 1; sel.unregister(s); continue
                got[s] += d
                if got[s].endswith(want): done += 1; got[s] = b""
        return done

    good = 0
    for at in range(0, n, 500): # in portions: a backlog holds 4096, and the server accepts one by one
        part = []
        for _ in range(min(500, n - at)):
            s = socket.create_connection((ip, int(port)), 30); s.setblocking(False)
            sel.register(s, selectors.EVENT_READ); got[s] = b""
            s.send(ask); part.append(s)
        socks += part
        good += answers(len(part))
    print("open", good, flush=True)
    if stop:
        while not os.path.exists(stop): time.sleep(.02)
    for s in socks: s.send(ask)
    print("again", answers(n), flush=True)


def tls(ip, port, cert):
    c = ssl.create_default_context(cafile=cert)
    s = c.wrap_socket(socket.create_connection((ip, int(port)), 10), server_hostname="rk.test")
    s.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
    d = b""
    while x := s.recv(4096): d += x
    print(s.version(), d.partition(b"\r\n\r\n")[2].decode().strip())


{"dns": dns, "crowd": crowd, "tls": tls}[sys.argv[1]](*sys.argv[2:])
