#!/bin/sh
# rk-portd -P slirp4netns: what root inside writes into the state directory, or answers in the place of slirp4netns, is
# no part of a request and no line of a status
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
outer
D=$T/st
mkdir -p "$D/ports"
cat > "$T/inside.py" << 'E'
# root inside, as slirp4netns' API: logs each request, answers what the file "answer" says
import os, socket, sys
d, log, answer = sys.argv[1:]
s = socket.socket(socket.AF_UNIX); s.bind(d + "/.s4nn.sock"); s.listen(5)
print("up", flush=True)
while True:
  c, _ = s.accept()
  got = b""
  while True:
    r = c.recv(4096)
    if not r: break
    got += r
  open(log, "ab").write(got + b"\n")
  c.sendall(open(answer, "rb").read())
  c.close()
E
echo '{"return":{"id":1}}' > "$T/answer"
: > "$T/log"
spawn rk-state "$D" rk-userns rk-idmap rk-net -d none python3 "$T/inside.py" "$D" "$T/log" "$T/answer"; p=$pid
wait_until grep -q up "$T/spawn.$p.out"
fact() { rm -f "$D/net/ip"; printf '%s\n' "$1" > "$D/net/ip"; }

fact 10.0.2.100
portd_start "$D" -P slirp4netns
echo 127.0.0.1:8080:80/tcp > "$D/ports/good"
ok "an address goes into the request" wait_until status_is "$D" good state listening
like "$(cat "$T/log")" '"host_addr":"127.0.0.1","host_port":8080,"guest_addr":"10.0.2.100","guest_port":80' \
  "as it stands"

n=0
for ip in '10.0.2.100","host_addr":"0.0.0.0' '10.0.2.100"}}{"execute":"list_hostfwd"}' '"' '10.0.2.100\' '::1' \
  'no address' "$(printf '1\0332')"; do
  n=$((n + 1))
  fact "$ip"
  : > "$T/log"
  echo "127.0.0.1:$((8100 + n)):80/tcp" > "$D/ports/p$n"
  ok "net/ip number $n: refused" wait_until status_is "$D" "p$n" state error
  like "$(status "$D" "p$n" error)" '^net/ip in the state directory is no IPv4 address: "' "with the reason"
  is "$(cat "$T/log")" "" "nothing was asked of slirp4netns"
done

fact 10.0.2.100
printf '{"error":{"desc":"no\033[2J\nstate=listening\nport=0"}}' > "$T/answer"
echo 127.0.0.1:8090:80/tcp > "$D/ports/words"
ok "an error of the API: refused" wait_until status_is "$D" words state error
is "$(status "$D" words error)" 'slirp4netns: "no\x1b[2J\nstate=listening\nport=0"' \
  "its words stand in quotes, in one line"
unlike "$(cat -v "$D/ports.status/words")" '\^\[' "no byte of them reaches a terminal as it is"

# a link in the place of the socket would lead where root inside cannot go
mv "$D/.s4nn.sock" "$T/hidden.sock"
ln -s "$T/hidden.sock" "$D/.s4nn.sock"
: > "$T/log"
echo 127.0.0.1:8095:80/tcp > "$D/ports/link"
ok "a link to another socket: the port is not served" wait_until status_is "$D" link chain failed
is "$(cat "$T/log")" "" "and that socket is not spoken to"
rm "$D/.s4nn.sock"

# bytes that come one by one, for ever, must not keep rk-portd
python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(5)
print("up", flush=True)
while True:
  c, _ = s.accept()
  print("asked", flush=True)
  try:
    while True: c.sendall(b" "); time.sleep(1)
  except OSError: pass
' "$D/.s4nn.sock" > "$T/drip" & drip=$!; tap_pids="$tap_pids $drip"
ok "one that answers byte by byte is asked" wait_until grep -q asked "$T/drip"
kill -TERM "$portd"
ok "SIGTERM ends rk-portd nevertheless" wait_gone "$portd"
end "$p"
done_testing
