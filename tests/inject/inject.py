#!/usr/bin/env python3
"""inject.py [-n RUNS] [-s SEED] [-i "PROGRAM/PROCESS CALL#COUNT ERROR"] [-v] [SCENARIO...]: system calls that fail.

As root, in the stage of tests/run. For every scenario a command is run once as the test user while its system calls
are counted (rk-t-inject), then once for each of them that is chosen: of each process of rk the first, second, middle
and last call of every number, with each error that the file `errors` names for it. -n: only so many of all these runs,
chosen by the seed; -i: only this one, as a finding names it. Each run must end in time, with an exit code of
rk-exit-codes(7), with one fatal line that holds the error if the code is 111, with nothing left (processes, files,
mounts), and, if it succeeds without a word, having done what it does without an error: what the script `look` finds at
the end of a chain is compared.
Prints a line for each finding, and counts. Exits 1 if there are findings."""
import collections
import errno
import os
import random
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
UID, GID = int(os.environ['RK_TEST_UID']), int(os.environ['RK_TEST_GID'])
INST = os.environ['RK_TEST_INST']
LIMIT, SERVE_LIMIT = 20, 60  # seconds that a run may take; that of serve.py has waits of its own
SERVED = {'rk-portd', 'rk-relay', 'rk-port', 'rk-enter', 'rk-apid', 'rootlessctl'}  # what is made to fail there
OLD = 1000000000  # seconds: files to be copied are that old; a younger one is new
# What a libc may call an error: musl's and glibc's words differ.
WORDS = {errno.EIO: 'I/O error', errno.ENOMEM: 'Out of memory', errno.EMFILE: 'No file descriptors available',
         errno.ENFILE: 'Too many open files in system', errno.EDQUOT: 'Quota exceeded'}


def numbers():
    """system call names by number, from the compiler's headers"""
    text = subprocess.run(['cc', '-E', '-dM', '-'], input='#include <sys/syscall.h>\n', capture_output=True, text=True,
                          check=True).stdout
    return {int(m[2]): m[1] for m in re.finditer(r'^#define __NR_(\w+) (\d+)$', text, re.M)}


def errors():
    table = {}
    with open(HERE + '/errors') as f:
        for line in f:
            if ':' in line and not line.startswith('#'):
                names, calls = line.split(':')
                for call in calls.split():
                    table[call] = names.split()
    return table


def make_tree(path):
    """something to be copied up: files, links, a hole, an attribute"""
    os.makedirs(path + '/sub/deep')
    for name, size in (('a', 10), ('b', 100000), ('sub/c', 5000), ('sub/deep/d', 70000)):
        with open(f'{path}/{name}', 'wb') as f:
            f.write(bytes(i * i % 251 for i in range(size)))
    os.symlink('a', path + '/relative')
    os.symlink('/etc/hosts', path + '/absolute')
    os.link(path + '/a', path + '/hard')
    os.mkfifo(path + '/fifo')
    with open(path + '/hole', 'wb') as f:
        f.truncate(1 << 20)
    for p in [path] + [os.path.join(d, n) for d, ds, fs in os.walk(path) for n in ds + fs]:
        os.chown(p, UID, GID, follow_symlinks=False)
        os.utime(p, (OLD, OLD), follow_symlinks=False)


