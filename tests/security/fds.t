#!/bin/sh
# What is handed in and leads outside (sockets of the host's network, directories) does not get into a chain unless it
# is asked for
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
cat > "$T/with.py" <<'E'
# with.py KIND FD CMD...: become CMD with a descriptor of that kind as FD, and no other above 2
import fcntl, os, socket, sys
S = socket.socket
kind, fd, cmd = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
keep = []
def tcp(family, address):
    s = S(family); s.bind((address, 0)); s.listen(); return s
def accepted():
    l = tcp(socket.AF_INET, '127.0.0.1'); c = S(); c.connect(l.getsockname()); keep.append(c); return l.accept()[0]
def udp():
    s = S(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); return s
def unix(type, listening):
    s = S(socket.AF_UNIX, type); s.bind('\0rk-fds-%d' % os.getpid())
    if listening: s.listen()
    return s
def pair(type):
    a, b = socket.socketpair(socket.AF_UNIX, type); keep.append(b); return a
made = {
    'tcp': lambda: tcp(socket.AF_INET, '127.0.0.1'),
    'tcp6': lambda: tcp(socket.AF_INET6, '::1'),
    'accepted': accepted,
    'fresh': S,
    'udp': udp,
    'netlink': lambda: S(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    'unix-listen': lambda: unix(socket.SOCK_STREAM, True),
    'unix-packet-listen': lambda: unix(socket.SOCK_SEQPACKET, True),
    'unix-bound': lambda: unix(socket.SOCK_STREAM, False),
    'unix-dgram': lambda: unix(socket.SOCK_DGRAM, False),
    'unix-dgram-pair': lambda: pair(socket.SOCK_DGRAM),
    'unix-pair': lambda: pair(socket.SOCK_STREAM),
    'unix-packet-pair': lambda: pair(socket.SOCK_SEQPACKET),
    'dir': lambda: os.open('/', os.O_RDONLY),
    'path': lambda: os.open('/', os.O_PATH),
    'file': lambda: os.open('/dev/null', os.O_RDWR),
    'path-file': lambda: os.open('/dev/null', os.O_PATH),
    'pipe': lambda: os.pipe()[0],
}[kind]()
high = fcntl.fcntl(made if isinstance(made, int) else made.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
os.dup2(high, fd, inheritable=True)
for k in keep: os.set_inheritable(k.fileno(), False)
os.execvp(cmd[0], cmd)
E
with() { python3 "$T/with.py" "$@"; }
refused() { # KIND FD TEXT LINK...: nothing of the chain is started
  refused_kind=$1 refused_fd=$2 refused_text=$3; shift 3
  rm -f "$T/ran"
  run with "$refused_kind" "$refused_fd" "$@" touch "$T/ran"
  is "$rc $(test -e "$T/ran" && echo ran)" "100 " "$refused_kind as $refused_fd: $*" || diag "$err"
  [ "$refused_fd" = 2 ] || like "$err" \
    "^rk-[a-z]*: fatal: inherited fd $refused_fd is $refused_text, .* -f $refused_fd\$" "and it is said"
}
passes() { # KIND FD LINK...
  passes_kind=$1 passes_fd=$2; shift 2
  run with "$passes_kind" "$passes_fd" "$@" sh -c "test -e /proc/self/fd/$passes_fd"
  is "$rc" 0 "$passes_kind as $passes_fd passes: $*" || diag "$err"
}
net="rk-userns rk-idmap rk-net -d none"
pidns="rk-userns rk-idmap rk-pidns"
# shellcheck disable=SC2086 # words
{
  for kind in tcp tcp6 accepted fresh udp; do
    refused $kind 3 'an inet socket' $net
  done
  refused netlink 3 'a socket that is neither inet nor unix' $net
  refused unix-bound 3 'an unconnected unix socket' $net
  refused unix-dgram 3 'a unix datagram socket' $net
  refused unix-dgram-pair 3 'a unix datagram socket' $net
  refused unix-pair 3 'a connected unix socket' $net
  refused unix-packet-pair 77 'a connected unix socket' $net
  for kind in dir path; do
    refused $kind 5 'a directory' $net
    refused $kind 5 'a directory' $pidns
    refused $kind 5 'a directory' rk-state "$T/st" rk-userns rk-idmap rk-net -d none -D
  done
  for kind in unix-listen unix-packet-listen file path-file pipe; do
    passes $kind 3 $net rk-pidns
  done
  for fd in 0 1 2; do
    passes unix-pair $fd $net rk-pidns
    passes unix-packet-pair $fd $net
    refused accepted $fd 'an inet socket' $net
    refused unix-dgram $fd 'a unix datagram socket' $net
    refused dir $fd 'a directory' $pidns
  done
  for kind in tcp udp unix-dgram unix-pair; do
    passes $kind 3 rk-userns rk-idmap rk-net -d none -f 3
    passes $kind 3 rk-userns rk-idmap rk-net -d none -f 7,3
    passes $kind 3 rk-userns rk-idmap rk-net -d none -f all
    passes $kind 3 $pidns
  done
  passes dir 3 rk-userns rk-idmap rk-net -f 3 -d none rk-pidns -f 3
  for list in '' x '3,' 3-5 -1; do
    run rk-userns rk-idmap rk-net -d none -f "$list" true; is "$rc" 100 "rk-net -f '$list' is no list"
    run rk-userns rk-idmap rk-pidns -f "$list" true; is "$rc" 100 "rk-pidns -f '$list' is no list"
  done
}
passes tcp 3 rk-state "$T/st2" rk-userns rk-idmap rk-net -d none -D
ok "a refused chain leaves no state directory" test ! -e "$T/st"
run rk-userns rk-idmap rk-net -d none sh -c 'ls -l /proc/self/fd | grep -c socket'
is "$out" 0 "the socket to rk-outside is neither refused nor handed on"

# into a running chain
mkfifo "$T/up"
rk-state "$T/held" rk-userns rk-idmap rk-net -d none rk-hold -d 3 3> "$T/up" & tap_pids="$tap_pids $!"
read -r line < "$T/up"
for kind in tcp udp dir unix-dgram unix-pair; do
  case $kind in dir) text='a directory' ;; unix-dgram) text='a unix datagram socket' ;; unix-pair) \
    text='a connected unix socket' ;; *) text='an inet socket' ;; esac
  refused $kind 3 "$text" rk-enter -s "$T/held"
  passes $kind 3 rk-enter -s "$T/held" -f 3
