#!/bin/sh
# A pasta of today: traffic, and the port driver implicit: it publishes what listens inside
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
. tests/net/passt.sh
need curl nginx python3 dnsmasq socat nsenter
outer
. tests/net/lib.sh
net_servers
RK_NET_OPTIONS=-6
traffic pasta "dns:host.example=$HOST" "tcp:$HOST" "udp:$HOST" "many:$HOST:100" "get:$HOST:20" "put:$HOST:20" \
  "ping:$HOST" "ping:[$HOST6]" "tcp:[$HOST6]" "udp:[$HOST6]"

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
done_testing
