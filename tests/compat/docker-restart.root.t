#!/bin/sh
# dockerd is killed and started again inside one chain, with --live-restore: containers and their ports are there again
. "${RK_TEST_LIB:-tests/lib.sh}"
need dockerd slirp4netns curl python3 iptables
script=/usr/share/docker.io/contrib/dockerd-rootless.sh
[ -x $script ] || skip_all "no dockerd-rootless.sh of Debian's docker.io on this machine"
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
S=$H/x/s P=21200
docker() { engine env DOCKER_HOST="unix://$H/x/docker.sock" timeout 60 /usr/bin/docker "$@" < /dev/null; }
# the script executes the first dockerd in PATH: here one that starts the real one twice
mkdir "$H/bin"
cat > "$H/bin/dockerd" <<E
#!/bin/sh
for i in 1 2; do
  $(command -v dockerd) "\$@" &
  echo \$! > "$H/x/dockerd.\$i"
  wait \$!
done
exec rk-t-hold
E
chmod 755 "$H/bin/dockerd"
spawn_engine env PATH="$H/bin:$PATH" DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS="--state-dir=$S" $script --log-level=error \
  --live-restore; p=$pid
ping() { curl -s --unix-socket "$H/x/docker.sock" http://d/_ping | grep -q OK; }
ok "it starts" wait_until ping || bail "$(grep -v '^+' "$T/spawn.$p.err" | tail -n 8)"
docker import "$T/image.tar" bb > /dev/null
docker run -d --name w1 -p $P:80 bb httpd -f -p 80 -h /www > /dev/null
get() { curl -sS --max-time 5 http://127.0.0.1:$P/index.html 2> /dev/null; }
ok "a port is published" wait_until get
first=$(as_user rk-enter "$S" cat "$H/x/dockerd.1") # its own /run
kill -KILL "$first"; wait_gone "$first"
again() { second=$(as_user rk-enter "$S" cat "$H/x/dockerd.2" 2> "$T/err") && [ -n "$second" ] && ping; }
ok "dockerd is killed, and another one is there" wait_until again
is "$(docker ps --format '{{.Names}} {{.Ports}}' | sed 's/, .*//')" "w1 0.0.0.0:$P->80/tcp" "with the container"
ok "whose port is published again" wait_until get
is "$(docker run --rm -p $P:81 bb true 2>&1 | grep -c 'already in use\|already allocated')" 1 \
  "it is its own: a second one is refused"
docker rm -f w1 > /dev/null
is "$(engine rootlessctl --socket "$S/api.sock" list-ports --json)" "" "removed with it, the port is gone"
ok "and free" docker run -d --name w2 -p $P:80 bb httpd -f -p 80 -h /www
ok "for the next" wait_until get
docker rm -f w2 > /dev/null
kill -TERM "$second"; wait_gone "$second"
kill -TERM "$p"; wait_gone "$p"
done_testing
