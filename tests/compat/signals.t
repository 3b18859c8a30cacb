#!/bin/sh
# rootlesskit: signals, the terminal, sockets handed in (compat sections 12, 14)
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
cat > "$T/catch.py" <<'E'
# says ready, then every signal it gets; ends at SIGTERM with 15
import os, signal, sys
def got(n, f):
    os.write(1, b'%d\n' % n)
    if n == 15: os._exit(15)
for n in range(1, 65):
    if n not in (9, 19, 32, 33): signal.signal(n, got)
os.write(1, b'ready %d %d %d\n' % (os.getpgrp() == int(sys.argv[1]), os.getsid(0) == int(sys.argv[2]), os.getpid()))
while True: signal.pause()
E
for flags in '' --pidns; do
  # shellcheck disable=SC2086 # words
  spawn sh -c 'exec rootlesskit $2 python3 "$1/catch.py" 0 0 > "$1/got" 2> "$1/err"' - "$T" "$flags"; p=$pid
  wait_until grep -q ready "$T/got"
  n=0
  for s in HUP INT QUIT USR1 USR2 ALRM TSTP TTIN TTOU CONT WINCH IO PWR 34 35 64; do
    case $s in [0-9]*) num=$s ;; *) num=$(kill -l | tr ' \t' '\n\n' | grep -nx "$s" | cut -d: -f1) ;; esac
    python3 -c 'import os, signal, sys; s = sys.argv[2]; n = int(s) if s.isdigit() else getattr(signal, "SIG" + s); os.kill(int(sys.argv[1]), n); print(int(n))' "$p" $s >> "$T/sent.$p"
    n=$((n + 1))
    wait_until sh -c '[ "$(wc -l < "$1")" = "$2" ]' - "$T/got" $((n + 1)) ||
      fail "$flags SIG$s is passed on once ($num)" "$(cat "$T/got")"
  done
  is "$(sed 1d "$T/got")" "$(cat "$T/sent.$p")" "$flags every signal is passed on, once"
  kill -PIPE "$p"; kill -URG "$p"; kill -CHLD "$p"; kill -TERM "$p"; wait "$p"
  is "$? $(tail -n 1 "$T/got") $(sed 1d "$T/got" | wc -l)" "15 15 $((n + 1))" \
    "$flags SIGTERM too, and the status is the command's; CHLD, PIPE, URG are not"
  rm "$T/got"
done

cat > "$T/terminal.py" <<'E'
# a shell with job control in front of rootlesskit, on a terminal of its own
import os, pty, select, signal, sys, time
def run(cmd, act=()):
    pid, fd = pty.fork()
    if pid == 0: os.execvp(cmd[0], cmd)
    steps = list(act)  # (what must have come out since the last step, what is typed then)
    out, seen, end = b'', 0, time.time() + 30
    while time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try: d = os.read(fd, 1000)
            except OSError: break
            if not d: break
            out += d
        while steps and steps[0][0] in out[seen:]:
            want, keys = steps.pop(0); seen = out.index(want, seen) + len(want); os.write(fd, keys)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode().replace('\r', '')
T, what = sys.argv[1:3]
if what == 'tty':
    print(run(['rootlesskit', 'sh', '-c', 'tty; echo ready']))
elif what == 'group':
    print(run(['sh', '-c', 'exec rootlesskit python3 -c "import os; print(os.getpgrp() == %s, os.getsid(0) == %s); open(\\"/dev/tty\\"); print(\\"ready\\")"' % ('$$', '$$')]))
elif what == 'intr':
    code = 'import os, signal\nn = 0\ndef h(s, f):\n  global n; n += 1\nsignal.signal(2, h)\nprint("ready", flush=True)\nimport time\nt = time.time() + 20\nwhile time.time() < t and not n: time.sleep(0.1)\ntime.sleep(1)\nprint("got", n)'
    print(run(['rootlesskit'] + sys.argv[3:] + ['python3', '-c', code], [(b'ready', b'\x03')]))