class Stage:
    """The directories of one campaign, and what must be in them after each run."""

    def __init__(self, top):
        self.top = top
        for name in ('state', 'out', 'runtime', 'home'):
            os.makedirs(f'{top}/{name}')
            os.chown(f'{top}/{name}', UID, GID)
        os.chmod(top, 0o755)
        os.chmod(top + '/runtime', 0o700)
        make_tree(top + '/tree')
        self.env = dict(PATH=os.environ['PATH'], HOME=top + '/home', USER=os.environ['RK_TEST_USER'], LC_ALL='C',
                        LOGNAME=os.environ['RK_TEST_USER'], XDG_RUNTIME_DIR=top + '/runtime', RK_HELPER_TIMEOUT='3',
                        TMPDIR=top + '/home')

    def left(self):
        found = []
        for name in ('state', 'runtime', 'home'):
            for d, ds, fs in os.walk(f'{self.top}/{name}'):
                found += [os.path.join(d, n)[len(self.top) + 1:] for n in ds + fs]
        return sorted(n for n in found if n != 'runtime/rk' and '/.port-ids' not in n)

    def clean(self):
        for name in ('state', 'runtime', 'home', 'out'):
            for n in os.listdir(f'{self.top}/{name}'):
                p = f'{self.top}/{name}/{n}'
                shutil.rmtree(p) if os.path.isdir(p) and not os.path.islink(p) else os.unlink(p)

    def look(self):
        """what the program at the end of the chain has found, or None"""
        try:
            with open(self.top + '/out/look', errors='replace') as f:
                return sorted(normal(line) for line in f if not re.match(r'mount\.\S*/\.ro\d*=', line))
        except FileNotFoundError:
            return None


def normal(line):
    """without what differs from run to run: numbers of pipes, sockets, namespaces, mounts' devices and peers"""
    line = re.sub(r'\b(pipe|socket|net|mnt|pid|user|uts|ipc|cgroup|time):\[\d+\]', r'\1:[N]', line.rstrip('\n'))
    line = re.sub(r'/rk\.\w{6}\b', '/rk.N', line)
    if line.startswith('mount.'):
        line = re.sub(r'=\d+:\d+ ', '=D ', re.sub(r'(shared|master|propagate_from):\d+', r'\1:N', line))
        line = re.sub(r'rk-t\.\w+/', '', line)
    if line.startswith('tree.') and 'directory' in line:
        line = re.sub(r' \d+ \d+$', '', line)
    elif line.startswith('tree.') and int(line.split()[-1]) > OLD:
        line = re.sub(r'\d+$', 'new', line)
    return re.sub(r'^(fact.child_pid=|cwd.inode=|root.inode=|sid=|pgid=).*', r'\1', line)


class Run:
    """One run of a command under rk-t-inject."""

    def __init__(self, stage, cmd, inject=None):
        log = stage.top + '/log'
        args = ['rk-t-inject', '-u', str(UID), '-g', str(GID), '-t', str(SERVE_LIMIT if cmd[0] == 'python3' else LIMIT)]
        args += ['-i', inject] if inject else []
        mounts = open('/proc/self/mountinfo').read()
        with open(stage.top + '/err', 'w+', errors='replace') as err:
            r = subprocess.run(args + [log] + cmd, stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=stage.env,
                               check=False)
            err.seek(0)
            self.err = err.read()
        if r.returncode not in (0, 1):
            sys.exit(f'inject.py: fatal: rk-t-inject: {self.err}')
        with open(log, errors='replace') as f:
            self.log = [line.split() for line in f]
        ended = [int(w[1]) for w in self.log if w[0] == 'ended']
        self.status = ended[0] if ended else None
        self.injected = [w for w in self.log if w[0] == 'injected']
        self.hangs = [w[1] for w in self.log if w[0] == 'left']
        self.crashes = [w for w in self.log if w[0] == 'crashed']
        self.mounts = mounts != open('/proc/self/mountinfo').read()
        self.looked, self.left = stage.look(), stage.left()

    def calls(self):
        return [(w[1], int(w[2]), int(w[3]), int(w[4])) for w in self.log if w[0] == 'calls']


def judge_served(run, base):
    """what is wrong with a run of serve.py: a step that never came to be, or what it says itself"""
    wrong = ['hangs:' + ','.join(run.hangs)] if run.hangs else []
    wrong += sorted(set(run.looked or ['nothing']) - set(base.looked))
    wrong += ['crashes'] if run.crashes else []
    wrong += [f'lines:{run.err.count(": fatal: ")}'] if run.err.count(': fatal: ') > 1 else []
    return wrong + (['left:' + ','.join(set(run.left) - set(base.left))] if set(run.left) - set(base.left) else [])


