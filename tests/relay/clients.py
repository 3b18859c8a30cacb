#!/usr/bin/env python3
# clients.py echo PORT: a TCP echo server
# clients.py waves ADDR PORT N: N clients at once; those that are answered leave so that others can be: "answered=N first=K resets=0"
# clients.py idle ADDR PORT N CMD...: N idle connections, all proved alive before and after CMD: "alive=N"
# clients.py row ADDR PORT N: N connections one after another, each echoed: "echoed=N"
# clients.py talk ADDR PORT: one connection that sends each line of stdin, prints what comes back, or the error's name
import errno, resource, select, selectors, socket, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
if sys.argv[1] == "echo":
    sel = selectors.DefaultSelector()
    l = socket.create_server(("", int(sys.argv[2])), backlog=4096); sel.register(l, 1)
    print("ready", flush=True)
    while True:
        for k, _ in sel.select():
            s = k.fileobj
            if s is l: c, _ = l.accept(); sel.register(c, 1); continue
            try: d = s.recv(65536)
            except OSError: d = b""
            if d: s.sendall(d)
            else: sel.unregister(s); s.close()
addr, n = (sys.argv[2], int(sys.argv[3])), int(sys.argv[4]) if len(sys.argv) > 4 else 1
def alive(socks):
    ok = 0
    for i in range(0, len(socks), 200):
        for s in socks[i:i + 200]: s.sendall(b"x")
        for s in socks[i:i + 200]: ok += s.recv(1) == b"x"
    return ok
def many():
    out = []
    for _ in range(n): s = socket.socket(socket.AF_INET6 if ":" in addr[0] else socket.AF_INET); s.settimeout(30); s.connect(addr); out.append(s)
    return out
if sys.argv[1] == "waves":
    left, first, answered, resets, end = many(), None, 0, 0, time.time() + 30
    for s in left: s.sendall(b"x")
    while left and time.time() < end:
        ready = select.select(left, [], [], 0.5)[0]
        while first is None and len(select.select(left, [], [], 0.3)[0]) > len(ready): ready = select.select(left, [], [], 0)[0]
        if first is None: first = len(ready)
        for s in ready:
            try: answered += s.recv(1) == b"x"
            except OSError: resets += 1
            s.close(); left.remove(s)
    print("answered=%d first=%d resets=%d" % (answered, first, resets))
elif sys.argv[1] == "idle":
    socks = many(); a = alive(socks); subprocess.run(sys.argv[5:]); b = alive(socks); print("alive=%d" % min(a, b))
elif sys.argv[1] == "row":
    done = 0
    for _ in range(n):
        with socket.create_connection(addr, 10) as s: s.sendall(b"x"); done += s.recv(1) == b"x"
    print("echoed=%d" % done)
elif sys.argv[1] == "talk":
    try:
        s = socket.create_connection(addr, 10)
        print("connected", flush=True)
        for line in sys.stdin: s.sendall(line.encode()); print(s.recv(999).decode().strip() or "EOF", flush=True)
    except OSError as e: print(errno.errorcode.get(e.errno, e), flush=True)
