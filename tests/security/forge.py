# forge.py HOW [TARGET]: as root inside a chain, make its state directory name another process; "forged" on stdout, then wait.
#   file PID     .child and child_pid as text that names PID, as a chain of 2026 had it
#   socket PID   an own socket .child, which answers as rk-outside does, with a pidfd of PID
#   stolen PID   that, said under the pid of the rk-outside that used to be there, if the kernel lets us
#   free         that, for a process in a user namespace that it makes below its own; says that it is not confined
#   loose        the same, with a Landlock ruleset that allows all connections
#   silent       an own socket that accepts and says nothing
#   hard DIR     a hard link to another chain's socket     link DIR   a symbolic link to it
#   netns KIND   DIR/netns is a fifo | device | directory | fuse, a file system that takes a request and never answers it
import array, ctypes, os, signal, socket, struct, subprocess, sys, time
how, target = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ''
d = os.environ['RK_STATE_DIR'] + '/'
VERSION = 5

def replace(name, text):
    if os.path.lexists(d + name): os.unlink(d + name)
    with open(d + name, 'w') as f: f.write(text)

def netns(kind):
    p = d + 'netns'
    if kind == 'fifo': os.mkfifo(p)
    elif kind == 'directory': os.mkdir(p)
    else: replace('netns', '')
    mount = ctypes.CDLL(None, use_errno=True).mount
    if kind == 'device': r = mount(b'/dev/zero', p.encode(), None, 4096, None)
    elif kind == 'fuse':
        f = os.open('/dev/fuse', os.O_RDWR)
        r = mount(b'dead', d.encode(), b'fuse', 0, b'fd=%d,rootmode=40755,user_id=0,group_id=0' % f)
    else: return
    if r: sys.exit('mount: ' + os.strerror(ctypes.get_errno()))
    while kind == 'fuse':
        q = os.read(f, 1 << 17)
        op, unique = struct.unpack_from('=IQ', q, 4)
        if op == 26: # FUSE_INIT
            os.write(f, struct.pack('=IiQIIIIHHIIHHI7I', 80, 0, unique, 7, 31, 0, 0, 0, 0, 4096, 0, 0, 0, 0, *[0] * 7))
            print('forged', flush=True)
        else: print('asked', flush=True)

def listen():
    os.unlink(d + '.child')
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(d + '.child')
    s.listen(8)
    return s

def below():
    p = subprocess.Popen(['unshare', '-Ur', 'sleep', '1000']).pid
    def end(*_):
        os.kill(p, signal.SIGKILL)
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    while open('/proc/%d/comm' % p).read() != 'sleep\n': time.sleep(0.01)
    return p

def ruleset(): # landlock_create_ruleset(2): files none, of the network bind
    return ctypes.CDLL(None).syscall(444, struct.pack('=QQ', 0, 1), 16, 0)

def answer(c):
    st = os.stat(d)
    say = struct.pack('=IiQQII', VERSION, 0, st.st_dev, st.st_ino, how == 'loose', 0)
    c.send(say)
    if not c.recv(16): return
    fds = [os.pidfd_open(int(target))] + ([ruleset()] if how == 'loose' else [])
    c.sendmsg([say], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
    c.recv(16)

if how == 'file':
    boot = open('/proc/sys/kernel/random/boot_id').read().strip()
    start = open('/proc/%s/stat' % target).read().rsplit(')', 1)[1].split()[19]
    replace('.child', '%s %s %s\n' % (target, start, boot))
    replace('child_pid', target)
elif how == 'netns':
    netns(target)
elif how in ('hard', 'link'):
    os.unlink(d + '.child')
    (os.link if how == 'hard' else os.symlink)(target + '/.child', d + '.child')
elif how == 'stolen':
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        a.sendmsg([b'x'], [(socket.SOL_SOCKET, 2, struct.pack('iII', int(target), os.getuid(), os.getgid()))])
        print('stolen', flush=True)
    except PermissionError: print('refused', flush=True)
else:
    if how in ('free', 'loose'): target = below()
    s = listen()
print('forged', flush=True)
while how in ('socket', 'free', 'loose', 'silent'):
    c, _ = s.accept()
    if how == 'silent': time.sleep(1000)
    if os.fork() == 0:
        try: answer(c)
        finally: os._exit(0)
    c.close()
signal.pause()