elif what == 'hangup':
    # rootlesskit leads the session: when the terminal goes away, the kernel tells it alone
    code = 'import os, signal, sys\ndef h(s, f):\n  open(sys.argv[1], "w").write("%d\\n" % s); os._exit(0)\nsignal.signal(1, h)\nprint("ready", flush=True)\nwhile True: signal.pause()'
    pid, fd = pty.fork()
    if pid == 0: os.execvp('rootlesskit', ['rootlesskit'] + sys.argv[3:] + ['python3', '-c', code, T + '/hangup'])
    out = b''
    while b'ready' not in out: out += os.read(fd, 1000)
    os.close(fd)
    os.waitpid(pid, 0)
    print(open(T + '/hangup').read())
elif what == 'stop':
    # the prompt is back when the shell has the terminal; it names the job when it has given it away again
    print(run(['env', 'PS1=P> ', 'bash', '--norc', '-i'], [(b'P> ', b'rootlesskit sh -c \'echo rea""dy; read x; echo "read $x"\'\n'),
        (b'ready\r', b'\x1a'), (b'P> ', b'fg\n'), (b'rootlesskit sh', b'word\n'), (b'read word\r', b'exit\n')]))
E
tty() { timeout 60 python3 "$T/terminal.py" "$T" "$@" 2>&1; }
like "$(tty tty)" "^\(0, '/dev/pts/[0-9]+" "the terminal is the caller's"
is "$(tty group)" "(0, 'True True\nready\n')" "process group and session are the caller's"
like "$(tty intr)" 'got 1' "one Ctrl-C arrives once"
like "$(tty intr --pidns)" 'got 1' "also through --pidns"
for flags in '' --pidns; do
  rm -f "$T/hangup"
  # shellcheck disable=SC2086 # words
  is "$(tty hangup $flags)" "1" "${flags:-no flag}: a terminal that hangs up: the command gets SIGHUP from a session leader"
done
out=$(tty stop)
like "$out" 'Stopped' "Ctrl-Z: the shell sees its job stopped"
like "$out" 'read word' "fg: it goes on"

cat > "$T/activate.py" <<'E'
# systemd's protocol (sd_listen_fds): n sockets from fd 3, LISTEN_PID our own pid after the exec
import os, socket, sys
n = int(sys.argv[1]); pid = sys.argv[2]
socks = [socket.socket() for _ in range(n)]
for s in socks: s.bind(('127.0.0.1', 0)); s.listen()
tmp = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(socks)]
for i in range(n): os.dup2(100 + i, 3 + i, inheritable=True); os.close(100 + i)
os.environ.update(LISTEN_FDS=str(n), LISTEN_PID=str(os.getpid()) if pid == 'self' else pid, LISTEN_FDNAMES=':'.join('s%d' % i for i in range(n)))
os.execvp(sys.argv[3], sys.argv[3:])
E
check='import os, socket
n = int(os.environ["LISTEN_FDS"])
print(os.environ["LISTEN_PID"] == str(os.getpid()), os.environ["LISTEN_FDNAMES"], all(socket.socket(fileno=3 + i).getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for i in range(n)))'
for n in 1 2 3; do
  for flags in '' --pidns '--net=none --port-driver=builtin'; do
    # shellcheck disable=SC2086 # words
    run python3 "$T/activate.py" $n self rootlesskit $flags python3 -c "$check"
    is "$rc $out" "0 True $(seq -s : -f 's%g' 0 $((n - 1))) True" \
      "$flags $n sockets reach the command, which is LISTEN_PID"
  done
done
for flags in '' --pidns; do
  # shellcheck disable=SC2086 # words
  run env LISTEN_PIDFDID=7 python3 "$T/activate.py" 1 self rootlesskit $flags sh -c 'echo "${LISTEN_PIDFDID-unset}"'
  is "$out" unset "$flags the pidfd of another process is not the command's"
done
run env LISTEN_PIDFDID=7 python3 "$T/activate.py" 1 1 rootlesskit sh -c 'echo "$LISTEN_PIDFDID"'
is "$out" 7 "somebody else's LISTEN_PIDFDID is left alone"
run python3 "$T/activate.py" 1 1 rootlesskit sh -c 'echo "$LISTEN_PID $LISTEN_FDS"'
is "$out" "1 1" "somebody else's LISTEN_PID is left alone"
done_testing
