#!/bin/sh
# rk-portd -P slirp4netns: the same files and statuses, forwarded by the network driver
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need slirp4netns nginx curl
outer
[ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
D=$T/st
nginx_conf "$T/nginx.conf" 80
start() {
  RK_PORT_DRIVER=$1 rk-state "$D" rk-userns rk-idmap rk-net -d slirp4netns nginx -c "$T/nginx.conf" < /dev/null > \
    "$T/chain.out" 2>&1 &
  chain=$!; tap_pids="$tap_pids $chain"
}
mkdir -p "$D/ports"
echo 0.0.0.0:8080:80/tcp > "$D/ports/web"
portd_start "$D" -P slirp4netns
is "$(status "$D" web state)" waiting "without a chain it waits"
for bad in '[::1]:8081:80/tcp|slirp4netns publishes IPv4 addresses only, not ::1' \
  ':8081:80/tcp6|unsupported protocol "tcp6"' \
  ':8081:[::1]:80/tcp|unsupported IP (v6?): ::1' \
  ':8081:127.0.0.1:80/tcp|slirp4netns does not reach the loopback address inside: 127.0.0.1'; do
  echo "${bad%%|*}" > "$D/ports/bad"
  ok "refused: ${bad%%|*}" wait_until status_is "$D" bad error "${bad#*|}"
done
rm "$D/ports/bad"
start slirp4netns
ok "with a chain it listens" wait_until status_is "$D" web state listening
ok "and the server is reached" wait_until curl -sSf -m 5 -o "$T/got" http://127.0.0.1:8080/
is "$(cat "$T/got")" "hello from inside" "its page comes"
run curl -sS -m 5 http://192.0.2.1:8080/
ok "the server sees the client's address" wait_until grep -q '^192\.0\.2\.1 ' "$T/access.log" # written after the answer
run rk-port add "$D" 127.0.0.1:8000-8009:8000-8009/udp
is "$rc" 0 "a range"
run rk-port add "$D" 127.0.0.1:8080:80/tcp
is "$err" "rk-port: fatal: unable to publish 127.0.0.1:8080:80/tcp: listen tcp 127.0.0.1:8080: bind: address already in use" "the kernel's own reason"
run rk-port rm "$D" web; run curl -sS -m 5 http://127.0.0.1:8080/
is "$rc" 7 "removed, it is closed"
echo 0.0.0.0:8080:80/tcp > "$D/ports/web"
ok "and published again" wait_until status_is "$D" web state listening
s=$(pgrep -u "$(id -u)" -f "api-socket=$D/.s4nn.sock")
kill -KILL "$s"; wait_gone "$s"
ok "slirp4netns killed and started anew: published again" wait_until curl -sSf -m 1 http://127.0.0.1:8080/
end "$chain"
ok "the chain ended: waiting" wait_until status_is "$D" web state waiting
start ''
ok "a slirp4netns without the socket: told so" wait_until status_is "$D" web reason \
  "slirp4netns has no API socket: set RK_PORT_DRIVER=slirp4netns before the chain starts"
done_testing
