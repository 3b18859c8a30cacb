#!/bin/sh
# rk-check: every id has one line, what a broken host is told by, where it runs, chains and ports
. "${RK_TEST_LIB:-tests/lib.sh}"
need jq setpriv unshare mandoc
ids=$(sed -n 's/^\.It Sy \\&\([A-Z][0-9]*\)$/\1/p' doc/rk-host-settings.7 | sort)
run as_user rk-check
is "$rc/$err" 0/ "this host is in order" || diag "$out"
is "$(printf '%s\n' "$out" | sed -n 's/^\(ok\|no\|lacks\|--\) \([A-Z][0-9]*\) .*/\2/p' | sort)" "$ids" \
  "one line for each id of the page"
run as_user rk-check -j
is "$(printf '%s\n' "$out" | jq -r 'select(.id) | .id' | sort)" "$ids" "-j: one object for each"
package/settings "$T/page.c"
ok "explain says what the page says" cmp "$T/page.c" src/rk-check/page.c
# shellcheck disable=SC2086 # words
run as_user rk-check explain $ids
is "$rc $(printf '%s\n' "$out" | grep -c '^Fix: ')" "0 $(printf '%s\n' "$ids" | wc -l)" "explain knows all"
is "$(rk-check -j explain D2 | jq -r .section)" "Devices and file systems" "explain -j"

# A broken host, in namespaces of this test's own.
broken() { # VERDICT ID TEXT SETUP: a script of root's, in which `check` is rk-check as the user
  verdict=$1 id=$2 text=$3
  # shellcheck disable=SC2016
  run unshare -m -n sh -c 'check() { as_user "$@" rk-check; }; eval "$1"' - "$4"
  want=0
  [ "$verdict" != no ] || want=102
  is "$rc" "$want" "$id: exit code" || diag "$out$err"
  like "$out" "^$verdict $id .*$text" "$id: its line"
}
broken no D1 'is missing: modprobe tun' 'mount -t tmpfs none /dev/net; check'
broken no D2 'has mode 0600.*: chmod 0666 /dev/net/tun' \
  'mount -t tmpfs none /dev/net; mknod -m 0600 /dev/net/tun c 10 200; check'
broken no D1 'is not the device: rm' 'mount --bind /dev/null /dev/net/tun; check'
broken no I1 'is not a regular file' 'mount --bind /dev/null /etc/subuid; check'
broken no I4 'no_new_privs is set' 'check setpriv --no-new-privs'
broken no N15 'RLIMIT_NOFILE' 'ulimit -n 40; check'
broken no I13 'slirp4netns nor pasta' 'mkdir /run/rk-t; mount -t tmpfs none /run/rk-t
  for n in newuidmap newgidmap getsubids; do cp -p "$(command -v $n)" /run/rk-t; done
  uid=$(id -u "$RK_TEST_USER") gid=$(id -g "$RK_TEST_USER")
  PATH=$RK_TEST_INST/bin:/run/rk-t:$(dirname "$(command -v as_user)")
  exec /usr/bin/setpriv --reuid "$uid" --regid "$gid" --init-groups rk-check'
broken lacks D9 'unable to mount procfs on /proc.*: mount it' \
  'mount -t tmpfs none /proc/sys; mount -t tmpfs none /proc/bus; check'
broken lacks N4 'default route' 'check'
broken lacks N7 '10.0.2.0/24' 'ip link set lo up; ip route add 10.0.2.0/25 dev lo; check'
broken ok N7 '' 'ip link set lo up; ip route add 10.0.3.0/24 dev lo; ip route add default dev lo; check'
broken lacks N11 'below 1024' 'echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; check'
broken ok N11 '' 'echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start; check'
broken ok N12 '' 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range; check'
broken lacks D6 '/dev/fuse' 'mount -t tmpfs none /mnt; for n in null zero random urandom tty; do : > /mnt/$n
  mount --bind /dev/$n /mnt/$n; done; mkdir /mnt/net; : > /mnt/net/tun; mount --bind /dev/net/tun /mnt/net/tun
  mount --rbind /mnt /dev; check'
broken lacks S1 'not set' 'check env -u XDG_RUNTIME_DIR'
broken lacks S2 'another user' 'check env XDG_RUNTIME_DIR=/'
broken lacks D11 'private' 'mount --make-rprivate /; check'
broken ok D11 '' 'mount --make-rshared /; check'

# where it runs
place() { # PLACE SETUP
  run unshare -m sh -c 'check() { as_user "$@" rk-check; }; eval "$1"' - "$2"
  like "$out" "^at $1 " "it knows: $1"
}
place lxc-libvirt 'mount -t tmpfs none /run; mkdir /run/systemd; echo lxc-libvirt > /run/systemd/container; check'
place podman 'mount -t tmpfs none /run; : > /run/.containerenv; check'
place kubernetes 'check env KUBERNETES_SERVICE_HOST=10.0.0.1'
place wsl 'echo "Linux version 5.15.90-microsoft-standard-WSL2" > "'"$T"'/v"
  mount --bind "'"$T"'/v" /proc/version; check'
place gvisor 'echo "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016" > "'"$T"'/v"
  mount --bind "'"$T"'/v" /proc/version; check'
place no-new-privs 'check setpriv --no-new-privs'
place user-namespace 'check rk-userns rk-idmap'
place chain 'check rk-state -t "" rk-userns rk-idmap'

# as whom
run as_user rk-check -u root
is "$rc" 100 "a user may not try as another"
run rk-check -u "$RK_TEST_USER"
is "$rc/$err" 0/ "root may" || diag "$out"
run rk-check -u no-such-user
is "$rc $err" "100 rk-check: fatal: no such user: no-such-user" "who there is not"
run rk-check explain X9
is "$rc $err" "100 rk-check: fatal: no such id in rk-host-settings(7): X9" "an id that is none"
run rk-check explain; is "$rc" 100 "explain what?"
run rk-check ''; is "$rc" 100 "an empty directory name"

# a chain and its ports
as_user mkdir -m 0700 "$T/user" 2> /dev/null || { mkdir -m 0700 "$T/user"; chown "$RK_TEST_USER" "$T/user"; }
d=$T/user/web
spawn as_user rk-portd "$d"
wait_until test -d "$d/ports.status"
spawn as_user rk-state "$d" rk-userns rk-idmap rk-net -d none rk-t-hold
wait_until test -s "$d/child_pid"
run as_user rk-port add -t 20 "$d" 127.0.0.1:0:80/tcp
run as_user rk-check "$d"
like "$out" "^ok chain $d runs as pid [0-9]+: " "a chain that runs"
like "$out" '^(ok|--) port [^ ]+ (listening|waiting)$' "its port"
is "$rc" 0 "and all is well" || diag "$out"
run as_user rk-check -j "$d"
is "$(printf '%s\n' "$out" | jq -r 'select(.chain) | .verdict')" ok "-j: the chain"
mkdir "$T/other"; chmod 0777 "$T/other"
run as_user rk-check "$T/other"
like "$out" "^no chain $T/other " "a directory of another user"
is "$rc" 102 "  is not well"
run as_user rk-check "$T/nowhere"
like "$out" "^no chain $T/nowhere No such file" "one that is not there"
done_testing
