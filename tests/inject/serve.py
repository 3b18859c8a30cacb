#!/usr/bin/env python3
"""serve.py OUT DIR: for tests/inject, run as the test user: a chain, rk-portd, rk-apid, and what people do with them.

A daemon that ends is started again, as a supervisor does; what a tool could not do is checked not to be half done, and
tried again. Every step must work in the end. One line a step is written to OUT: its name, and what is wrong."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

OUT, DIR = sys.argv[1], sys.argv[2]
PATIENCE = 12  # seconds for a step: retries of a port come at 5 s at most
TCP, UDP, MORE, API = 18080, 18053, 18081, 18082


def inside():
    """the server in the chain: echoes TCP at 80 and UDP at 53"""
    def talk(c):
        with c:
            while data := c.recv(4096):
                c.sendall(data)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(('', 53))
    s = socket.create_server(('', 80))
    print('ready', flush=True)

    def echo():
        while True:
            data, peer = u.recvfrom(4096)
            u.sendto(data, peer)
    threading.Thread(target=echo, daemon=True).start()
    while True:
        threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()


class Service:
    def __init__(self, cmd, ready=None):
        self.cmd, self.ready, self.process = cmd, ready, None

    def keep(self):
        if not self.process or self.process.poll() is not None:
            self.process = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def tool(*cmd):
    return subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)


def tcp(port):
    with socket.create_connection(('127.0.0.1', port), 1) as s:
        s.settimeout(1)
        s.sendall(b'hello')
        return s.recv(5) == b'hello'


def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        s.connect(('127.0.0.1', UDP))
        s.send(b'hello')
        return s.recv(5) == b'hello'


def closed(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return False
    except ConnectionRefusedError:
        return True


def add():
    """rk-port add: what fails leaves nothing"""
    if tool('rk-port', 'add', '-n', 'more', DIR, f'127.0.0.1:{MORE}:80/tcp').returncode == 0:
        return True
    left = [n for n in os.listdir(DIR + '/ports') if n == 'more' or n.startswith('.new-')]
    if left:
        wrong.append('add failed and left ' + left[0])
        os.unlink(f'{DIR}/ports/{left[0]}')
    return False


def listed():
    r = tool('rk-port', 'ls', '-j', DIR)
    if r.returncode:
        return False
    names = sorted(json.loads(line)['name'] for line in r.stdout.splitlines())
    if names != ['dns', 'more', 'web']:
        wrong.append('ls said ' + ','.join(names))
    return True


def remove():
    tool('rk-port', 'rm', DIR, 'more')
    return not os.path.exists(DIR + '/ports/more') and not os.path.exists(DIR + '/ports.status/more') and closed(MORE)


def entered():
    r = tool('rk-enter', DIR, 'cat', '/proc/self/uid_map')
    return r.returncode == 0 and r.stdout != ''


def api_ports():
    """the ids of the port that the API has made, or None"""
    r = tool('rootlessctl', '--socket=' + DIR + '/api.sock', 'list-ports', '--json')
    if r.returncode:
        return None
    ports = [json.loads(line) for line in r.stdout.splitlines()]
    return [p['id'] for p in ports if p['spec']['parentPort'] == API]


def api_add():
    if tool('rootlessctl', '--socket=' + DIR + '/api.sock', 'add-ports', f'127.0.0.1:{API}:80/tcp').returncode == 0:
        return True
    if api_ports():
        wrong.append('add-ports failed and left a port')
        api_remove()
    return False


def api_remove():
    for number in api_ports() or []:
        tool('rootlessctl', '--socket=' + DIR + '/api.sock', 'remove-ports', str(number))
    return api_ports() == [] and closed(API)


def chain():
    p = subprocess.Popen(['rk-state', DIR, 'rk-userns', 'rk-idmap', '-m', 'subids', 'rk-net', '-d', 'none', 'python3',
                          os.path.abspath(__file__), 'inside', '-'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return p if p.stdout.readline() == b'ready\n' else None


def attempt(name, step):
    until = time.monotonic() + PATIENCE
    while True:
        for service in services:
            service.keep()
        try:
            if step():
                return f'{name}=ok'
        except (OSError, ValueError):
            pass
        if time.monotonic() > until:
            return f'{name}=never'
        time.sleep(0.05)


if OUT == 'inside':
    inside()
wrong, lines = [], []
services = [Service(['rk-portd', DIR]), Service(['rk-apid', DIR])]
os.makedirs(DIR + '/ports')
for file, spec in (('web', f'127.0.0.1:{TCP}:80/tcp'), ('dns', f'127.0.0.1:{UDP}:53/udp')):
    with open(f'{DIR}/ports/{file}', 'w') as f:
        f.write(spec + '\n')
program = chain()
for word, action in (('tcp', lambda: tcp(TCP)), ('udp', udp), ('add', add), ('tcp-more', lambda: tcp(MORE)),
                     ('ls', listed), ('enter', entered), ('rm', remove), ('api-add', api_add),
                     ('tcp-api', lambda: tcp(API)), ('api-remove', api_remove), ('tcp-again', lambda: tcp(TCP))):
    lines.append(attempt(word, action))
for service in reversed(services):
    service.keep()
    service.end()
lines.append('closed=' + ('ok' if closed(TCP) and closed(MORE) and closed(API) else 'never'))
for _ in range(100):
    if not os.listdir(DIR + '/ports.status'):
        break
    time.sleep(0.02)
lines.append('status=' + ','.join(os.listdir(DIR + '/ports.status')))
lines.append('api.sock=' + str(os.path.exists(DIR + '/api.sock')))
if program:
    program.terminate()
    program.wait()
with open(OUT + '.new', 'w') as f:
    f.write('\n'.join(lines + ['wrong=' + w for w in wrong]) + '\n')
os.rename(OUT + '.new', OUT)
