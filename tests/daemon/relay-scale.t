#!/bin/sh
# 10 000 ports from one range, 4 000 idle connections in less than 1 KiB each, many in a row.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
[ "$(ulimit -H -n)" -ge 12000 ] || skip_all "the hard limit of open files is below 12 000"
inside sh -c 'setpriv --pdeathsig KILL python3 "$0" echo 16999 > /dev/null & exec python3 "$0" echo 7000' \
  "$tools/clients.py"
portd "tcp,$host,$port,127.0.0.1,7000"
before=$(date +%s%N)
tell "add tcp,127.1.2.3,20000,127.0.0.1,7000,10000" added || bail "$answer"
note "10 000 ports in $((($(date +%s%N) - before) / 1000000)) ms"
is "$(timeout 60 python3 "$tools/clients.py" row 127.1.2.3 20000 3)" "echoed=3" "the first of a range of 10 000 ports"
is "$(timeout 60 python3 "$tools/clients.py" row 127.1.2.3 29999 3)" "echoed=3" "the last"
tell "del 2" deleted
like "$(timeout 100 python3 "$tools/clients.py" idle "$host" "$port" 4000 true)" "alive=4000" \
  "4 000 connections at once"
is "$(timeout 100 python3 "$tools/clients.py" row "$host" "$port" 5000)" "echoed=5000" "5 000 in a row, none lost"
is "$(nsenter -t "$ns" -U -n --preserve-credentials cat /proc/sys/net/ipv4/tcp_tw_reuse)" 1 \
  "ports in TIME-WAIT are free for the gateway's next connection"
tell stats end
like "$answer" "id=1 now=0 total=9000 .*refused=0" "the counters agree"
echo quit >&9
done_testing
