"""ephemeral.py: standing connections, and servers on the very numbers that they have.

peer N FILE     listen at 192.0.2.2:9000, take N connections, write the ports from which they come
clients N FILE  N connections to 127.0.0.1:8080 from ports below the ephemeral ones, kept; write FILE when all are there
inside N OUT ASK TOLD
                (in the chain) take N connections at 127.0.0.1:80, make N to 192.0.2.2:9000, write the local port of
                each to OUT; then listen at 127.0.0.1 at each port of ASK and at 100 that the kernel chooses; write
                those that did to TOLD; answer there with the number
ask FILE        (on the host) connect to each port of FILE, print those that do not answer with their number
"""
import os
import select
import socket
import sys
import time


def write(path, words):
    with open(path + '.new', 'w', encoding='ascii') as f:
        f.write(''.join(f'{w}\n' for w in words))
    os.rename(path + '.new', path)


def listener(port, addr='127.0.0.1'):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    s.listen(1000)
    return s


def take(s, n):
    return [s.accept() for _ in range(n)]


def peer(n, path):
    s = listener(9000, '192.0.2.2')
    write(path + '.up', [9000])
    taken = take(s, int(n))
    write(path, [a[1] for _, a in taken])
    select.select([], [], [])


def clients(n, path):
    kept = []
    port = 10000
    while len(kept) < int(n):
        port += 1
        s = socket.socket()
        try:
            s.bind(('127.0.0.1', port))
        except OSError:
            continue
        s.connect(('127.0.0.1', 8080))
        kept.append(s)
    write(path, ['all'])
    select.select([], [], [])


def inside(n, out, ask, told):
    s = listener(80)
    made = [socket.create_connection(('192.0.2.2', 9000)) for _ in range(int(n))]
    write(out + '.up', [80])
    taken = take(s, int(n))
    write(out, [a[1] for _, a in taken] + [c.getsockname()[1] for c in made])
    while not os.path.exists(ask):
        time.sleep(0.02)
    with open(ask, encoding='ascii') as f:
        wanted = [int(w) for w in f]
    servers, refused = {}, []
    for port in wanted + [0] * 100:
        try:
            l = listener(port)
        except OSError as e:
            refused.append(f'{port} {e.strerror}')
            continue
        servers[l.fileno()] = l
    write(told + '.refused', refused)
    write(told, sorted({l.getsockname()[1] for l in servers.values()}))
    ready = select.epoll()
    for fd in servers:
        ready.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in ready.poll():
            c, _ = servers[fd].accept()
            c.sendall(b'%d' % servers[fd].getsockname()[1])
            c.close()


def ask(path):
    with open(path, encoding='ascii') as f:
        for port in f:
            try:
                with socket.create_connection(('127.0.0.1', int(port)), 30) as c:
                    got = c.recv(10)
            except OSError as e:
                got = str(e).encode()
            if got != port.strip().encode():
                print(port.strip(), got)


globals()[sys.argv[1]](*sys.argv[2:])
