#!/bin/sh
# nerdctl and its own containerd-rootless.sh, unmodified, under rootlesskit (compat/callers section 2): published ports
# behind CNI's DNAT, volumes, restart.
# It is the one in PATH, or what package/engines has built.
. "${RK_TEST_LIB:-tests/lib.sh}"
need containerd slirp4netns busybox python3 nsenter iptables runc
cache=$HOME/.cache/rk-nerdctl
if command -v nerdctl > /dev/null && command -v containerd-rootless.sh > /dev/null; then \
  from=$(dirname "$(command -v nerdctl)")
elif [ -e "$cache/version" ]; then from=$cache
else skip_all "no nerdctl here (package/engines nerdctl builds one where Go is)"; fi
for cni in /usr/lib/cni /usr/libexec/cni /opt/cni/bin; do [ ! -x "$cni/portmap" ] || break; done
[ -x "$cni/portmap" ] || skip_all "no CNI plugins on this machine"
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
docker_archive "$T/image.tar" "$H/archive.tar"
mkdir -m 755 "$H/bin" "$H/vol"; cp "$from/nerdctl" "$from/containerd-rootless.sh" "$H/bin/"; chmod 755 "$H/bin"/*; \
  chown "$RK_TEST_USER" "$H/vol"
e() { engine env PATH="$H/bin:$PATH" CNI_PATH="$cni" NETCONFPATH="$H/home/cni" timeout 60 "$@"; }
n() { run e nerdctl "$@"; }
cat > "$H/ask.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if sys.argv[1] == 'udp' else socket.SOCK_STREAM)
s.settimeout(4); s.connect((sys.argv[2], int(sys.argv[3]))); s.send(b'x'); print(s.recv(200).decode())
P
for driver in builtin slirp4netns; do
  S=$H/x/containerd-rootless
  spawn_engine env PATH="$H/bin:$PATH" CONTAINERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=$driver containerd-rootless.sh -l \
    error; p=$pid
  wait_until test -e "$S/child_pid"; child=$(cat "$S/child_pid")
  ok "containerd listens: $driver" wait_until test -S "/proc/$child/root/run/containerd/containerd.sock" ||
    { diag "$(tail -n 5 "$T/spawn.$p.err")"; bail "no containerd"; }
  [ "$driver" != builtin ] || { n load -i "$H/archive.tar"; is "$rc" 0 "nerdctl load" || diag "$err"; }
  if [ "$driver" = builtin ]; then
    n run -d --name web -p 22811:80 -p 22811:7/udp bb:latest sh -c 'rk-t-echo udp 7 & exec rk-t-echo tcp 80'; is "$rc" \
      0 "run -d -p" || diag "$err"
    # at once: the chain is younger than the 10 seconds in which a port waits for its server
    like "$(peer python3 "$H/ask.py" tcp 192.0.2.1 22811 2>&1)" '^192\.0\.2\.2 [0-9]+ x' \
      "TCP, with the client's own address"
    like "$(peer python3 "$H/ask.py" udp 192.0.2.1 22811 2>&1)" '^192\.0\.2\.2 [0-9]+ x' "UDP too"
    like "$(python3 "$H/ask.py" tcp 127.0.0.1 22811 2>&1)" '^10\.[0-9.]+ [0-9]+ x' "a client of the host"
    like "$(as_user rootlessctl --socket "$S/api.sock" list-ports | tr -s ' ')" '^1 tcp 0\.0\.0\.0 22811 22811' \
      "the API lists it"
    n exec web id -u; is "$rc $out" "0 0" "exec"
    n run --rm bb:latest sh -c 'cat /etc/resolv.conf; ip -o -4 addr show eth0'; like "$out" '^nameserver 10\.0\.2\.3$' \
      "another container: its resolv.conf"; like "$out" 'inet 10\.4\.0' "and its address on the bridge"
    n run --rm -v "$H/vol:/data" bb:latest sh -c 'echo kept > /data/file'; is "$rc $(cat "$H/vol/file")" "0 kept" \
      "a volume"
    n stop -t 0 web; is "$rc" 0 "stop" || diag "$err"
    n start web; is "$rc" 0 "start" || diag "$err"
    like "$(peer python3 "$H/ask.py" tcp 192.0.2.1 22811 2>&1)" '^192\.0\.2\.2 [0-9]+ x' "published again"
    n rm -f web; is "$rc" 0 "rm -f" || diag "$err"
    is "$(as_user rootlessctl --socket "$S/api.sock" list-ports --json)" "" "no port is left"
  else
    n run -d --name web -p 22811:80 bb:latest rk-t-echo tcp 80; is "$rc" 0 "run -d -p" || diag "$err"
    like "$(peer python3 "$H/ask.py" tcp 192.0.2.1 22811 2>&1)" '^[0-9.]+ [0-9]+ x' "the port is reached"
    n rm -f web; is "$rc" 0 "rm -f" || diag "$err"
  fi
  kill -TERM "$p"; ok "SIGTERM ends it" wait_gone "$p"; wait "$p"
  is "$?" 0 "with containerd's status"
  not_ok "and the state directory is gone" test -e "$S"
done
done_testing