def judge(run, error, base, codes):
    """what is wrong with it: words"""
    wrong, want = [], base.looked
    if codes is None:
        return judge_served(run, base)
    if run.hangs:
        return ['hangs:' + ','.join(run.hangs)]
    if run.crashes or run.status is None or os.WIFSIGNALED(run.status):
        wrong.append('crashes')
    code = os.waitstatus_to_exitcode(run.status) if run.status is not None else None
    lines = run.err.splitlines()
    last = re.compile(r'^[\w() -]+: (fatal|usage): |^\[rootlesskit:\w+ *\] error: ')
    fatal = [line for line in lines if last.search(line)]
    if len(fatal) == 2 and 'error: command [' in fatal[0] and 'error: child exited: ' in fatal[1]:
        fatal.pop()  # as RootlessKit says it
    if code == 0 and not lines:
        if run.looked != want:
            wrong.append('silent')
    elif code and code not in codes:
        wrong.append(f'code:{code}')
    if code and len(fatal) != 1:
        wrong.append(f'lines:{len(fatal)}')
    number = getattr(errno, error)
    if code == 111 and not any(w in run.err for w in (os.strerror(number), WORDS.get(number, '\0'))):
        wrong.append('reason')
    if run.left != base.left:
        wrong.append('left:' + ','.join(run.left[:4]))
    if run.mounts:
        wrong.append('mounts')
    return wrong


def scenarios(stage):
    """name: (command, exit codes that are documented for a failed call)"""
    state, tree, look = stage.top + '/state/st', stage.top + '/tree', [HERE + '/look', stage.top + '/out/look']
    chain = ['rk-state', state, 'rk-userns', 'rk-idmap', '-m', 'subids']
    bare = ['rk-userns', 'rk-idmap', '-m', 'subids']
    codes = {102, 111, 126, 127}
    all_of = {
        'state': (['rk-state', state, 'rk-userns'] + look, codes),
        'temporary': (['rk-state', '-t', '', 'rk-userns', 'rk-idmap'] + look, codes),
        'single': (['rk-userns', 'rk-idmap', '-m', 'single'] + look, codes),
        'idmap': (chain + look, codes),
        'symlink': (chain + ['rk-copyup', tree + ':/etc'] + look + [tree], codes),
        'overlay': (bare + ['rk-copyup', '-m', 'overlay', tree] + look + [tree], codes),
        'copy': (bare + ['rk-copyup', '-m', 'copy', tree] + look + [tree], codes),
        'none': (chain + ['rk-copyup', '/etc', 'rk-net', '-d', 'none'] + look, codes),
        'pidns': (chain + ['rk-pidns'] + look, codes),
        'unshare': (bare + ['rk-unshare', '-u', '-i', '-c', '-t'] + look, codes),
        'confine': (bare + ['rk-confine', '-b', '1-1000'] + look, codes),
        'slirp4netns': (chain + ['rk-copyup', '/etc', 'rk-net', '-d', 'slirp4netns'] + look, codes),
        'pasta': (chain + ['rk-copyup', '/etc', 'rk-net', '-d', 'pasta'] + look, codes),
        'two-steps': (chain + ['rk-net', '-s', '-d', 'slirp4netns', 'rk-copyup', '/etc', 'rk-net', '-w'] + look, codes),
        'detached': (chain + ['rk-net', '-D', '-d', 'slirp4netns'] + look, codes),
        'serve': (['python3', HERE + '/serve.py', stage.top + '/out/look', state], None),
        'rootlesskit': (['rootlesskit', '--state-dir=' + state, '--copy-up=' + tree, '--pidns'] + look, {1, 255}),
    }
    for driver in ('slirp4netns', 'pasta'):
        if not shutil.which(driver):
            for name in [n for n, (cmd, _) in all_of.items() if driver in cmd]:
                del all_of[name]
    return all_of


