#!/usr/bin/env python3
"""soak.py SECONDS SEED: chains, ports and servers come and go, and are killed, at random; then all is as it began.

As root, in the stage of tests/run, in a network namespace of its own. One chain with its rk-portd and rk-apid stays:
its servers are asked all the time, its relay and rk-portd are killed now and then. Others are started and ended beside
it, by TERM or KILL, of the program, of rk-outside, or of both. At the end nothing is left of those, and what stays has
the fds, rules, routes and, about, the memory that it had at the beginning."""
import ctypes
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

SECONDS, SEED = float(sys.argv[1]), int(sys.argv[2])
UID, GID = int(os.environ['RK_TEST_UID']), int(os.environ['RK_TEST_GID'])
TOP = os.environ['T'] + '/soak'
DIR = TOP + '/stays'
PR_SET_CHILD_SUBREAPER = 36
MEMORY = 256  # KiB that a process may have grown by: names, buffers of a burst
rng = random.Random(SEED)
counts = {}
problems = []
others = {}  # name: (process, its state directory)
SERVER = '''
import socket, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("", 53))
s = socket.create_server(("", 80), backlog=512)
print("ready", flush=True)
def datagrams():
    while True:
        d, a = u.recvfrom(4096)
        u.sendto(d, a)
def talk(c):
    with c:
        while True:
            try:
                d = c.recv(4096)
                c.sendall(d)
            except OSError:
                break
            if not d:
                break
threading.Thread(target=datagrams, daemon=True).start()
while True:
    threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
'''


def user(cmd, **options):
    return subprocess.Popen(['as_user'] + cmd, stdin=subprocess.DEVNULL, **options)


