#!/bin/sh
# containerd the way nerdctl's containerd-rootless.sh starts it (compat/callers section 2); nerdctl.root.t runs that
# script itself
. "${RK_TEST_LIB:-tests/lib.sh}"
need containerd ctr slirp4netns busybox python3 nsenter
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
docker_archive "$T/image.tar" "$H/archive.tar"
cat > "$H/script" <<'E'
set -e
rm -f /run/containerd /run/nri /run/xtables.lock /var/lib/containerd /var/lib/cni /etc/containerd
if [ -L /etc/ssl ]; then real=$(realpath /etc/ssl); rm -f /etc/ssl; mkdir /etc/ssl; mount --rbind "$real" /etc/ssl; fi
for d in run/containerd var/lib/containerd etc/containerd; do
  mkdir -p "$HOME/c/$d" "/$d"; mount --bind "$HOME/c/$d" "/$d"
done
exec containerd -l error
E
S=$H/x/s
rootless_help=$(rootlesskit --help)
ok "the script's question: --detach-netns is known" sh -c 'printf "%s" "$1" | grep -qw -- --detach-netns' - \
  "$rootless_help"
run engine rootlesskit --disable-host-loopback --copy-up=/etc --copy-up=/run --copy-up=/var/lib true; is "$rc" 0 \
  "the set-up tool's check"
spawn_engine rootlesskit --state-dir="$S" --net=slirp4netns --mtu=65520 --slirp4netns-sandbox=auto \
  --slirp4netns-seccomp=auto --disable-host-loopback \
  --port-driver=builtin --copy-up=/etc --copy-up=/run --copy-up=/var/lib --propagation=rslave --pidns sh "$H/script"; \
  p=$pid
wait_until test -e "$S/child_pid"; child=$(cat "$S/child_pid")
ok "containerd listens, seen through /proc/PID/root" wait_until test -S \
  "/proc/$child/root/run/containerd/containerd.sock" || { diag "$(tail -n 5 "$T/spawn.$p.err")"; bail "no containerd"; }
in_it() { engine timeout 60 nsenter -w/ --preserve-credentials -m -U -n -p -t "$child" "$@" < /dev/null; }
run in_it ctr image import --snapshotter native "$H/archive.tar"; is "$rc" 0 "ctr image import" || diag "$err"
run in_it ctr run --rm --cgroup "" --cpu-shares 0 --snapshotter native docker.io/library/bb:latest c1 sh -c \
  'echo hi; id -u'
is "$rc $out" "0 hi
0" "ctr run" || diag "$err"
is "$(engine rootlesskit --version)" "rootlesskit version 3.3.0" "the version is a dotted number"
kill -TERM "$p"; ok "SIGTERM ends it" wait_gone "$p"; wait "$p"
is "$?" 0 "with containerd's status"
not_ok "and the state directory is gone" test -e "$S"
done_testing
