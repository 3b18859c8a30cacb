#!/bin/sh
# a port whose host side is a unix socket: made whole, only where that was allowed, with its mode, and nobody else's
# socket is taken away
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 curl nginx
D=$T/st
mkdir "$T/run" "$T/run/sub" "$T/elsewhere"
fetch() { run curl -sS --max-time 60 --unix-socket "$1" http://x/; }
error() { status "$D" "$1" error; }
put() { printf '%s\n' "$2" > "$D/ports/$1"; wait_until test -s "$D/ports.status/$1"; }
nginx_conf "$T/nginx.conf" 80
portd_start "$D" -u "$T/run"
chain_start "$D" nginx -c "$T/nginx.conf"
run rk-port add -n web "$D" "unix:$T/run/web.sock:80"
is "$rc $out" "0 web" "add"
is "$(status "$D" web spec)" "unix:$T/run/web.sock:0600:80/tcp" "its spec"
is "$(status "$D" web listen)" "unix:$T/run/web.sock" "where it listens"
is "$(stat -c '%a %F' "$T/run/web.sock")" "600 socket" "for the user only"
rk-port wait -c "$D" web
fetch "$T/run/web.sock"
is "$out" "hello from inside" "a client is served"
head -c 3000000 /dev/urandom > "$T/www/big"
curl -sS --max-time 60 --unix-socket "$T/run/web.sock" http://x/big | cmp - "$T/www/big"
is $? 0 "3 MB pass"
like "$(cat "$T/access.log")" "^127\.0\.0\.1|^10\.0\.2\.2" "the server sees the host"
run rk-port add -n group "$D" "unix:$T/run/sub/group.sock:0660:127.0.0.1:80/tcp"
is "$rc $(stat -c %a "$T/run/sub/group.sock")" "0 660" "a mode, and an address inside"
fetch "$T/run/sub/group.sock"; is "$out" "hello from inside" "is served"
run rk-port set "$D" group "unix:$T/run/sub/group.sock:0600:80"
is "$(stat -c %a "$T/run/sub/group.sock")" 600 "another mode"
long=$(printf 'long%.0s' $(seq 18))
mkdir -p "$T/run/$long/$long/$long"
run rk-port add -n long "$D" "unix:$T/run/$long/$long/$long/x.sock:80"
is "$rc" 0 "a path of more than 108 bytes"
(cd "$T/run/$long/$long/$long" && curl -sS --max-time 60 --unix-socket x.sock http://x/) > "$T/out"
is "$(cat "$T/out")" "hello from inside" "is served"
run rk-port add "$D" "unix:$T/run/$long$long:80"
like "$rc $err" "^111 .*[Ff]ile ?name too long" "a name that no client could use"

# what cannot be
put other "unix:$T/elsewhere/x.sock:80"
is "$(error other)" "rk-portd makes unix sockets only below the directories that its option -u names" "not elsewhere"
put dots "unix:$T/run/../elsewhere/x.sock:80"
like "$(error dots)" "bind: .*ross-device link" "nor by .."
ln -s ../elsewhere "$T/run/link"
put link "unix:$T/run/link/x.sock:80"
like "$(error link)" "bind: .*symbolic link" "nor by a link"
is "$(ls -A "$T/elsewhere")" "" "nothing is there"
echo mine > "$T/run/file"
put file "unix:$T/run/file:80"
like "$(error file)" "bind: [Ff]ile exists" "a file of that name"
is "$(cat "$T/run/file")" mine "stays"
put none "unix:$T/run/none/x.sock:80"
like "$(error none)" "bind: no such file or directory" "a directory that is not there"
put twice "unix:$T/run/web.sock:80"
like "$(error twice)" 'conflict with ID [0-9]+ \("web"\)' "a second one of the same path"
rm "$D/ports/twice"
python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + "/theirs")
s.listen()
print("ready", flush=True)
time.sleep(600)
' "$T/run" > "$T/theirs" &
theirs=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/theirs"
put theirs "unix:$T/run/theirs:80"
like "$(error theirs)" "bind: address already in use" "a socket at which somebody listens"
kill -KILL "$theirs"
wait "$theirs" 2> /dev/null
kill -HUP "$portd"
ok "and at which nobody does any longer: replaced" wait_until status_is "$D" theirs state listening
for bad in unix:/x unix:x:80 unix:/:80 unix:/x/:80 unix:/x:999:1.1.1.1:80 unix:/x:80:80 unix:/x:80/udpx unix: \
  "unix:/$long$long$long$long$long$long$long$long:80"; do
  run rk-port add "$D" "$bad"
  like "$rc $err" "^100 .*unix:/PATH" "bad: $(printf %.30s "$bad")"
done
run rk-port add "$D" unix:/x:80/udp; is "$rc $err" "100 rk-port: fatal: a unix socket is for tcp" "not udp"
run rk-port add -o refuse=backend "$D" unix:/x:80; is "$rc" 100 "not refuse=backend"

# its end, and that of rk-portd
rm "$T/run/sub/group.sock"; : > "$T/run/sub/group.sock"
run rk-port rm "$D" group
ok "withdrawn: what has its name by now stays" test -f "$T/run/sub/group.sock"
run rk-port rm "$D" long
not_ok "else it is removed" test -e "$T/run/$long/$long/$long/x.sock"
kill -KILL "$portd"; wait_gone "$portd"
ok "rk-portd is killed: the socket is left" test -S "$T/run/web.sock"
portd_start "$D" -u "$T/run"
is "$(status "$D" web state)" listening "the next replaces it"
rk-port wait -c "$D" web
fetch "$T/run/web.sock"; is "$out" "hello from inside" "and serves it"
end "$portd"
not_ok "rk-portd ends: so does the socket" test -e "$T/run/web.sock"
done_testing
