#!/bin/sh
# rk-listen: ports of the host, bound before the network namespace is made; what the program is told, who may get the
# sockets, and what is refused
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
changes rk-listen 127.0.0.1:8080:80/tcp
is "$changed" \
  "env.LISTEN_FDNAMES env.LISTEN_FDS env.LISTEN_PID env.RK_LISTEN_FDS env.RK_LISTEN_OPEN fd.3 fdflags.3" \
  "what it changes: one fd, and the environment"
is "$(attr env.LISTEN_FDS) $(attr env.LISTEN_FDNAMES)" "1 80" "how many, and their names"
# what a program sees: its sockets' numbers, families, addresses, states, and whether LISTEN_PID is its own
cat > "$T/see.py" <<'E2'
import fcntl
import os
import socket
told = os.environ
out = [told[k] for k in ("LISTEN_FDS", "LISTEN_FDNAMES", "NGINX", "S6_FD#") if k in told]
if "LISTEN_PID" in told:
    out.append("own" if told["LISTEN_PID"] == str(os.getpid()) else "another's")
for fd in [0] + list(range(3, 9)):
    try:
        s = socket.socket(fileno=fcntl.fcntl(fd, fcntl.F_DUPFD, 100))
    except OSError:
        continue
    kind = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}[s.type]
    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        kind += " listens"
    if s.family == socket.AF_INET6 and not s.getsockopt(41, 26):
        kind += " on both"
    name = s.getsockname()
    out.append("%d:%s:%d %s%s" % (fd, name[0], name[1], kind, "" if os.get_blocking(fd) else " nonblocking"))
print(*out, sep=", ")
E2
see() { # ARGUMENTS of rk-listen
  run rk-listen "$@" python3 "$T/see.py"
}
see 127.0.0.1:8080:80/tcp '[::1]:8081:81/tcp' 8082:82/tcp 8083:83/tcp4 8084:84/tcp6
is "$out" "5, 80:81:82:83:84, own, 3:127.0.0.1:8080 tcp listens, 4:::1:8081 tcp listens, \
5::::8082 tcp listens on both, 6:0.0.0.0:8083 tcp listens, 7::::8084 tcp listens" \
  "addresses and families, as in a port file"
see :8080-8082:80-82/tcp4
is "$out" "3, 80:81:82, own, 3:0.0.0.0:8080 tcp listens, 4:0.0.0.0:8081 tcp listens, 5:0.0.0.0:8082 tcp listens" \
  "a range"
see -u 127.0.0.1:8080:80/udp
is "$out" "1, 80, own, 3:127.0.0.1:8080 udp" "-u: UDP"
see -e nginx :8080-8081:80-81/tcp4
is "$out" "3;4;, 3:0.0.0.0:8080 tcp listens, 4:0.0.0.0:8081 tcp listens" "-e nginx"
see -e s6 -e listen :8080:80/tcp4
is "$out" "1, 80, 1, own, 3:0.0.0.0:8080 tcp listens" "-e s6 and -e listen together"
run rk-listen -e s6 :8080-8081:80-81/tcp4 env
is "$(printf '%s\n' "$out" | grep '^S6' | sort)" "S6_FD#=2
S6_FDID_0=80
S6_FDID_1=81
S6_FD_0=3
S6_FD_1=4" "-e s6: the variables of s6-fdholder-getdump"
see -e stdin :8080:80/tcp4
is "$out" "0:0.0.0.0:8080 tcp listens" "-e stdin"
see :8080:80/tcp4 --
is "$rc/${out%%,*}" "0/1" "-- ends the specs"

wrong() { # CODE TEXT ARGUMENTS...
  wrong_code=$1 wrong_text=$2
  shift 2
  run rk-listen "$@"
  is "$rc/$err" "$wrong_code/rk-listen: fatal: $wrong_text" "$*"
}
for n in 8080/tcp 80 :80 :0:80/tcp; do
  wrong 100 "$n: no port of the host: [ADDRESS:]PORT:NUMBER[/tcp]" "$n" true
