#!/bin/sh
# A port of a chain that has just started waits for its server; behind DNAT, where no server is to be seen, it does not.
. "${RK_TEST_LIB:-tests/lib.sh}"
need nft python3
. "${RK_TEST_LIB%lib.sh}ports.sh"
D=$T/state P=$(free_port)
mkdir -p "$D/ports"; echo "127.0.0.1:$P:80/tcp" > "$D/ports/web"
spawn rk-portd "$D"
# shellcheck disable=SC2016 # for the inner shell
spawn rk-state "$D" rk-userns rk-idmap rk-copyup '' rk-net -d none sh -c '(until grep -q ":1F90 .* 0A " /proc/net/tcp6; do sleep 0.02; done # 8080 listens
  nft "table ip nat {
  chain out { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport 80 dnat to 127.0.0.1:8080
  }
}"; echo "$?" > "$0") & exec rk-t-echo tcp 8080' "$T/nft"; p=$pid
wait_until test -s "$T/nft"
listening() { grep -q state=listening "$D/ports.status/web"; }
ok "the port listens" wait_until listening
# 10 seconds are the patience of a chain's start
is "$(python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5); s.settimeout(5); s.sendall(b"hello"); print(s.recv(200).decode().split()[-1])' $P 2>&1 | tail -n 1)" hello "a server behind DNAT is reached at once"
end "$p"
done_testing
