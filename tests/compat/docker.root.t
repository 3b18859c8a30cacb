#!/bin/sh
# rootless Docker: the distribution's dockerd-rootless.sh, as it is, over rk's rootlesskit
. "${RK_TEST_LIB:-tests/lib.sh}"
need dockerd slirp4netns curl python3 iptables
script=/usr/share/docker.io/contrib/dockerd-rootless.sh
[ -x $script ] || skip_all "no dockerd-rootless.sh of Debian's docker.io on this machine"
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
S=$H/x/s P=21000
cli=/usr/bin/docker
docker() { engine env DOCKER_HOST="unix://$H/x/docker.sock" timeout 60 $cli "$@" < /dev/null; }
up() { # ROOTLESSKIT-FLAGS DOCKERD-ARGS...
  f=$1; shift
  spawn_engine env DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS="--state-dir=$S $f" $script --log-level=error "$@"; p=$pid
  wait_until sh -c '! kill -0 "$1" || curl -s --unix-socket "$2/x/docker.sock" http://d/_ping' - "$p" "$H"
  kill -0 "$p" && curl -s --unix-socket "$H/x/docker.sock" http://d/_ping > /dev/null ||
    { diag "$(grep -v '^+' "$T/spawn.$p.err" | tail -n 8)"; bail "dockerd does not start"; }
}
down() {
  kill -TERM "$p"; wait_gone "$p" || fail "dockerd ends" "$(tail -n 5 "$T/spawn.$p.err")"
  wait "$p"; is $? 0 "SIGTERM ends it with status 0"
  not_ok "the state directory is gone" test -e "$S"
}
ok "it starts" up ""
like "$(engine rootlessctl --socket "$S/api.sock" info)" "^- Network Driver: slirp4netns" "the API is there"
docker import "$T/image.tar" bb > /dev/null
is "$(docker run --rm bb echo hi)" hi "docker run"
like "$(docker run --rm bb id)" "uid=0" "root in it"
is "$(docker run --rm bb sh -c 'exit 7'; echo $?)" 7 "its status"
mkdir "$H/vol"; echo outside > "$H/vol/in"; chown -R "$RK_TEST_USER" "$H/vol"
is "$(docker run --rm -v "$H/vol:/data" bb sh -c 'cat /data/in; echo inside > /data/out')" outside "a volume is read"
is "$(cat "$H/vol/out") $(stat -c %U "$H/vol/out")" "inside $RK_TEST_USER" "and written, as the user"
docker run -d --name w1 -p $P:80 bb httpd -f -p 80 -h /www > /dev/null
docker run -d --name w2 -p 127.0.0.1:$((P + 1)):80/tcp -p $((P + 2)):53/udp bb sh -c \
  'rk-t-echo udp 53 & httpd -f -p 80 -h /www' > /dev/null
get() { curl -sS --max-time 5 "http://$1/index.html"; }
ok "TCP: published on every address" wait_until get 127.0.0.1:$P
is "$(get "[::1]:$P")" hello "IPv6 too"
is "$(get 192.0.2.1:$P)" hello "by an address of the host"
is "$(peer curl -sS --max-time 5 http://192.0.2.1:$P/index.html)" hello "from elsewhere"
is "$(get 127.0.0.1:$((P + 1)))" hello "on one address"
is "$(peer curl -s --max-time 5 http://192.0.2.1:$((P + 1))/index.html; echo $?)" 7 "and on no other"
udp() { python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
for i in range(5):
    s.sendto(b"ping", (sys.argv[1], int(sys.argv[2])))
    try: print(s.recv(100).decode().split()[2]); break
    except OSError: pass' "$@"; }
is "$(udp 127.0.0.1 $((P + 2)))" ping "UDP"
is "$(docker ps -q | wc -l)" 2 "several containers"
is "$(engine rootlessctl --socket "$S/api.sock" list-ports --json | wc -l)" 5 "the API lists their ports"
run docker run --rm -p $P:81 bb true; like "$err" "address already in use|port is already allocated" \
  "a port in use: the reason reaches the user"
docker stop -t 0 w1 > /dev/null
is "$(get 127.0.0.1:$P 2> /dev/null; echo $?)" 7 "docker stop withdraws the port"
kill -HUP "$p"; docker info > /dev/null 2>&1
ok "SIGHUP reaches dockerd and does not end it" kill -0 "$p"
docker start w1 > /dev/null; ok "docker start publishes again" wait_until get 127.0.0.1:$P
docker rm -f w2 > /dev/null
down
not_ok "the port is closed" get 127.0.0.1:$P 2> /dev/null
ok "the daemon starts again, with a pid namespace" up "--pidns"
docker start w1 > /dev/null; ok "with its containers" wait_until get 127.0.0.1:$P
child=$(cat "$S/child_pid")
is "$(engine nsenter -U --preserve-credentials -m -n -t "$child" cat /etc/resolv.conf)" "nameserver 10.0.2.3" \
  "nsenter into child_pid"
is "$(tr '\0' '\n' < "/proc/$child/environ" | grep -c ^ROOTLESSKIT_)" 3 "its environment has the three variables"
kill -KILL "$p"; ok "kill -9 of rootlesskit takes all along" wait_gone "$child"
rm -rf "$H/x/docker.pid" "$H/x/docker" # name pids of the namespace that is gone; dockerd takes them for its own kind
ok "it starts after that" up ""
down
ok "--detach-netns" up "--detach-netns" --bridge=none --iptables=false --ip-forward=false
is "$(stat -c %F "$S/netns")" "regular empty file" "netns is a plain file outside"
docker run -d --name w3 --net=none bb sleep 1000 > /dev/null
is "$(docker exec w3 ip -o link | wc -l)" 1 "a container (Docker 20.10 knows only --net=none there)"
docker rm -f w3 > /dev/null; is "$(docker ps -q)" "" "and its end"
down
done_testing
