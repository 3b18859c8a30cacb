# compat.py NAME=DIRECTORY...: memory, ports and API of each rootlesskit, as Markdown. Runs as the test user, who may
# read the memory of RootlessKit's processes; rk's hide it, so that their anonymous pages are read from status.
import os, select, shutil, socket, subprocess, sys, tempfile, time


def tree(pid):
    kids = []
    for t in os.listdir(f'/proc/{pid}/task'):
        kids += open(f'/proc/{pid}/task/{t}/children').read().split()
    out = [pid]
    for k in kids:
        out += tree(int(k))
    return out


def field(pid, key):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith(key + ':'):
            return line.split(':')[1].strip()


def memory(root, state):
    pids = tree(root)
    for p in os.listdir('/proc'):  # rk-outside is nobody's child
        try:
            if (
                p.isdigit()
                and field(p, 'Name') == 'rk-outside'
                and state in open(f'/proc/{p}/fdinfo/5').read()
            ):
                pids.append(int(p))
        except (OSError, TypeError):
            pass
    rss = anon = n = 0
    for p in pids:
        name = field(p, 'Name')
        if name in ('slirp4netns', 'rk-t-hold'):
            continue
        n += 1
        rss += int(field(p, 'VmRSS').split()[0])
        anon += int(field(p, 'RssAnon').split()[0])
    return n, rss, anon


def request(sock, method, path, body=''):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sock)
    s.sendall(
        f'{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
        f'Content-Length: {len(body)}\r\n\r\n{body}'.encode()
    )
    out = b''
    while d := s.recv(65536):
        out += d
    s.close()
    return out


def median(f, n):
    t = []
    for _ in range(n):
        a = time.perf_counter()
        f()
        t.append(time.perf_counter() - a)
    return sorted(t)[n // 2] * 1e6


FLAGS = [
    '--net=slirp4netns',
    '--disable-host-loopback',
    '--port-driver=builtin',
    '--copy-up=/etc',
    '--copy-up=/run',
]
whos = [w.split('=') for w in sys.argv[1:]]
print('Cold start of a program that does nothing, in turns; a start that fails counts, too:\n')
print('| | median ms | 5 % | 95 % | failed | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |')
for what, flags in (('host network', []), ('slirp4netns, builtin ports, /etc and /run copied up', FLAGS)):
    times, bad = {n: [] for n, _ in whos}, {n: 0 for n, _ in whos}
    for _ in range(int(os.environ.get('ROUNDS') or 60)):
        for n, d in whos:
            a = time.perf_counter()
            p = subprocess.Popen([d + '/rootlesskit', *flags, 'rk-t-true'], stderr=subprocess.DEVNULL)
            fd = os.pidfd_open(
                p.pid
            )  # subprocess's own timeout looks again in growing steps, of 16 and 32 ms here
            if not select.select([fd], [], [], 10)[0]:
                p.kill()
            times[n].append(time.perf_counter() - a)
            bad[n] += p.wait() != 0
            os.close(fd)
    for n, _ in whos:
        t = sorted(times[n])
        first = sorted(times[whos[0][0]])
        q = lambda x: t[int(len(t) * x)] * 1e3
        print(
            f'| {what}: {n} | {q(.5):.1f} | {q(.05):.1f} | {q(.95):.1f} | {bad[n]}'
            f' | {t[len(t) // 2] / first[len(first) // 2]:.1f} |'
        )
print()
rows = []
for name, d in whos:
    state = tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None)
    os.rmdir(state)  # as a /run would be
    p = subprocess.Popen(
        [d + '/rootlesskit', f'--state-dir={state}', *FLAGS, '-p', '127.0.0.1:23000:80/tcp', 'rk-t-hold'],
        stderr=subprocess.DEVNULL,
    )
    for _ in range(500):
        if os.path.exists(state + '/child_pid') and os.path.exists(state + '/api.sock'):
            break
        time.sleep(0.02)
    sock = state + '/api.sock'
    ctl = [d + '/rootlessctl', '--socket', sock]
    time.sleep(0.5)
    one = memory(p.pid, state)
    info = median(lambda: request(sock, 'GET', '/v1/info'), 500)
    cli = median(lambda: subprocess.run(ctl + ['list-ports'], stdout=subprocess.DEVNULL), 50)
    N = 1000
    a = time.perf_counter()
    ids = subprocess.run(
        ctl + ['add-ports'] + [f'127.0.0.1:{24000 + i}:80/tcp' for i in range(N)],
        capture_output=True,
        text=True,
    ).stdout.split()
    b = time.perf_counter()
    listing = median(lambda: request(sock, 'GET', '/v1/ports'), 50)
    c = time.perf_counter()
    subprocess.run(ctl + ['remove-ports'] + ids[100:], stdout=subprocess.DEVNULL)
    e = time.perf_counter()
    time.sleep(0.5)
    hundred = memory(p.pid, state)
    rows.append(
        (
            name,
            one,
            hundred,
            len(ids),
            (b - a) / N * 1e6,
            (e - c) / max(1, len(ids) - 100) * 1e6,
            listing,
            info,
            cli,
        )
    )
    p.terminate()
    p.wait()
    shutil.rmtree(state, ignore_errors=True)

print(
    'Memory of everything that `rootlesskit` keeps running, without the command and slirp4netns '
    '(KiB; RSS counts shared pages for each):\n'
)
print(
    '| | processes | RSS, 1 port | anonymous | RSS, 100 ports | anonymous |\n| --- | ---: | ---: | ---: | ---: | ---: |'
)
for r in rows:
    print(f'| {r[0]} | {r[1][0]} | {r[1][1]} | {r[1][2]} | {r[2][1]} | {r[2][2]} |')
print('\nThe API and its client (µs):\n')
print(
    '| | `rootlessctl add-ports`, per port of 1000 | `remove-ports`, per port | `GET /v1/ports` with 1000 '
    '| `GET /v1/info` | `rootlessctl list-ports` |\n| --- | ---: | ---: | ---: | ---: | ---: |'
)
for r in rows:
    print(f'| {r[0]} | {r[4]:.0f} | {r[5]:.0f} | {r[6]:.0f} | {r[7]:.0f} | {r[8]:.0f} |')
