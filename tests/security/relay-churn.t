#!/bin/sh
# Root inside changes its netfilter and its routes without end: rk-portd and the relay answer all the same.
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 ip
D=$T/st churn=$RK_TEST_STAGE/rk/tests/security/churn.py
cat > "$T/inside" <<'E2'
#!/bin/sh
# Chains that make each list long, routes and rules that look like those of a relay that was killed, and then changes
# without end.
python3 -c '
for i in range(5000):
    at = "11.%d.%d.%d" % (i >> 16, i >> 8 & 255, i & 255)
    print("route add local", at, "dev lo table 29291 proto 114 metric 4194303")' > "$1/routes"
ip -batch "$1/routes" || exit
setpriv --pdeathsig KILL python3 "$0.py" 30000 > "$1/churn1" &
setpriv --pdeathsig KILL python3 "$0.py" 500 > "$1/churn2" &
exec python3 -c '
import socket
s = socket.create_server(("0.0.0.0", 80))
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"hello")
    c.close()'
E2
cp "$churn" "$T/inside.py"
rk-state "$D" rk-userns rk-idmap rk-net -d none sh "$T/inside" "$T" > "$T/chain" 2>&1 < /dev/null &
chain=$!
tap_pids="$tap_pids $chain"
wait_until grep -q ready "$T/chain" || bail "no chain: $(cat "$T/chain")"
wait_until grep -q ready "$T/churn1"
wait_until grep -q ready "$T/churn2"
portd_start "$D"
port=$(free_port)
ask() {
  python3 -c '
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
c.settimeout(60)
print(c.recv(9).decode())' "$1" 2>&1
}
for i in 1 2 3; do
  run rk-port add -t 60 "$D" "127.0.0.1:$((port + i)):80/tcp"
  is "$rc" 0 "port $i is published while all changes"
  is "$(ask $((port + i)))" hello "... and served"
done
unlike "$(cat "$T/portd.err")" 'replaced|starting another' "by one relay"
end "$chain" # and with it the two
kill -TERM "$portd"
ok "SIGTERM ends rk-portd" wait_gone "$portd"
done_testing
