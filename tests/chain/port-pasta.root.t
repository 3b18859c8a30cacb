#!/bin/sh
# The port drivers of a pasta of today: implicit publishes what listens inside, pesto what it is told to
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
. tests/net/passt.sh
need curl nginx python3 socat nsenter
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
U=$T/u D=$T/u/st
nginx_conf "$U/nginx.conf" 8080
sed -i "s|$T/|$U/|g" "$U/nginx.conf"; mv "$T/www" "$U/"; chown -R "$RK_TEST_USER" "$U"
as_user mkdir -p "$D/ports"
as_user sh -c 'echo 0.0.0.0:8080:8080/tcp > "$0/web"; echo 0.0.0.0:8081:8081/tcp > "$0/other"' "$D/ports"
as_user rk-portd -P implicit "$D" 2> "$U/portd.err" & tap_pids="$tap_pids $!"
as_user env RK_PORT_DRIVER=implicit rk-state "$D" rk-userns rk-idmap rk-net -u -d pasta nginx -c "$U/nginx.conf" \
  > "$U/chain.out" 2>&1 & chain=$!; tap_pids="$tap_pids $!"
ok "implicit: what nginx listens on is published" wait_until status_is "$D" web state listening
is "$(peer curl -sS -m 10 http://192.0.2.1:8080/ 2>&1)" "hello from inside" "and leads inside"
is "$(curl -sS -m 10 http://127.0.0.1:8080/ 2>&1)" "hello from inside" "from the host's loopback as well"
is "$(status "$D" other state)" waiting "a port on which nobody listens waits"
end "$chain"
ok "the chain ended: waiting" wait_until status_is "$D" web state waiting

spawn as_user rootlesskit --state-dir="$U/rk" --net=pasta --disable-host-loopback --port-driver=implicit \
  python3 -m http.server --bind 0.0.0.0 -d "$U/www" 22000; p=$pid
ok "rootlesskit --port-driver=implicit publishes" wait_until peer curl -s -m 2 -o "$T/got" http://192.0.2.1:22000/
end "$p"

# pesto: pasta publishes what it is told to, while it runs
spawn as_user rootlesskit --state-dir="$U/rk" --net=pasta --disable-host-loopback --copy-up=/etc --port-driver=pesto \
  --pesto-binary="$(command -v pesto)" -p 0.0.0.0:22000:80/tcp python3 tests/net/serve-port.py 80 81
p=$pid
tcp() { echo x | "$@" 2> "$T/socat.err"; } # what the server says: the client's address
from_peer() { [ -n "$(tcp peer socat -T 5 - TCP:192.0.2.1:"$1")" ]; }
ok "pesto: a port" wait_until from_peer 22000
is "$(tcp peer socat -T 5 - TCP:192.0.2.1:22000 | cut -d' ' -f1)" 192.0.2.2 "with the client's address"
like "$(tcp socat -T 5 - TCP:127.0.0.1:22000)" ' x$' "from the host's loopback as well"
run as_user rootlessctl --socket "$U/rk/api.sock" info
like "$out" 'Port Driver: pesto' "the API names it"
like "$out" 'Supported protocols: \[tcp tcp4 udp udp4\]' "and its protocols"
run as_user rootlessctl --socket "$U/rk/api.sock" add-ports 0.0.0.0:22001:81/udp 127.0.0.1:22002:80/tcp
is "$rc $(echo $out)" "0 2 3" "more ports" || diag "$err"
like "$(tcp peer socat -T 5 -t 5 - UDP:192.0.2.1:22001)" '^192\.0\.2\.2 ' "UDP"
like "$(tcp socat -T 5 - TCP:127.0.0.1:22002)" ' x$' "on one address"
not_ok "which nobody else reaches" from_peer 22002
run as_user rootlessctl --socket "$U/rk/api.sock" add-ports 0.0.0.0:22003:127.0.0.1:80/tcp
like "$rc $err" '^1 .*unsupported ChildIP "127.0.0.1": the pesto port driver only supports the namespace address' \
  "no other address inside"
run as_user rootlessctl --socket "$U/rk/api.sock" add-ports "[::1]:22003:80/tcp4"
like "$rc $err" '^1 .*unsupported IP: ::1' "nor another family"
spawn python3 -m http.server --bind 127.0.0.1 -d "$U/www" 22009; secret=$pid
wait_until curl -s -o "$T/got" http://127.0.0.1:22009/
# what root inside may say at the driver's socket, and what it cannot
inside_says() { # LINE: the answer
  as_user rk-enter "$U/rk" python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20); s.sendall(sys.argv[2].encode() + b"\n")
print(s.recv(1000).decode().strip())' "$U/rk/.pesto" "$1"
}
is "$(inside_says 'add tcp 0.0.0.0 22004 80')" ok "root inside may publish"
for line in 'add tcp 0.0.0.0 22004' '-T tcp 0.0.0.0 22009 22009' 'add tcp 0.0.0.0,--tcp-ns=22009 1 1' \
  'add tcp 0.0.0.0 auto 1' 'add tcp  22009 22009' 'add tcp-ns 0.0.0.0 22009 22009' \
  'add tcp 0.0.0.0 22005 80 --tcp-ns=22009' 'add tcp 0.0.0.0 0 80' 'add tcp 0.0.0.0 1 65536' \
  'add tcp 0.0.0.0/22005:80 1 1'; do
  is "$(inside_says "$line")" "malformed request" "and nothing else: $line"
done
# shellcheck disable=SC2016 # for the inner shell
run as_user rk-enter "$U/rk" sh -c 'curl -sS -m 3 http://127.0.0.1:22009/; curl -sS -m 3 http://10.0.2.2:22009/'
unlike "$out" 'hello' "the host's loopback stays closed"
end "$secret"
kill -KILL "$(pgrep -f -- "^pasta .*--conf-path conf" | head -n 1)"
again() { from_peer 22000 && [ -n "$(tcp socat -T 5 - TCP:127.0.0.1:22002)" ]; }
ok "pasta is killed: its successor publishes all again" wait_until again
run as_user rootlessctl --socket "$U/rk/api.sock" remove-ports 1
is "$rc $out" "0 1" "withdrawn"
not_ok "it is closed" from_peer 22000
run as_user rootlessctl --socket "$U/rk/api.sock" remove-ports 9
like "$rc $err" '^1 .*invalid ID: 9' "an unknown port"
end "$p"
is "$(ss -Hltn 'sport >= :22000 and sport <= :22004')" "" "at the end nothing listens"
done_testing