done
wrong 100 '127.0.0.1:8080:unix:/x: rk-listen makes no unix sockets' 127.0.0.1:8080:unix:/x true
wrong 100 ':80:10.0.2.100:80/tcp: an address inside means nothing to rk-listen: leave it out' \
  :80:10.0.2.100:80/tcp true
wrong 100 ':80:80/sctp: not supported: sctp' :80:80/sctp true
wrong 100 ':8080:80/udp: a UDP socket of the host can send to every address that the host can reach, its loopback '\
'too, and rk-confine cannot prevent that: publish the port by rk-portd, or give -u' :8080:80/udp true
wrong 100 'unknown form: -e takes listen, nginx, s6 or stdin' -e systemd :8080:80/tcp true
wrong 100 '-e stdin is for one port' -e stdin :8080-8081:80-81/tcp true
wrong 100 '-e stdin excludes other forms' -e stdin -e nginx :8080:80/tcp true
wrong 100 'too many ports: 1024 at most' :8000-9024:8000-9024/tcp true
wrong 100 'listen tcp4: address ::1: no suitable address found' '[::1]:8080:80/tcp4' true
# the kernel's words are musl's or glibc's
run rk-listen 192.0.2.77:8080:80/tcp true
like "$rc/$err" '^111/rk-listen: fatal: unable to listen on port 8080 of 192.0.2.77:8080:80/tcp: .*[Aa]ddress' \
  "not the host's address"
run rk-listen :8080-8081:80-81/tcp :8081:81/tcp true
like "$rc/$err" '^111/rk-listen: fatal: unable to listen on port 8081 of :8081:81/tcp: Address .*in use' "a port in use"
wrong 127 "unable to exec /nowhere: No such file or directory" :8080:80/tcp /nowhere
wrong 100 'rk-listen stands twice in this chain: give one all specs' :8080:80/tcp rk-listen :8081:81/tcp true
usage='rk-listen: usage: rk-listen [ -e form ]... [ -u ] [ -k ] spec... prog...'
wrong 100 "no program given
$usage" :8080:80/tcp
wrong 100 "no program given
$usage" :8080:80/tcp --
wrong 100 "no spec given: cat begins with no digit, [ or :
$usage" cat file
run rk-listen :8080:80/tcp true 3< /dev/null
is "$rc/$err" "100/rk-listen: fatal: fd 3 is in use: the sockets are at 3 and the next ones, so close it, \
or move it above them" "fd 3 is taken"
run rk-listen 127.0.0.1:1:80/tcp true
is "$rc/$err" "102/rk-listen: fatal: unable to listen on port 1 of 127.0.0.1:1:80/tcp: only root may bind it
rk-listen: info: N11: sysctl -w net.ipv4.ip_unprivileged_port_start=1, or choose a port above" "a port of root's"

# the chain: the client's own address, no other process, the port closed with the program
cat > "$T/serve.py" <<'E2'
import os
import socket
s = socket.socket(fileno=3)
for _ in range(2):
    c, peer = s.accept()
    c.sendall(("%s %s" % (peer[0], os.getuid())).encode())
    c.close()
E2
cat > "$T/ask.py" <<'E2'
import socket
import sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(c.recv(100).decode(), c.getsockname()[0])
E2
serve() { # LINKS of the chain, before and after rk-net
  spawn "$@" python3 "$T/serve.py"
  wait_until python3 "$T/ask.py" 8080 # the queue takes it as soon as the port is bound
  run python3 "$T/ask.py" 8080
  wait_gone "$pid"
}
serve rk-listen 127.0.0.1:8080:80/tcp rk-userns rk-idmap rk-net -d none rk-confine
is "$rc/$out" "0/127.0.0.1 0 127.0.0.1" "a chain without a network serves, and sees the client's address"
run python3 "$T/ask.py" 8080
like "$err" ConnectionRefused "the port is closed when the program has ended"
serve rk-state "$T/state" rk-userns rk-idmap rk-copyup /etc rk-listen 127.0.0.1:8080:80/tcp rk-net -d none rk-confine
is "$rc/$out" "0/127.0.0.1 0 127.0.0.1" "rk-listen inside, before rk-net"
serve rk-listen 127.0.0.1:8080:80/tcp rk-run --net=none --state-dir="$T/run" rk-confine
is "$rc/$out" "0/127.0.0.1 0 127.0.0.1" "through rk-run"
for links in '' 'rk-pidns' 'rk-unshare -uic rk-pidns'; do
  # shellcheck disable=SC2086 # words
  run rk-listen 127.0.0.1:8080:80/tcp rk-userns rk-idmap rk-net -d none $links rk-confine python3 "$T/see.py"
  is "$out" "1, 80, own, 3:127.0.0.1:8080 tcp listens" "the program is told: $links"