def plan(calls, names, table, only):
    """(program, process, call, name, occurrence, error) of all injections"""
    for program, process, call, count in calls:
        name = names.get(call, str(call))
        if only and program not in only:
            continue
        if program == 'rk-apid' and name == 'epoll_ctl':
            continue  # libmicrohttpd aborts, over an error that the kernel does not give where it does
        chosen = table.get(name, ['ENOMEM', 'EPERM'])
        if not os.path.exists(f'{INST}/bin/{program}') and not os.path.exists(f'{INST}/libexec/rk/{program}'):
            continue
        for n in sorted({1, 2, (count + 1) // 2, count} & set(range(1, count + 1))):
            for error in chosen:
                yield program, process, call, name, n, error


def options(argv):
    runs, seed, verbose, only = None, int(time.strftime('%Y%m%d', time.gmtime())), False, None
    while argv and argv[0].startswith('-'):
        option = argv.pop(0)
        if option == '-n':
            runs = int(argv.pop(0))
        elif option == '-s':
            seed = int(argv.pop(0))
        elif option == '-i':
            only = argv.pop(0)
        elif option == '-v':
            verbose = True
        else:
            sys.exit('inject.py: usage: inject.py [-n RUNS] [-s SEED] [-i INJECTION] [-v] [SCENARIO...]')
    return runs, seed, verbose, only, argv


def baseline(stage, name, cmd):
    """what the command does when nothing fails, and its calls; twice, so that what differs is known"""
    runs = []
    for _ in range(5):
        stage.clean()
        r = Run(stage, cmd)
        if r.status == 0 and not r.hangs and r.looked is not None:
            runs.append(r)
        if len(runs) == 2:
            break
    else:
        sys.exit(f'inject.py: fatal: {name} does not run: {r.status} {r.hangs} {r.left} {r.err}')
    if runs[0].looked != runs[1].looked:
        odd = sorted(set(runs[0].looked) ^ set(runs[1].looked))
        sys.exit(f'inject.py: fatal: {name} is not the same twice: {odd[:6]}')
    return runs[1]


def main():
    runs, seed, verbose, one, wanted = options(sys.argv[1:])
    print(f'seed {seed}', flush=True)
    stage = Stage(os.environ['T'])
    names, table, rng = numbers(), errors(), random.Random(seed)
    known = scenarios(stage)
    todo, base = [], {}
    for name in wanted or known:
        base[name] = baseline(stage, name, known[name][0])
        only = SERVED if known[name][1] is None else None
        todo += [(name,) + p for p in plan(base[name].calls(), names, table, only)]
    if one:
        todo = [t for t in todo if f'{t[1]}/{t[2]} {t[4]}#{t[5]} {t[6]}' == one]
    if runs is not None and runs < len(todo):
        slow = [t for t in todo if t[0] == 'serve']  # seconds each, where a port is tried again
        rest = [t for t in todo if t[0] != 'serve']
        few = min(len(slow), runs // 20 if rest else runs)
        todo = rng.sample(slow, few) + rng.sample(rest, min(len(rest), runs - few))
    bad = done = 0
    for name, program, process, call, call_name, n, error in todo:
        cmd, codes = known[name]
        stage.clean()
        r = Run(stage, cmd, f'{program}:{process}:{call}:{n}:{getattr(errno, error)}')
        if not r.injected:
            if verbose:
                print(f'not reached: {name}: {program}/{process} {call_name}#{n}')
            continue
        done += 1
        wrong = judge(r, error, base[name], codes)
        where = ' '.join(r.injected[0][5:])
        if wrong or verbose:
            print(f'{" ".join(wrong) or "fine"}: {name}: {program}/{process} {call_name}#{n} {error} {where} '
                  f'status {r.status}: {r.err.strip()!r}', flush=True)
        if 'silent' in wrong and r.looked is not None:
            has, lacks = collections.Counter(r.looked), collections.Counter(base[name].looked)
            print('\n'.join([f'  + {x}' for x in has - lacks][:4] + [f'  - {x}' for x in lacks - has][:4]))
        bad += bool(wrong)
    print(f'{len(todo)} chosen, {done} injected, {bad} findings')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
