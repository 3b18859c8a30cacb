#!/bin/sh
# rootlesskit: every check of RootlessKit, in its words, before anything is made (compat sections 3.1, 3.2)
. "${RK_TEST_LIB:-tests/lib.sh}"
export TMPDIR="$T/tmp"; mkdir "$TMPDIR"
D=$T/state
fails() { # ERROR FLAGS...
  want=$1; shift
  run rootlesskit --state-dir="$D" "$@" true
  is "$rc $(printf '%s\n' "$err" | tail -n 1)" "1 [rootlesskit:parent] error: $want" "$want"
  ! test -e "$D" || fail "nothing is made" "$D"
}
warns() { # WARNING FLAGS... (which end in an error: nothing is run)
  want=$1; shift
  run rootlesskit "$@" --reaper=x true
  like "$err" "^\[rootlesskit:parent\] warning: $want" "warning: $want"
}
fails 'evacuate-cgroup2 requires --cgroupns' --evacuate-cgroup2=a
fails 'evacuate-cgroup2 requires --pidns' --evacuate-cgroup2=a --cgroupns
fails 'unexpected evacuation group name "a/b": must not contain "/"' --evacuate-cgroup2=a/b --cgroupns --pidns
fails 'mtu must be <= 65521, got 65522' --mtu=65522
fails 'mtu must be <= 65521, got -1' --mtu=-1
fails 'invalid CIDR address: x' --cidr=x
fails 'invalid CIDR address: 10.0.2.0/33' --cidr=10.0.2.0/33
fails 'invalid CIDR address: 10.0.02.0/24' --cidr=10.0.02.0/24
fails 'cidr must be like 10.0.2.0/24, not like 10.0.2.100/24' --net=slirp4netns --cidr=10.0.2.100/24
fails 'ifname must not contain "/"' --ifname=a/b
fails 'unknown network mode: x' --net=x
for n in host none; do
  fails "custom cidr is not supported for --net=$n" --net=$n --cidr=10.0.3.0/24
  fails "ifname cannot be specified for --net=$n" --net=$n --ifname=a
done
fails 'network "none" requires either port driver "none" or "builtin"' --net=none --port-driver=slirp4netns
fails 'network "pasta" requires port driver "none" or "implicit" or "pesto"' --net=pasta --port-driver=builtin
fails 'exec: "nonesuch": executable file not found in $PATH' --net=pasta --pasta-binary=nonesuch
fails 'exec: "/nonesuch": stat /nonesuch: no such file or directory' --net=slirp4netns --slirp4netns-binary=/nonesuch
fails 'exec: "/tmp": is a directory' --net=slirp4netns --slirp4netns-binary=/tmp
fails 'slirp4netns seems older than v0.4.0' --net=slirp4netns --slirp4netns-binary=true
fails "command [$(which false) --help] failed: exit status 1" --net=slirp4netns --slirp4netns-binary=false
fails 'unsupported slirp4netns-sandbox mode: "x"' --net=slirp4netns --slirp4netns-sandbox=x
fails 'unsupported slirp4netns-seccomp mode: "x"' --net=slirp4netns --slirp4netns-seccomp=x
fails '--slirp4netns-sandbox conflicts with --detach-netns (https://github.com/rootless-containers/slirp4netns/issues/317)' \
  --net=slirp4netns --slirp4netns-sandbox=true --detach-netns
fails 'exec: "nonesuch": executable file not found in $PATH' --net=vpnkit --vpnkit-binary=nonesuch
fails 'custom cidr is not supported for --net=vpnkit' --net=vpnkit --cidr=10.0.3.0/24
mkdir "$T/none" "$T/one"; ln -s "$(which true)" "$T/one/slirp4netns"
lacking() { # DIR ARGUMENT...: rootlesskit where that directory is all of PATH
  path=$1; shift
  run env PATH="$path" "$(command -v rootlesskit)" "$@" --reaper=x true
}
lacking "$T/none" --net=gvisor-tap-vsock
like "$err" "error: --net=gvisor-tap-vsock needs gvproxy in .PATH" "no gvproxy, and nothing in its place"
lacking "$T/one" --net=gvisor-tap-vsock --disable-host-loopback
is "$(printf '%s\n' "$err" | sed 1d)" \
  "[rootlesskit:parent] warning: gvproxy, which --net=gvisor-tap-vsock needs, is not in \$PATH: slirp4netns \
takes its place
[rootlesskit:parent] error: unknown reaper mode: x" "slirp4netns in its place, with a warning"
like "$(rk-run --print=sh --net=vpnkit --vpnkit-binary="$(which true)" --disable-host-loopback true 2>/dev/null)" \
  'RK_DRIVER_PROGRAM=/' "--vpnkit-binary"
