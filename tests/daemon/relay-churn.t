#!/bin/sh
# Ports are added and removed under load: connections through the others see nothing of it.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside sh -c 'setpriv --pdeathsig KILL rk-t-conns serve 7001 > /dev/null & setpriv --pdeathsig KILL python3 "$1" serve 7002 > /dev/null & exec python3 "$0" serve 7000 "$2"' \
  "$tools/faith.py" "$tools/datagrams.py" "$T/server"
portd "tcp,$host,$port,127.0.0.1,7000"
(while [ ! -e "$T/stop" ]; do # clients of ports that come and go: nothing is expected of them
  for p in 1 2 3; do timeout 2 rk-t-conns row "$host" $((port + p)) 300 20; done
  timeout 2 python3 "$tools/datagrams.py" ask "$host" $((port + 5)) replies
done > /dev/null 2>&1) & others=$!
python3 "$tools/faith.py" ask "$host" "$port" "$T/client" 480 7 1000000 & faith=$!
id=1 rounds=0 bad=0
answers() { [ "$(wc -l < "$T/portd")" -ge 80 ]; }
while kill -0 $faith 2>/dev/null && [ $rounds -lt 1000 ]; do
  : > "$T/portd"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    rounds=$((rounds + 1))
    for p in 1 2 3; do echo "add tcp,$host,$((port + p)),127.0.0.1,7001"; done
    echo "add udp,$host,$((port + 5)),127.0.0.1,7002"
    for p in 1 2 3 4; do id=$((id + 1)); echo "del $id"; done
  done >&9
  wait_until answers || bad=$((bad + 1))
  bad=$((bad + $(grep -Ecv '^(added|deleted)$' "$T/portd")))
done
wait $faith
: > "$T/stop"
is "$bad" 0 "$rounds times four ports were added and removed"
is "$(grep -c ' ok ' "$T/client")" 480 "480 clients of another port saw nothing of it"
grep -hv ' ok ' "$T/client" "$T/server" | sed 's/^/# /' | head -20 >&2
tell stats end
like "$answer" "id=1 now=0 total=480 .*refused=0" "the counters agree"
is "$(cat "$T/portd.err")" "" "the relay had nothing to say"
wait "$others"
echo quit >&9
done_testing