done
passes unix-listen 3 rk-enter -s "$T/held"
passes unix-pair 0 rk-enter -s "$T/held"
run rk-enter -s "$T/held" sh -c 'ls -l /proc/self/fd'
unlike "$out" 'socket|/proc/[0-9]+$|ns/' "rk-enter hands on no descriptor of its own" || diag "$out"

# several at once: one line with all of them
cat > "$T/many.py" <<'E'
import fcntl, os, socket, sys
s = socket.socket(); inet = fcntl.fcntl(s.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
for fd in 3, 6: os.dup2(inet, fd, inheritable=True)
os.dup2(os.open('/', os.O_RDONLY), 9, inheritable=True)
os.closerange(10, 100); os.closerange(4, 6); os.closerange(7, 9)
os.execvp(sys.argv[1], sys.argv[1:])
E
run python3 "$T/many.py" rk-userns rk-idmap rk-net -d none true
like "$err" 'fd 3 is an inet socket.* -f 3,6,9$' "all of them are named"

# why: a socket that is kept reaches the loopback outside
cat > "$T/reach.py" <<'E'
import os, socket, sys, threading
spare = os.open('/dev/null', os.O_RDONLY) # 3
secret = socket.socket(); secret.bind(('127.0.0.1', 0)); secret.listen()
def serve():
    while True: secret.accept()[0].sendall(b'loopback of the host')
handed = socket.socket(); handed.bind(('127.0.0.1', 0)); handed.listen()
port = str(secret.getsockname()[1])
pid = os.fork()
if not pid:
    os.dup2(handed.fileno(), 3, inheritable=True)
    os.execvp(sys.argv[1], sys.argv[1:] + [port])
threading.Thread(target=serve, daemon=True).start()
raise SystemExit(os.waitpid(pid, 0)[1] >> 8)
E
cat > "$T/turn.py" <<'E'
import socket, sys
try: s = socket.socket(fileno=3)
except OSError: raise SystemExit('no socket')
s.shutdown(2); s.connect(('127.0.0.1', int(sys.argv[1])))
print(s.recv(100).decode())
E
run python3 "$T/reach.py" rk-userns rk-idmap rk-net -d none -f 3 python3 "$T/turn.py"
is "$rc $out" "0 loopback of the host" "the reason: a listening socket that is kept turns to the loopback outside"
run python3 "$T/reach.py" rk-userns rk-idmap rk-net -d none python3 "$T/turn.py"
is "$rc $out" "100 " "unless it is asked for it is not there"

# rootlesskit keeps what LISTEN_FDS announces and 0, 1, 2, and says so; what leaked it does not hand on
cat > "$T/activate.py" <<'E'
import os, socket, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
os.dup2(s.fileno(), 110); os.dup2(os.open('/', os.O_RDONLY), 7, inheritable=True)
os.dup2(110, 3, inheritable=True); os.closerange(4, 7); os.closerange(8, 120)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
E
for flags in '--net=none' '--net=none --pidns' '--net=host' '--net=none --pidns --detach-netns'; do
  # shellcheck disable=SC2086 # words
  run python3 "$T/activate.py" rootlesskit --debug $flags sh -c \
    'test -S /proc/self/fd/3 && test ! -e /proc/self/fd/7 && echo right'
  is "$rc $out" "0 right" "rootlesskit $flags: the socket is kept, the directory is not" || diag "$err"
  like "$err" 'warning: fd 7, a directory, is not passed to the command' "which is said"
done
run python3 "$T/activate.py" rootlesskit --debug --net=none true
like "$err" 'debug: fd 3, an inet socket, is passed to the command' "what is kept is said with --debug"
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip 1 "this kernel's Landlock has no network part" ;;
  *) like "$err" 'debug: rk-confine before the command would keep it from connecting' "and what would confine it" ;;
esac
run python3 "$T/with.py" accepted 0 rootlesskit --net=none --pidns sh -c 'test -S /proc/self/fd/0'
is "$rc" 0 "rootlesskit keeps a connection on its standard input" || diag "$err"
done_testing
