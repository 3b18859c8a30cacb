#!/bin/sh
# rk-portd -P implicit: files and statuses of ports that pasta publishes by itself (port-pasta.root.t: a real one)
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need pasta python3
outer
[ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
D=$T/st
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

run env RK_PORT_DRIVER=implicit rk-userns rk-idmap rk-net -d pasta true
is "$rc" 100 "behind the wall it would see no port"
like "$err" '^rk-net: fatal: RK_PORT_DRIVER=implicit needs -u: ' "and that is said"
done_testing
