#!/bin/sh
# rk-portd -P implicit: pasta publishes what listens inside; the same files and statuses say so
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need pasta nginx curl python3
outer
[ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
D=$T/st
nginx_conf "$T/nginx.conf" 8080
mkdir -p "$D/ports"
echo 0.0.0.0:8080:8080/tcp > "$D/ports/web"
echo 0.0.0.0:8081:8081/tcp > "$D/ports/other"
portd_start "$D" -P implicit
is "$(status "$D" web state)" waiting "without a chain it waits"
for bad in '127.0.0.1:8082:8082/tcp|pasta publishes on all addresses, not on one' \
  ':8082:80/tcp|pasta cannot change the number of a port or its address inside'; do
  echo "${bad%%|*}" > "$D/ports/bad"
  ok "refused: ${bad%%|*}" wait_until status_is "$D" bad error "${bad#*|}"
done
chain_start "$D" rk-t-hold
wait_until test -s "$D/child_pid"
python3 -c '
import socket, time
s = socket.create_server(("", 8080)); time.sleep(60)' & stand_in=$!; tap_pids="$tap_pids $stand_in"
ok "the host listens: so the status says" wait_until status_is "$D" web state listening
is "$(status "$D" other state)" waiting "a port that nothing listens on waits"
is "$(status "$D" other reason)" "pasta listens there once a program inside does; a pasta of 2023 never" "and says why"
kill "$stand_in"; wait "$stand_in" 2>/dev/null
ok "and waits again" wait_until status_is "$D" web state waiting
end "$chain"; wait_until test ! -e "$D/lock"

RK_PORT_DRIVER=implicit rk-state "$D" rk-userns rk-idmap rk-net -u -d pasta nginx -c "$T/nginx.conf" < /dev/null > \
  "$T/chain.out" 2>&1 &
chain=$!; tap_pids="$tap_pids $chain"
curl -sS --retry 5 --retry-delay 1 --retry-connrefused -o "$T/got" http://192.0.2.1:8080/ 2>/dev/null || :
# pasta of 2023 publishes nothing if it is told not to publish the host's listeners inside, which nobody could want
if status_is "$D" web state listening; then
  run curl -sS -m 10 http://192.0.2.1:8080/
  is "$out" "hello from inside" "a real pasta leads inside"
  end "$chain"
  ok "the chain ended: waiting" wait_until status_is "$D" web state waiting
else skip 2 "this pasta is too old to publish listeners of a namespace by itself"; fi
run env RK_PORT_DRIVER=implicit rk-userns rk-idmap rk-net -d pasta true
is "$rc" 100 "behind the wall it would see no port"
like "$err" '^rk-net: fatal: RK_PORT_DRIVER=implicit needs -u: ' "and that is said"
done_testing
