#!/bin/sh
# 10 000 connections at once from a soft limit of 1024 fds, idle ones in less than 1 KiB each; 100 000 in a row; 1 GiB
# each way at once.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip prlimit
. "$RK_TEST_STAGE/rk/tests/relay/lib.sh"
prlimit --pid $$ --nofile=65536:65536 2>/dev/null || : # a container may not
hard=$(ulimit -H -n) n=10000
[ "$hard" -ge 20200 ] || n=$(((hard - 200) / 2)) # each takes two of the relay's
chmod 0777 "$T"
as_user unshare -Urn sh -c 'ip link set lo up; setpriv --pdeathsig KILL python3 -c "
import socket, threading, zlib
l = socket.create_server((\"\", 7002)); block = bytes(range(256)) * 4096
def one(s):
    crc, n = 0, 0
    def down():
        for _ in range(1024): s.sendall(block)
        s.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=down); t.start()
    while True:
        d = s.recv(1 << 20)
        if not d: break
        crc = zlib.crc32(d, crc); n += len(d)
    t.join(); open(\"$1\", \"w\").write(\"%d %d\" % (n, crc)); s.close()
while True: one(l.accept()[0])" & exec rk-t-conns serve 7000' sh "$T/sum" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
mkfifo "$T/ctl"; chmod 0666 "$T/ctl"
prlimit --nofile=1024:$hard as_user rk-t-portd "$relay" "$ns" "tcp,$host,$port,127.0.0.1,7000" \
  "tcp,$host,$((port + 1)),127.0.0.1,7002" < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
relaypid=$(awk '/ready/ { print $2 }' "$T/portd")
pss() { sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$relaypid/smaps_rollup"; }
empty=$(pss)
mkfifo "$T/go"
rk-t-conns hold "$host" "$port" "$n" < "$T/go" > "$T/hold" 2>&1 &
tap_pids="$tap_pids $!"
exec 8> "$T/go"
ok "$n connections at once" wait_until grep -q "open=$n" "$T/hold"
full=$(pss)
note "PSS of the relay: $empty KiB without, $full KiB with $n idle connections"
[ "$RK_TEST_MODE" = static ] && ok "less than 1 KiB each" [ $((full - empty)) -lt "$n" ]
is "$(find "/proc/$relaypid/fd" -mindepth 1 | wc -l | awk -v n="$n" '{ print int(($1 - n * 2) / 100) }')" 0 "2 fds each"
echo >&8
ok "all are alive" wait_until grep -q "alive=$n" "$T/hold"
exec 8>&-
is "$(timeout 150 rk-t-conns row "$host" "$port" 100000 32)" "echoed=100000 failed=0" "100 000 in a row, none lost"
is "$(timeout 150 python3 -c '
import socket, sys, threading, zlib
block = bytes(range(256)) * 4096; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); crc = 0; n = 0
def up():
    for _ in range(1024): s.sendall(block)
    s.shutdown(socket.SHUT_WR)
t = threading.Thread(target=up); t.start()
while True:
    d = s.recv(1 << 20)
    if not d: break
    crc = zlib.crc32(d, crc); n += len(d)
t.join(); print(n, crc)' "$host" $((port + 1)))" "1073741824 15609258" "1 GiB to the client, while"
wait_until [ -s "$T/sum" ]
is "$(cat "$T/sum")" "1073741824 15609258" "... 1 GiB to the server: the checksums are right"
echo quit >&9
done_testing