warns 'vpnkit is known to have issues with non-1500 MTU' --net=vpnkit --vpnkit-binary=true --mtu=1400
fails 'custom cidr is not supported for --net=lxc-user-nic' --net=lxc-user-nic --cidr=10.0.3.0/24
fails 'exec: "/nonesuch": stat /nonesuch: no such file or directory' --net=lxc-user-nic --lxc-user-nic-binary=/nonesuch
fails 'port driver "none" does not support publishing ports' -p 127.0.0.1:1:1/tcp
fails 'port driver "implicit" requires --net=pasta' --port-driver=implicit
fails 'unknown port driver "pasta": did you mean "pesto"?' --port-driver=pasta
fails 'port driver "pesto" requires --net=pasta' --port-driver=pesto
fails 'exec: "nonesuch": executable file not found in $PATH' --net=pasta --port-driver=pesto --pesto-binary=nonesuch
fails 'unknown source-ip-transparent-backend: x' --net=none --port-driver=builtin --source-ip-transparent-backend=x
fails 'failed to expose port {tcp 127.0.0.1 8080 81 }: conflict with ID 1' --net=none --port-driver=builtin \
  -p 127.0.0.1:8080:80/tcp -p 127.0.0.1:8080:81/tcp
fails 'failed to expose port {tcp 127.0.0.2 8081 80 }: conflict with ID 2' --net=none --port-driver=builtin \
  -p 127.0.0.1:8081:80/tcp -p 127.0.0.2:8081:80/tcp -p 127.0.0.2:8081:80/tcp
fails 'port driver requires slirp4netns network' --port-driver=slirp4netns
fails 'port driver requires non-host network' --port-driver=builtin
fails 'unknown port driver: x' --port-driver=x
fails 'missing proto in PortSpec string: "8080"' --net=none --port-driver=builtin -p 8080
fails 'unknown reaper mode: x' --reaper=x
fails 'unknown copy-up mode: x' --copy-up-mode=x
fails 'propagation rshared does not support copy-up driver tmpfs+symlink' --copy-up=/etc --propagation=rshared
fails 'copy-up directory must be an absolute path, got "."' --copy-up=.
fails 'copy-up directory must be an absolute path, got ""' --copy-up=
fails 'failed to setup UID/GID map: failed to compute uid/gid map: unknown subid source "x"' --subid-source=x
warns 'unsupported mtu for --net=host: 1500' --mtu=1500
warns 'ipv6 is experimental' --ipv6
warns '--ipv6 is discarded for --net=none' --ipv6 --net=none
warns 'specifying --disable-host-loopback is highly recommended' --net=slirp4netns
warns '"pasta" network driver is experimental' --net=pasta
warns '"lxc-user-nic" network driver is experimental' --net=lxc-user-nic
warns '--disable-host-loopback is implicitly set for lxc-user-nic' --net=lxc-user-nic
warns '--slirp4netns-sandbox=true is not used' --net=slirp4netns --slirp4netns-sandbox=true
run rootlesskit --net=slirp4netns --slirp4netns-sandbox=auto --disable-host-loopback --reaper=x true
is "$err" "[rootlesskit:parent] error: unknown reaper mode: x" "sandbox=auto and a closed loopback are silent"
mkdir "$T/data"; echo precious > "$T/data/file"
run rootlesskit --state-dir="$T/data" true
is "$rc $(cat "$T/data/file")" "1 precious" "a directory with data is no state directory"
mkdir "$T/real" "$T/sub"
ln -s ../sub/../real "$T/sub/link"
ln -s sub/link "$T/link"
for again in 1 2; do # the second time the directory is gone
  run rootlesskit --state-dir="$T/link" sh -c 'echo $ROOTLESSKIT_STATE_DIR; ls "$0/child_pid"' "$T/link"
  is "$rc $out" "0 $(printf '%s\n%s' "$T/real" "$T/link/child_pid")" "a symbolic link is followed"
done
ln -s round "$T/round"
run rootlesskit --state-dir="$T/round" true
like "$rc $err" '^1 .*too many levels of symbolic links$' "but not without end"
run rootlesskit --print --state-dir="$T/link" true
like "$out" "^rk-state -r $T/real" "in print as well"
ln -s data "$T/precious"
run rootlesskit --state-dir="$T/precious" true
is "$rc $(cat "$T/data/file")" "1 precious" "data is no state directory by a link either"
run env -u XDG_RUNTIME_DIR TMPDIR="$T/sub" rootlesskit sh -c 'echo $ROOTLESSKIT_STATE_DIR'
like "$out" "^($T/sub/rk-|/run/user/)" "TMPDIR takes the place of /tmp"
mkdir "$T/copy"
cp "$(readlink -f "$(command -v rootlesskit)")" "$T/copy/rootlesskit"
run "$T/copy/rootlesskit" true
is "$rc $(printf '%s\n' "$err" | grep -c .)" "1 1" "a copy of rootlesskit alone fails with one line"
like "$err" "error: $T/copy/rk-state is missing: rootlesskit needs rk.s other programs beside it" \
  "which says what is missing"
is "$(ls -A "$TMPDIR")" "" "no check has left anything in TMPDIR"
done_testing