def read(path):
    try:
        with open(path, errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def until(check, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


def children(pid):
    return [int(p) for t in glob.glob(f'/proc/{pid}/task/*/children') for p in read(t).split()]


def descendants(pid):
    return [d for c in children(pid) for d in [c] + descendants(c)]


def named(name, below):
    """the pids of that program among the descendants of a process, or of ours"""
    return [p for p in descendants(below) if read(f'/proc/{p}/comm').strip() == name]


def outside_of(chain):
    """its rk-outside is an orphan, so a child of ours (subreaper); fd 4 is the pidfd of the chain"""
    for p in children(os.getpid()):
        if f'\nPid:\t{chain.pid}\n' in read(f'/proc/{p}/fdinfo/4'):
            return p
    return None


def spawn_chain(directory, links, program):
    p = user(['rk-state', directory, 'rk-userns', 'rk-idmap', '-m', 'subids'] + links + program,
             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return p


def tell(name):
    counts[name] = counts.get(name, 0) + 1


# What may happen


def start():
    if len(others) > 5:
        return
    name = f'c{rng.randrange(10 ** 9)}'
    links = rng.choice([['rk-net', '-d', 'none'], ['rk-copyup', '/etc', 'rk-net', '-d', 'none'], ['rk-pidns'],
                        ['rk-copyup', '-m', 'overlay', '/etc'], ['rk-unshare', '-u', '-i'],
                        ['rk-net', '-d', 'slirp4netns'] if shutil.which('slirp4netns') else ['rk-pidns']])
    p = spawn_chain(f'{TOP}/{name}', links, rng.choice([['rk-hold'], ['sleep', '1000'], ['true']]))
    others[name] = (p, f'{TOP}/{name}')
    # one killed before it has a rk-outside leaves its directory to the next
    if not until(lambda: p.poll() is not None or os.path.exists(f'{TOP}/{name}/child_pid')):
        problems.append(f'{name} does not start: {links}')
    tell('start')


def end():
    if not others:
        return
    p, directory = others.pop(rng.choice(sorted(others)))
    outside = outside_of(p)
    whom = rng.choice(['program', 'program', 'outside first', 'both'])
    with_kill = rng.random() < 0.5
    if outside and whom != 'program':
        os.kill(outside, signal.SIGKILL)
    p.send_signal(signal.SIGKILL if with_kill else signal.SIGTERM)
    if whom == 'both' or not until(lambda: p.poll() is not None, 10):
        p.kill()
    p.wait()
    p.stdout.close()
    if outside and whom != 'program':
        # nobody is left who clears; the next chain in that directory does
        nxt = spawn_chain(directory, [], ['true'])
        if nxt.wait() != 0:
            problems.append(f'a chain after a killed one ended with {nxt.returncode}')
        nxt.stdout.close()
    if not until(lambda: not os.path.exists(directory)):
        problems.append(f'{directory} is left: {os.listdir(directory)} ({whom}, kill {with_kill})')
        shutil.rmtree(directory)
    tell('end')


def publish():
    name = f'p{rng.randrange(40)}'
    path = f'{DIR}/ports/{name}'
    if os.path.exists(path):
        if rng.random() < 0.5:
            os.unlink(path)
        else:
            subprocess.run(['as_user', 'rk-port', 'rm', DIR, name], stderr=subprocess.DEVNULL, check=False)
        tell('withdraw')
        return
    spec = f'127.0.0.1:{20000 + rng.randrange(200)}:80/tcp' if rng.random() < 0.9 else 'nonsense'
    if rng.random() < 0.3:
        subprocess.run(['as_user', 'rk-port', 'add', '-n', name, DIR, spec], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
    else:
        with open(f'{DIR}/ports/.{name}', 'w') as f:
            f.write(spec + '\n')
        os.chown(f'{DIR}/ports/.{name}', UID, GID)
        os.rename(f'{DIR}/ports/.{name}', path)
    tell('publish')


def exchange():
    """TCP and UDP; a relay that was killed a moment ago may need some"""
    def tcp():
        with socket.create_connection(('127.0.0.1', 18080), 5) as s:
            s.settimeout(5)
            data = rng.randbytes(3000)
            s.sendall(data)
            got = b''
            while len(got) < len(data):
                more = s.recv(4096)
                if not more:
                    return False
                got += more
            if got != data:
                problems.append('other bytes came back')
            return True

    def udp():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.bind(('127.0.0.1', 18054))  # one session: it has rules and routes, and lives for a while
            s.connect(('127.0.0.1', 18053))
            s.send(b'question')
            return s.recv(100) == b'question'

    def surely(f):
        keep_services()
        try:
            return f()
        except OSError:
            return False
    for f in (tcp, udp):
        if not until(lambda f=f: surely(f)):
            problems.append(f'{f.__name__} is not served any more')
    tell('exchange')


def hit():
    what, sig = rng.choice([('rk-relay', signal.SIGKILL), ('rk-portd', signal.SIGKILL), ('rk-portd', signal.SIGTERM),
                            ('rk-portd', signal.SIGHUP), ('rk-apid', signal.SIGKILL), ('rk-portd', signal.SIGUSR1)])
    below = services['rk-portd'].pid if what == 'rk-relay' else os.getpid()
    for p in named(what, below)[:1]:
        os.kill(p, sig)
        tell(f'{what} {sig.name}')
    keep_services()


def keep_services():
    for name in ('rk-portd', 'rk-apid'):
        if name not in services or services[name].poll() is not None:
            services[name] = user([name, DIR], stderr=subprocess.DEVNULL)


# What is counted


def levels():
    """of what stays: fds, memory, rules and routes; and of the machine as the user has it: mounts, namespaces"""
    got = {}
    portd, apid = services['rk-portd'].pid, services['rk-apid'].pid
    for name, pids in (('rk-outside', [outside_of(chain)]), ('rk-portd', [portd]), ('rk-apid', [apid]),
                       ('rk-relay', named('rk-relay', portd))):
        for p in pids[:1]:
            fds = [os.readlink(f'/proc/{p}/fd/{n}') for n in os.listdir(f'/proc/{p}/fd')]
            got[name + ' fds'] = len(fds)
            got[name + ' inotify'] = sum('inotify' in f for f in fds)
            rollup = [line.split()[1] for line in read(f'/proc/{p}/smaps_rollup').splitlines() if line[:4] == 'Pss:']
            got[name + ' KiB'] = int(rollup[0]) if rollup else 0
    net = f'--net=/proc/{chain.pid}/ns/net'
    for what in (['rule'], ['-6', 'rule'], ['route', 'show', 'table', 'all'], ['-6', 'route', 'show', 'table', 'all']):
        text = subprocess.run(['nsenter', net, 'ip'] + what, capture_output=True, text=True, check=False).stdout
        got['ip ' + ' '.join(what)] = len(text.splitlines())
    got['mounts'] = len(read('/proc/self/mountinfo').splitlines())
    got['interfaces'] = len(os.listdir('/sys/class/net'))
    everybody = [os.getpid()] + descendants(os.getpid())
    got['processes'] = len(everybody)
    spaces = set()
    for p in everybody:
        for kind in ('net', 'mnt', 'user', 'pid', 'uts', 'ipc'):
            try:
                spaces.add(os.readlink(f'/proc/{p}/ns/{kind}'))
            except OSError:
                pass
    got['namespaces'] = len(spaces)
    return got


def differences(was, now):
    return [f'{key}: {old} before, {now.get(key, 0)} after' for key, old in sorted(was.items())
            if (now.get(key, 0) > old + MEMORY if key.endswith('KiB') else now.get(key, 0) != old)]


def settle():
    """no ports but the two, all services well, no client"""
    for n in os.listdir(DIR + '/ports'):
        if n not in ('web', 'dns'):
            os.unlink(f'{DIR}/ports/{n}')
    keep_services()
    exchange()
    ok = until(lambda: sorted(os.listdir(DIR + '/ports.status')) == ['dns', 'web'])
    if not ok:
        problems.append(f'statuses are left: {sorted(os.listdir(DIR + "/ports.status"))}')
    until(lambda: len(named('rk-relay', os.getpid())) == 1)  # an old one drains
    until(lambda: not [p for p in descendants(os.getpid()) if read(f'/proc/{p}/stat').split(') ')[-1][:1] == 'Z'], 5)


def reap():
    known = {p.pid for p in [chain] + list(services.values()) + [o[0] for o in others.values()]}
    for p in children(os.getpid()):
        if p not in known and read(f'/proc/{p}/stat').split(') ')[-1][:1] == 'Z':
            os.waitpid(p, 0)


ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
os.makedirs(TOP)
os.chown(TOP, UID, GID)
print(f'seed {SEED}', flush=True)
chain = spawn_chain(DIR, ['rk-net', '-d', 'none'], ['python3', '-c', SERVER])
if chain.stdout.readline() != b'ready\n':
    sys.exit('soak.py: fatal: the chain does not start')
os.makedirs(DIR + '/ports')
os.chown(DIR + '/ports', UID, GID)
for file, line in (('web', '127.0.0.1:18080:80/tcp'), ('dns', '127.0.0.1:18053:53/udp')):
    with open(f'{DIR}/ports/{file}', 'w') as f:
        f.write(line + '\n')
services = {}
keep_services()
settle()
before = levels()
stop = time.monotonic() + SECONDS
while time.monotonic() < stop:
    rng.choice([start, start, end, publish, publish, exchange, hit])()
    reap()
while others:
    end()
settle()
until(lambda: reap() or not differences(before, levels()), 20)
problems += differences(before, levels())
for p in list(services.values()) + [chain]:
    p.terminate()
    p.wait()
if not until(lambda: reap() or not children(os.getpid()), 10):
    problems.append(f'left: {[read(f"/proc/{p}/comm").strip() for p in descendants(os.getpid())]}')
    for p in children(os.getpid()):
        os.kill(p, signal.SIGKILL)
print('\n'.join(problems + [' '.join(f'{k}: {v},' for k, v in sorted(counts.items()))]))
sys.exit(bool(problems))
