#!/bin/sh
# a network of its own: a web server as root, fetched from inside; the host's loopback is closed; the driver killed
# comes back
set -eu
show() { printf '\n$ %s\n' "$*"; "$@"; }
check() { name=$1; shift; if "$@"; then echo "ok: $name"; else echo "NOT OK: $name"; exit 1; fi; }
S=$PWD/state

mkdir www
echo "Hello from the inside" > www/index.html
echo "A secret of the host's loopback" > secret
python3 -u -m http.server -b 127.0.0.1 0 > host.log 2>&1 & host=$!
trap 'kill $host ${chain:-} 2>/dev/null || :; wait' EXIT
until port=$(sed -n 's/^Serving HTTP on .* port \([0-9]*\) .*/\1/p' host.log) && [ -n "$port" ]; do sleep 0.05; done
check "the host has a server on 127.0.0.1:$port" sh -c "curl -s http://127.0.0.1:$port/secret | grep -q secret"

printf '\n$ rk-state state rk-userns rk-idmap rk-copyup /etc:/run rk-net -n slirp4netns \\\n'
printf '    python3 -m http.server -d www 80 &\n'
rk-state "$S" rk-userns rk-idmap rk-copyup /etc:/run rk-net -n slirp4netns \
  python3 -u -m http.server -d www 80 > web.log 2>&1 &
chain=$!
until grep -q '^Serving' web.log; do sleep 0.05; done
(cd state/net && show head -n 20 -- *)
show rk-enter "$S" ip -brief addr
show rk-enter "$S" cat /etc/resolv.conf
show rk-enter "$S" curl -sS http://10.0.2.100/
check "root inside has port 80; the pid is the one that was started" test "$(cat state/child_pid)" = "$chain"
check "the host's loopback is out of reach at the gateway" \
  sh -c "! rk-enter $S curl -s -m 3 http://10.0.2.2:$port/secret"
check "and at 127.0.0.1" sh -c "! rk-enter $S curl -s -m 3 http://127.0.0.1:$port/secret"

for i in 1 2 3; do
  d=''
  until [ -n "$d" ]; do # the user may run others: ours is a child of this directory's rk-outside
    for o in $(pgrep -u "$(id -u)" -fx "rk-outside $S"); do d=$(pgrep -P "$o" -x slirp4netns || :); done
  done
  kill -KILL "$d"; echo "killed slirp4netns, pid $d"
  until rk-enter "$S" ping -c 1 -W 1 10.0.2.2 > /dev/null 2>&1 || rk-enter "$S" python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(1)
s.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1), ("10.0.2.2", 0)); s.recv(64)' 2> /dev/null; do sleep 0.05; done
  until grep -qx up state/net/status; do sleep 0.05; done
  echo "ok: another one has taken its place, $i"
done
show grep driver web.log
kill "$chain"; wait "$chain" 2>/dev/null || :
until [ ! -e state ]; do sleep 0.05; done
check "nothing is left of it" test ! -e state
