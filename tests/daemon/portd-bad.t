#!/bin/sh
# rk-portd: bad port files are named, with the line and the true reason, and never disturb another port
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st p=$(free_port) q=$(free_port)
put() { printf '%s\n' "$2" > "$D/ports/$1"; wait_until test -s "$D/ports.status/$1"; }
error() { status "$D" "$1" error; }

mkdir -p "$D/ports" "$D/ports.status"
echo stale=1 > "$D/ports.status/gone"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/good"
echo foo > "$D/ports/before"
portd_start "$D"
not_ok "what a killed rk-portd left is removed" test -e "$D/ports.status/gone"
like "$(error before)" '^line 1: unexpected ChildPort in PortSpec string: "foo": .*; wanted: \[HOSTADDRESS:.*PORT' \
  "a malformed file: the line, the reason and the form"
like "$(cat "$T/portd.err")" '^rk-portd [^:]*: warning: port "before": line 1: unexpected ChildPort' \
  "also on stderr, with its name"
# shellcheck disable=SC2016
put l2 "$(printf '127.0.0.1:%s:80/tcp\nsrcip=maybe' "$q")"
is "$(error l2)" 'line 2: srcip must be prefer, require, no, plain or loopback, not "maybe"' "the line that is wrong"
put dup "127.0.0.1:$p:81/tcp"
like "$(error dup)" '^conflict with ID [0-9]+ \("good"\)$' "a duplicate names the other"
put inuse "127.0.0.1:$p:80/tcp4"
is "$(error inuse)" "listen tcp4 127.0.0.1:$p: bind: address already in use" "a port in use"
put addr "192.0.2.99:$q:80/tcp"
is "$(error addr)" "listen tcp 192.0.2.99:$q: bind: cannot assign requested address" "an address that is not local"
put family "[::1]:$q:80/tcp4"
is "$(error family)" "listen tcp4: address ::1: no suitable address found" "an address of the other family"
put sctp "127.0.0.1:$q:80/sctp"
is "$(error sctp)" "unsupported port protocol sctp" "sctp"
if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 700 ]; then
  put priv "127.0.0.1:700:80/tcp"
  like "$(error priv)" "^cannot expose privileged port 700, you can add 'net.ipv4.ip_unprivileged_port_start=700' .*currently [0-9]+.*CAP_NET_BIND_SERVICE.*: listen tcp 127.0.0.1:700: bind: permission denied\$" "a privileged port names the sysctl and the capability"
  run rk-port add "$D" "127.0.0.1:700:80/tcp"
  is "$rc" 102 "rk-port: 102"; like "$err" "^rk-port: info: N11: sysctl" "with the fix"
else skip 3 "every port is unprivileged on this host"; fi
put fd "$(printf '127.0.0.1:%s:80/tcp\nlisten-fd=web' "$q")"
is "$(error fd)" "listen-fd=web: rk-portd was given no socket of this name" "a socket that was not given"
umask 777; echo "127.0.0.1:$q:80/tcp" > "$D/ports/unread"; umask 022
ok "an unreadable file" wait_until status_is "$D" unread error "unable to read the port file: permission denied"
chmod 644 "$D/ports/unread"
ok "made readable, it is published" wait_until status_is "$D" unread state listening
mkdir "$D/ports/dir"; ln -s good "$D/ports/link"; mkfifo "$D/ports/fifo"
ok "a directory" wait_until status_is "$D" dir error "unable to read the port file: not a regular file"
ok "a symbolic link" wait_until status_is "$D" link error "unable to read the port file: is a symbolic link"
ok "a fifo does not block" wait_until status_is "$D" fifo error "unable to read the port file: not a regular file"
head -c 1048576 /dev/zero | tr '\0' x > "$D/ports/big"
ok "a file of 1 MiB" wait_until status_is "$D" big error "file longer than 4096 bytes"
: > "$D/ports/empty"
empty() { error empty | grep -q '^no port spec in the file; wanted: '; }
ok "an empty file" wait_until empty
n=$(printf 'odd name\n"\033[1m')
echo "127.0.0.1:$p:80/udp" > "$D/ports/$n"
ok "a name of odd bytes" wait_until status_is "$D" "$n" state listening
like "$(rk-port ls "$D")" '^"odd name\\n\\"\\x1b\[1m" ' "is quoted for people"
ok "the good port was not touched" status_is "$D" good state listening
is "$(ls "$D/ports" | wc -l)" "$(ls "$D/ports.status" | wc -l)" "every file has its status"

rm "$D/ports/good"
ok "the port gone, one that was in conflict takes its place" wait_until status_is "$D" dup state listening
ok "which is told" wait_until grep -qx "rk-portd $D: info: port \"dup\": well again" "$T/portd.err"
ln "$D/ports/dup" "$T/x"; mv "$D/ports" "$D/ports.old"
ok "ports/ taken away: all are withdrawn" wait_until test ! -e "$D/ports.status/dup"
mkdir "$D/ports"; mv "$T/x" "$D/ports/back"
ok "and made again" wait_until status_is "$D" back state listening
rm -r "$D/ports"; mkdir "$D/ports"; echo "127.0.0.1:$p:80/tcp" > "$D/ports/again"
ok "once more, at once" wait_until status_is "$D" again state listening
run rk-portd "$D"; is "$rc $err" "111 rk-portd: fatal: another rk-portd serves $D" "a second rk-portd"
rm -r "$D"
ok "the state directory removed: it ends" wait_gone "$portd"
wait "$portd"; is $? 0 "with 0"
mkdir -m 500 "$T/ro"
run rk-portd "$T/ro"; is "$rc $err" "111 rk-portd: fatal: unable to make directory $T/ro/ports: Permission denied" \
  "a directory that cannot be written is named in full"
run rk-portd ""; is "$rc $err" "100 rk-portd: fatal: the state directory must not be empty" "an empty name"
for a in "" "a b" "-d x $D" "-P foo $D" "-z $D"; do run rk-portd $a; is "$rc" 100 "usage: rk-portd $a"; done

# what only rk-relay can do, a network driver is not asked for: without ifname= it would listen everywhere
for driver in slirp4netns pesto gvisor-tap-vsock; do
  E=$T/$driver n=0
  portd_start "$E" -P "$driver"
  for key in ifname=lo group=224.0.0.251%lo wait=5 idle=5; do
    n=$((n + 1))
    printf '%s\n' "$q:80/udp" "$key" > "$E/ports/$n"
    ok "$driver: $key" wait_until status_is "$E" "$n" state error
    like "$(status "$E" "$n" error)" 'does not support' "its reason"
  done
  echo "$q:unix:$T/x.sock" > "$E/ports/inner"
  ok "$driver: a unix socket inside" wait_until status_is "$E" inner state error
done
done_testing
