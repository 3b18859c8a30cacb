#!/bin/sh
# Which families a port listens on, by protocol word and address, and families that differ between outside and inside
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
cat > "$T/u/server" <<'E2'
import socket, threading
def serve(family, addr, text):
    s = socket.create_server((addr, 80), family=family, backlog=50)
    while True:
        c, _ = s.accept(); c.sendall(text); c.close()
def echo(family, addr, text):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((addr, 80))
    while True: s.sendto(text, s.recvfrom(99)[1])
for f in serve, echo:
    for a in ((socket.AF_INET, "127.0.0.1", b"four\n"), (socket.AF_INET6, "::1", b"six\n")): threading.Thread(target=f, args=a).start()
E2
cat > "$T/u/ask" <<'E2'
import socket, sys
how, ip, port = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
s.settimeout(15)
try:
    s.connect((ip, int(port)))
    if how == "udp": s.send(b"x")
    print(s.recv(99).decode().strip() or "closed")
except ConnectionRefusedError: print("refused")
except ConnectionResetError: print("refused")
except OSError as e: print(e)
E2
as_user sh -c 'exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$T/u/ready" 2> "$T/u/err" & portd=$!; \
  tap_pids="$tap_pids $portd"
wait_until test -s "$T/u/ready"
as_user rk-state "$D" rk-userns rk-idmap rk-net -d none python3 "$T/u/server" > "$T/u/chain" 2>&1 & chain=$!; \
  tap_pids="$tap_pids $chain"
n=8000
# try SPEC-BEFORE SPEC-AFTER WANT4 WANT6: publish BEFORE:PORT:AFTER, ask by IPv4 and by IPv6 from the other host
try() {
  n=$((n + 1)); how=${2##*/}
  as_user rk-port add -n p$n "$D" "$1:$n:$2" > /dev/null || return
  as_user rk-port wait -c "$D" p$n
  is "$(peer python3 "$T/u/ask" "${how%[46]}" 192.0.2.1 $n) $(peer python3 "$T/u/ask" "${how%[46]}" 2001:db8::1 $n)" \
    "$3 $4" "$1:PORT:$2"
}
for p in tcp udp; do
  try '' "80/$p" four four
  try 0.0.0.0 "80/$p" four four
  try '[::]' "80/$p" six six
  try 0.0.0.0 "80/${p}4" four refused
  try '[::]' "80/${p}6" refused six
  try '' "80/${p}6" refused four
  try '' "127.0.0.1:80/$p" four four
  try '' "[::1]:80/$p" six six
  try 192.0.2.1 "127.0.0.1:80/$p" four refused
  try 192.0.2.1 "80/$p" four refused # the host's first address: 127.0.0.1 inside
  try '[2001:db8::1]' "[::1]:80/$p" refused six
  try '[2001:db8::1]' "127.0.0.1:80/$p" refused four
done
as_user rk-port add -n both4 "$D" 0.0.0.0:9000:80/tcp4 > /dev/null; as_user rk-port add -n both6 "$D" \
  '[::]:9000:80/tcp6' > /dev/null
is "$(peer python3 "$T/u/ask" tcp 192.0.2.1 9000) $(peer python3 "$T/u/ask" tcp 2001:db8::1 9000)" "four six" \
  "tcp4 and tcp6 of one port stand side by side"
is "$(cat "$T/u/err")" "" "not a word from rk-portd"
done_testing
