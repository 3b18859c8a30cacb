#!/bin/sh
# Datagrams: every size, order, many clients, many answers, segmented senders, errors passed on.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip
relay=$RK_TEST_INST/libexec/rk/rk-relay py="$RK_TEST_STAGE/rk/tests/relay/datagrams.py" port=20000
v6port=$((20000 + $$ % 10000)) host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7
unshare -Urn sh -c 'ip link set lo up; setpriv --pdeathsig KILL python3 "$0" serve 7001 & exec python3 "$0" serve 7000' "$py" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
both() { [ "$(grep -c ready "$T/serve")" = 2 ]; }
wait_until both || bail "no server: $(cat "$T/serve")"
mkfifo "$T/ctl"
rk-t-portd "$relay" "$ns" "udp,$host,$port,127.0.0.1,7000" "udp,::1,$v6port,127.0.0.1,7000" \
  "udp,$host,$((port + 1)),127.0.0.1,7001,refuse" \
  < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
for c in sizes mixed clients replies segments gone; do is "$(timeout 60 python3 "$py" ask "$host" "$port" $c)" ok \
  "$c"; done
is "$(timeout 60 python3 "$py" ask ::1 "$v6port" sizes)" ok "a v6 client of a v4 backend"
is "$(timeout 60 python3 "$py" ask "$host" $((port + 1)) refused)" ok \
  "refuse=backend: ICMP for the client while nobody has bound, and then no more"
echo stats >&9
wait_until grep -q end "$T/portd"
like "$(cat "$T/portd")" "id=1 now=[0-9]+ total=[0-9]+ .*kept=0 dropped=0 state=0; id=2" "nothing was dropped"
echo "del 1" >&9
wait_until grep -q deleted "$T/portd"
is "$(timeout 60 python3 "$py" ask "$host" "$port" sizes)" "ConnectionRefusedError [Errno 111] Connection refused" \
  "a deleted port is free"
echo quit >&9
done_testing