done
run rk-listen 127.0.0.1:8080:80/tcp rk-userns rk-idmap rk-net -d none rk-confine env
is "$(printf '%s\n' "$out" | grep -c '^RK_LISTEN')" 0 "and of no variable that is for links"

# unconfined: refused at every end of a chain
refuses() { # PROGRAM LINKS...
  refuses_prog=$1
  shift
  run rk-listen 127.0.0.1:8080:80/tcp "$@"
  is "$rc/${err#*: }" \
    "100/fatal: put rk-confine before $refuses_prog: it gets sockets of the host (or give rk-listen -u)" \
    "unconfined: $*"
}
refuses cat rk-userns rk-idmap cat
refuses cat rk-userns rk-idmap rk-net -d none cat
refuses cat rk-userns rk-idmap rk-net -d none rk-pidns cat
refuses rk-hold rk-userns rk-idmap rk-net -d none rk-hold
refuses cat rk-userns rk-idmap rk-net -d none rk-gate 1 0 cat
run rk-listen 127.0.0.1:8080:80/tcp rk-run --net=none --state-dir="$T/run" cat
like "$rc/$err" '^1/rk-gate: fatal: put rk-confine before cat: ' "unconfined: rk-run"
run rk-listen -u 127.0.0.1:8080:80/udp 127.0.0.1:8081:81/tcp rk-userns rk-idmap rk-net -d none rk-confine true
is "$rc/$err" "0/rk-confine: warning: inherited sockets of another network that are not of TCP are not confined: fd 3" \
  "rk-confine names the socket that it does not confine: UDP"
cat > "$T/mptcp.py" <<'E2'
import os
import socket
import sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
s.bind(("127.0.0.1", 0))
s.listen()
os.dup2(s.fileno(), 7)
os.execvp(sys.argv[1], sys.argv[1:])
E2
run python3 "$T/mptcp.py" rk-userns rk-idmap rk-net -d none -f 7 rk-confine true
case $err in
  *'Protocol not'*) skip 1 "this kernel has no MPTCP" ;;
  *) is "$rc/${err##* }" "0/7" "MPTCP" ;;
esac
run rk-listen -u 127.0.0.1:8080:80/tcp rk-userns rk-idmap rk-net -d none python3 "$T/see.py"
is "$rc/$out" "0/1, 80, own, 3:127.0.0.1:8080 tcp listens" "-u: the program gets them"

# exactly these sockets
cat > "$T/with.py" <<'E2'
"""argv with one more socket of the host, at the fd that it names, or there in place of what rk-listen made."""
import os
import socket
import sys
other = socket.socket()
os.dup2(other.fileno(), int(sys.argv[1]))
os.set_inheritable(int(sys.argv[1]), True)
os.execvp(sys.argv[2], sys.argv[2:])
E2
run python3 "$T/with.py" 7 rk-listen -u 127.0.0.1:8080:80/tcp rk-userns rk-idmap rk-net -d none true
like "$err" '^rk-net: fatal: inherited fd 7 is an inet socket' "rk-net refuses another socket beside them"
run rk-listen -u 127.0.0.1:8080:80/tcp python3 "$T/with.py" 3 rk-userns rk-idmap rk-net -d none true
like "$err" '^rk-net: fatal: inherited fd 3 is an inet socket' "and another one in the place of one of them"
for list in 3 3: 3:0 x '' '3:1,'; do
  run env RK_LISTEN_FDS="$list" python3 "$T/with.py" 3 rk-userns rk-idmap rk-net -d none true
  is "$rc" 100 "a list that is none: '$list'"
done
done_testing
