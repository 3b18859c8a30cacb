#!/bin/sh
# short forms of a spec, a host port that is chosen, and rk-port set
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st p=$(free_port) q=$(free_port)
add() { run rk-port add "$@"; }
spec() { status "$D" "$1" spec; }
port() { # NAME: what it listens at
  status "$D" "$1" listen | sed 's/.*://'
}
connects() { python3 -c 'import socket, sys; socket.create_connection(sys.argv[1:3], 5)' "$1" "$2" 2> /dev/null; }
portd_start "$D"

add -n two "$D" "$p:80"
is "$(spec two) $(status "$D" two listen)" ":$p:80/tcp [::]:$p" "8080:80: tcp, on all addresses"
rk-port rm "$D" two
add -n lo "$D" "localhost:$p:80"
is "$(spec lo) $(status "$D" lo listen)" "127.0.0.1:$p:80/tcp 127.0.0.1:$p" "localhost is 127.0.0.1"
add -n free "$D" 80
like "$out" "^free \[::\]:[0-9]+\$" "80: a free port, told by add"
is "$out" "free $(status "$D" free listen)" "... and by the status"
ok "which listens" connects 127.0.0.1 "$(port free)"
add -n some "$D" "127.0.0.1::80/tcp"
like "$out" "^some 127.0.0.1:[0-9]+\$" "127.0.0.1::80: on one address"
add -n udp "$D" "127.0.0.1:0:53/udp"
is "$out" "udp $(status "$D" udp listen)" "of udp"
add -n stops -o refuse=backend "$D" "127.0.0.1::80"
is "$rc" 0 "with refuse=backend"
add "$D" 0-9:10-19
like "$rc/$err" "^100/rk-port: fatal: invalid ParentPort: 0; wanted: .*\[HOSTPORT:\]\[ADDRESS:\]PORT\[/PROTOCOL\]" \
  "a range has numbers, and an error ends with the form"
for bad in "" x 1:2:3:4:5 80/ 80/TCP :: localhost a:1:2 1:a:2; do
  add "$D" "$bad"
  like "$rc $err" "^100 .*; wanted: \[HOSTADDRESS:\]" "bad: $bad"
done
spawn rk-apid "$D"
wait_until test -S "$D/api.sock"
like "$(rootlessctl --socket "$D/api.sock" list-ports)" "^[0-9]+ +tcp +$(port free) " "the API tells the number"
was=$(port free)
kill -HUP "$portd"; add -n next "$D" "127.0.0.9:$p:80"
is "$(port free)" "$was" "which it keeps"

chain_start "$D" rk-hold
rk-port wait -c "$D" lo
# refuse=backend stops the socket: its number is kept from others
not_ok "stopped" connects 127.0.0.1 "$(port stops)"
take() { python3 -c 'import socket, sys; socket.socket().bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2> /dev/null; }
not_ok "but nobody else can have it" take "$(port stops)"

run rk-port set -o srcip=no -o idle=9 "$D" udp
is "$rc$err" 0 "set: options"
is "$(cat "$D/ports/udp")" "127.0.0.1:0:53/udp
srcip=no
idle=9" "the file"
was=$(port udp)
printf '# mine\n127.0.0.1:0:53/udp\n# note\nsrcip=no\nidle=9\n' > "$D/ports/udp"
run rk-port set -o srcip= -o idle=5 "$D" udp
is "$(cat "$D/ports/udp")" "# mine
127.0.0.1:0:53/udp
# note
idle=5" "one is removed, one changed, comments stay"
is "$(port udp)" "$was" "the port stays open"
run rk-port set "$D" lo "127.0.0.1:$q:81"
is "$rc $(spec lo)" "0 127.0.0.1:$q:81/tcp" "set: a spec"
ok "listens there" connects 127.0.0.1 "$q"
not_ok "and no longer where it was" connects 127.0.0.1 "$p"
run rk-port set "$D" lo "127.0.0.1:$was:81/udp"
like "$rc $err" "^111 rk-port: fatal: unable to publish lo: .*address already in use" "set: what cannot be is told"
is "$(cat "$D/ports/lo") $(status "$D" lo state)" "127.0.0.1:$q:81 listening" "and the old port is there again"
run rk-port set "$D" lo "127.0.0.1:x:81"; is "$rc" 100 "a bad spec"
run rk-port set -o wait=x "$D" lo; is "$rc" 100 "a bad option"
run rk-port set -o wait "$D" lo; is "$rc" 100 "no option"
is "$(cat "$D/ports/lo")" "127.0.0.1:$q:81" "change nothing"
run rk-port set "$D" none 80; is "$rc $err" "1 rk-port: fatal: no such port: none" "no such port"
end "$portd"
run rk-port set -t 1 -o srcip=no "$D" lo
is "$rc $err" "111 rk-port: fatal: unable to publish lo: no rk-portd serves $D: start one" "no rk-portd"
is "$(cat "$D/ports/lo")" "127.0.0.1:$q:81" "the old file is back"
run rk-port set -N -o srcip=no "$D" lo
is "$rc $(sed -n 2p "$D/ports/lo")" "0 srcip=no" "-N only writes"
done_testing
