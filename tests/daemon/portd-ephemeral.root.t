#!/bin/sh
# Standing connections keep no port from being published: not by their number inside, not by the driver's on the host
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns python3
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; U=$T/u D=$T/u/st n=400
tool=$RK_TEST_STAGE/rk/tests/daemon/ephemeral.py
# shellcheck disable=SC3045 # every shell that is /bin/sh somewhere has it
ulimit -n 4096
as_user sh -c 'exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$U/ready" 2> "$U/portd.err" & tap_pids="$tap_pids $!"
wait_until test -s "$U/ready"
printf '127.0.0.1:8080:80/tcp\nsrcip=loopback\n' > "$D/ports/first"; chmod 644 "$D/ports/first"
spawn nsenter --net="$RK_TEST_OUTER" python3 "$tool" peer $n "$U/peer"
wait_until test -e "$U/peer.up"
as_user rk-state "$D" rk-userns rk-idmap rk-net -d slirp4netns sh -c \
  'cat /proc/sys/net/ipv4/ip_local_port_range > "$0/range"; exec "$@"' "$U" \
  python3 "$tool" inside $n "$U/inside" "$U/ask" "$U/told" > "$U/chain.out" 2>&1 & tap_pids="$tap_pids $!"
wait_until test -e "$U/inside.up" || diag "$(cat "$U/chain.out")"
is "$(cat "$U/range")" "$(printf '32768\t60999')" "inside the kernel's own range is left alone"
as_user python3 "$tool" clients $n "$U/clients" & tap_pids="$tap_pids $!"
wait_until test -e "$U/clients"; wait_until test -e "$U/inside"; wait_until test -e "$U/peer"
is "$(wc -l < "$U/peer") $(wc -l < "$U/inside")" "$n $((2 * n))" "connections are standing"
is "$(awk '$1 < 32768' "$U/peer" "$U/inside")" "" "none has a number below the range"
# of the 800 inside: the relay's 400, and 400 out of the chain, whose address is another
{ cat "$U/peer" "$U/inside"; printf '%s\n' 27017 25565 18080 29092 30000 32767; } | sort -un > "$U/ask.new"
mv "$U/ask.new" "$U/ask"
wait_until test -e "$U/told"
is "$(cat "$U/told.refused")" "" "a server can listen at each of those numbers, 127.0.0.1"
ok "and at 100 more that the kernel chose" test "$(wc -l < "$U/told")" -ge $(($(wc -l < "$U/ask") + 100))
while read -r port; do echo "0.0.0.0:$port:$port/tcp" > "$U/port"; mv "$U/port" "$D/ports/p$port"; done < "$U/told"
chmod 644 "$D"/ports/*
all() { [ "$(grep -lE '^state=(listening|error)' "$D"/ports.status/p* | wc -l)" = "$(wc -l < "$U/told")" ]; }
ok "all are published" wait_until all
is "$(grep -h ^error= "$D"/ports.status/* | head -n 5)" "" "none is in use"
is "$(as_user python3 "$tool" ask "$U/told" | head -n 5)" "" "each leads to its server"
done_testing
