#!/bin/sh
# One TCP port of a real server inside, published by a file, before the chain is there and after it has gone
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need nginx curl unshare
p=$(free_port) D=$T/st
nginx_conf "$T/nginx.conf" 80

portd_start "$D"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
ok "listening without a chain" wait_until status_is "$D" web state listening
is "$(status "$D" web chain)" waiting "and the status says that it waits for one"
curl -sS -m 20 "http://127.0.0.1:$p/" > "$T/early" 2>&1 & early=$!

chain_start "$D" nginx -c "$T/nginx.conf"
wait $early
is "$(cat "$T/early")" "hello from inside" "a client that came before the chain waited for it"
is "$(status "$D" web chain)" attached "the status says attached"
run curl -sS -m 10 "http://127.0.0.1:$p/"
is "$out" "hello from inside" "and others follow"

end "$chain"
ok "the chain ends: the port waits again" wait_until status_is "$D" web chain waiting
run curl -sS -m 1 "http://127.0.0.1:$p/"
is "$rc" 28 "a client waits, and is not refused"
chain_start "$D" nginx -c "$T/nginx.conf"
run curl -sS -m 20 "http://127.0.0.1:$p/"
is "$out" "hello from inside" "another chain of the same directory serves it"

rm "$D/ports/web"
ok "removing the file" wait_until test ! -e "$D/ports.status/web"
run curl -sS -m 10 "http://127.0.0.1:$p/"
is "$rc" 7 "closes the port"
end "$portd"
is "$(ls -A "$D/ports.status")" "" "nothing is left in ports.status"
done_testing
