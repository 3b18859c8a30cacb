#!/usr/bin/env python3
# own-port.py serve: at UDP port 123 of both families: "hello" is answered; at port 124, "ask ADDR": from port 123 ask
#   ADDR's port 123 for the time, and answer with what came back, and from where
# own-port.py time ADDR...: at port 123 of ADDR, "time?" is answered "peer's time"
# own-port.py ask CONTROL ADDR: prints what a server at CONTROL got from ADDR
# own-port.py hello ADDR PORT FROM,PORT: one datagram; prints the answer
import select, socket, sys
args = sys.argv[2:]


def udp(addr, port):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
    if ":" in addr: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    return s


def serve():
    both, control = {".": udp("0.0.0.0", 123), ":": udp("::", 123)}, udp("0.0.0.0", 124)
    print("ready", flush=True)
    while True:
        for s in select.select([*both.values(), control], [], [])[0]:
            data, client = s.recvfrom(99)
            if s is not control:
                if data == b"hello": s.sendto(b"answer", client)
                continue
            addr = data.decode().split()[1]
            s = both[":" if ":" in addr else "."]
            s.sendto(b"time?", (addr, 123))
            got = b"nothing"
            if select.select([s], [], [], 8)[0]:
                got, (where, *_) = s.recvfrom(99)
                got += b" from " + where.encode()
            control.sendto(got, client)


def time():
    all = [udp(addr, 123) for addr in args]
    print("ready", flush=True)
    while True:
        for s in select.select(all, [], [])[0]:
            data, client = s.recvfrom(99)
            if data == b"time?": s.sendto(b"peer's time", client)


def ask(control, addr):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.sendto(b"ask " + addr.encode(), (control, 124))
    print(s.recv(99).decode())


def hello(addr, port, source):
    own, _, number = source.partition(",")
    s = udp(own, int(number))
    s.settimeout(8)
    s.sendto(b"hello", (addr, int(port)))
    try: print(s.recv(99).decode())
    except TimeoutError: print("timeout")


{"serve": serve, "time": time, "ask": lambda: ask(*args), "hello": lambda: hello(*args)}[sys.argv[1]]()
