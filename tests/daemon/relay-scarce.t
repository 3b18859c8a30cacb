#!/bin/sh
# Out of fds: clients wait in the backlog and are served as others leave; none is reset; one line says so.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
inside sh -c 'setpriv --pdeathsig KILL python3 "$1" serve 7000 > /dev/null & exec python3 "$0" echo 7000' \
  "$tools/clients.py" "$tools/datagrams.py"
limit=64
portd "tcp,$host,$port,127.0.0.1,7000" "udp,$host,$port,127.0.0.1,7000"
out=$(timeout 60 python3 "$tools/clients.py" waves "$host" "$port" 60)
like "$out" "answered=60 first=[0-9]+ resets=0" "60 clients: some are served, the rest waits for them, nobody is reset"
is "$(grep -c "accepting is paused, clients wait" "$T/portd.err")" 1 "said once"
is "$(timeout 60 python3 "$tools/clients.py" row "$host" "$port" 200)" "echoed=200" "afterwards all is well"
is "$(timeout 60 python3 "$tools/datagrams.py" ask "$host" "$port" turns)" ok \
  "100 UDP clients in turn: the longest silent session makes room"
tell stats end
like "$answer" "id=1 now=0 total=260 .*refused=0 .*state=0" "the counters agree"
echo quit >&9
done_testing
