#!/bin/sh
# 1 000 ports in 1 000 files, 10 000 in one range, ports coming and going while another is in use
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 nginx
[ "$(ulimit -Hn)" -ge 12000 ] || skip_all "the hard limit of open files is $(ulimit -Hn)"
ulimit -Sn 1024
D=$T/st
nginx_conf "$T/nginx.conf" 80
# An address of the loopback network of this test's own: nothing else is there.
ip=127.$(($$ % 200 + 20)).$(($$ / 200 % 250 + 1)).1
portd_start "$D"
chain_start "$D" nginx -c "$T/nginx.conf"
echo "$ip:8080:127.0.0.1:80/tcp" > "$D/ports/web"
rk-port wait -c "$D" web

python3 - "$D" "$ip" <<'E2'
import os, sys
d, ip = sys.argv[1:]
for i in range(1000):
    with open(f"{d}/ports/.x", "w") as f: f.write(f"{ip}:{10000+i}:127.0.0.1:80/tcp\n")
    os.rename(f"{d}/ports/.x", f"{d}/ports/p{i}")
E2
ok "1 000 files: the last one listens" rk-port wait -c -t 30 "$D"
is "$(grep -l '^state=listening' "$D"/ports.status/p* | wc -l)" 1000 "and all others"
is "$(grep -l '^chain=attached' "$D"/ports.status/p* | wc -l)" 1000 "and are served"
for i in 10000 10500 10999; do
  is "$(curl -sS -m 10 "http://$ip:$i/")" "hello from inside" "port $i leads inside"
done
run rk-port add -n range -t 30 "$D" "$ip:20000-29999:127.0.0.1:20000-29999/tcp"
is "$rc" 0 "a range of 10 000 ports in one file"
r=$(pgrep -P "$portd" -x rk-relay)
note "rk-portd has $(pgrep -P $$ -x rk-portd | wc -l) process, relay $r"
cat > "$T/probe" <<'E2'
import socket, sys
ip = sys.argv[1]
n = 0
for p in range(20000, 30000, 97):
    s = socket.socket(); s.settimeout(5)
    try: s.connect((ip, p)); s.recv(1)
    except ConnectionResetError: n += 1 # nothing listens inside: reset, which proves that it led there
    s.close()
print(n)
E2
is "$(python3 "$T/probe" "$ip")" 104 "each 97th of it leads inside"

# 200 ports come and go while one is fetched from without a pause
cat > "$T/load" <<'E2'
import os, sys, urllib.request
good = bad = 0
while not os.path.exists(sys.argv[2]):
    try:
        assert urllib.request.urlopen(sys.argv[1], timeout=10).read() == b"hello from inside\n"; good += 1
    except Exception as e: bad += 1; print(e, file=sys.stderr)
print(bad if good > 10 else "none")
E2
python3 "$T/load" "http://$ip:8080/" "$T/stop" > "$T/result" & load=$!
i=0
while [ $i -lt 200 ]; do
  echo "$ip:$((11000 + i)):127.0.0.1:80/tcp" > "$D/ports/t$i"; rm -f "$D/ports/p$i"
  i=$((i + 1))
done
ok "200 added and 200 removed" wait_until sh -c \
  '[ "$(ls "$1"/ports.status | grep -c "^t")" = 200 ] && [ "$(ls "$1"/ports.status | grep -c "^p")" = 800 ]' sh "$D"
: > "$T/stop"; wait $load
is "$(cat "$T/result")" 0 "without a failure on another port"
run curl -sS -m 5 "http://$ip:10005/"; is "$rc" 7 "a removed port refuses"
is "$(curl -sS -m 10 "http://$ip:11199/")" "hello from inside" "an added one leads inside"
kill -KILL "$r"; wait_gone "$r"
is "$(curl -sS -m 10 "http://$ip:11199/")" "hello from inside" "relay killed: 11 001 sockets are handed to the next"
end "$portd"
is "$(ls -A "$D/ports.status")" "" "at the end no status is left"
done_testing
