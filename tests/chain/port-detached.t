#!/bin/sh
# Ports lead into a detached network namespace, also a later chain's, and never into the host's own
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need nginx curl nsenter python3
D=$T/st p=$(free_port)
nginx_conf "$T/nginx.conf" 80
detached() {
  rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -D -d none sh -c \
    'exec nsenter --net="$RK_STATE_DIR/netns" nginx -c "$1"' sh "$T/nginx.conf" \
    < /dev/null > "$T/chain.out" 2>&1 &
  chain=$!; tap_pids="$tap_pids $chain"
}
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
detached
ok "served in the detached namespace" wait_until curl -sSf -m 10 -o "$T/got" "http://127.0.0.1:$p/"
is "$(cat "$T/got")" "hello from inside" "by the server there"
end "$chain"; wait_until test ! -e "$D/lock"
detached
run curl -sS -m 20 "http://127.0.0.1:$p/"
is "$out" "hello from inside" "and in the next chain's"
end "$chain"; wait_until test ! -e "$D/lock"

rk-state "$D" rk-userns rk-idmap rk-t-hold < /dev/null > "$T/chain.out" 2>&1 & chain=$!; tap_pids="$tap_pids $chain"
ok "a chain on the host's network is refused" wait_until status_is "$D" web reason \
  "unable to use the chain's network namespace: it is the host's own: the chain needs rk-net"
is "$(status "$D" web chain)" failed "the status says failed"
end "$chain"; wait_until test ! -e "$D/lock"

# A payload that plants a link where the detached namespace should be
rk-state "$D" rk-userns rk-idmap sh -c 'ln -s /proc/self/ns/net "$RK_STATE_DIR/netns"; exec rk-t-hold' < /dev/null > \
  "$T/chain.out" 2>&1 & chain=$!
tap_pids="$tap_pids $chain"
ok "nor does a planted link lead portd to its own namespace" wait_until status_is "$D" web reason \
  "unable to open the chain's network namespace: is a symbolic link"
not_ok "no relay is started" pgrep -P "$portd" -x rk-relay
done_testing
