#!/bin/sh
# 1 GiB each way, slow readers and writers beside it, and 100 000 connections in a row: every byte and every connection
# arrives timeout 600
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
bulk=$RK_TEST_STAGE/rk/tests/ports-bulk.py D=$T/st p=$(free_port) row=100000
[ "$RK_TEST_MODE" = static ] || row=10000 # the path is the same one, and a whole run must end in time
mkdir -p "$D/ports"; echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
chain_start "$D" python3 "$bulk" serve 80
rk-port wait -c "$D"
do_() { python3 "$bulk" "$@" > "$T/out.$1.$#" 2>&1; }
do_ give 127.0.0.1 "$p" 40 0.05 & a=$!
do_ take 127.0.0.1 "$p" 40 0.01 & b=$!
is "$(python3 "$bulk" take 127.0.0.1 "$p" 1024)" same "1 GiB from inside, beside a slow reader and a slow writer"
is "$(python3 "$bulk" give 127.0.0.1 "$p" 1024)" same "1 GiB to inside"
wait $a; is "$(cat "$T/out.give.5")" same "a slow writer's bytes"
wait $b; is "$(cat "$T/out.take.5")" same "a slow reader's bytes"
is "$(python3 "$bulk" row 127.0.0.1 "$p" $row)" $row "$row connections in a row, none lost"
rk-port ls "$D" > /dev/null
is "$(status "$D" web total) $(status "$D" web refused) $(status "$D" web connections)" "$((row + 4)) 0 0" \
  "the status counts them"
done_testing
