#!/bin/sh
# rk-apid: slow and hostile clients hold up nobody; many at once; large bodies
. "${RK_TEST_LIB:-tests/lib.sh}"
need curl python3
D=$T/st; mkdir -m 700 "$D"
spawn rk-apid "$D"; apid=$pid
wait_until test -S "$D/api.sock"
cat > "$T/hostile.py" <<'E'
import socket, sys, os
def conn():
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20); return s # a full backlog makes a timed connect fail
idle = [conn() for _ in range(200)]                     # say nothing
half = [conn() for _ in range(100)]
for s in half: s.sendall(b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"proto":')
for junk in (os.urandom(4096), b'\0' * 10000, b'GET ' + b'a' * 100000, b'GET / HTTP/9.9\r\n\r\n', b'POST /v1/ports HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
             b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', b'GET /v1/info HTTP/1.1\r\n' + b'A: b\r\n' * 20000):
    s = conn()
    try:
        s.sendall(junk); s.recv(100)
    except OSError: pass
    s.close()
s = conn()                                              # no end of a chunked body
s.sendall(b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
sent = 0
try:
    while sent < 64 << 20:
        s.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n'); sent += 65536
except OSError: pass
print('cut' if sent < 8 << 20 else 'swallowed %d' % sent)
s = conn()                                              # a pipeline
s.sendall(b'GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n' * 50)
got = b''
while got.count(b'"apiVersion"') < 50: got += s.recv(65536)
print('answered')
s = conn()                                              # JSON 100000 deep
body = b'[' * 100000
s.sendall(b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
print(s.recv(65536).split()[1].decode())
print(conn().connect_ex(sys.argv[1]) and 'served')
import subprocess
print(subprocess.run(['curl', '-sS', '--max-time', '15', '-o', '/dev/null', '-w', '%{http_code}', '--unix-socket', sys.argv[1], 'http://x/v1/info'], capture_output=True, text=True).stdout)
E
run timeout 120 python3 "$T/hostile.py" "$D/api.sock"
is "$rc $out" "0 cut
answered
400
served
200" "with 300 open connections and garbage, others are served" || diag "$err"
ok "rk-apid lives" kill -0 "$apid"
head -c 1048577 /dev/zero | tr '\0' ' ' > "$T/big"
is "$(curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$D/api.sock" --data-binary "@$T/big" http://x/v1/ports)" \
  413 "a body over 1 MiB is refused"
head -c 1048000 /dev/zero | tr '\0' ' ' > "$T/big"
is "$(curl -sS --unix-socket "$D/api.sock" --data-binary "@$T/big" http://x/v1/ports)" '{"message":"EOF"}' \
  "one below is read"

# nobody answers for ports yet: 20 requests wait, the 21st client is served at once; then rk-portd comes
P=$((20000 + $$ % 10000)) n=0
while [ $n -lt 20 ]; do
  curl -sS --max-time 60 --unix-socket "$D/api.sock" -d \
    "{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$((P + n)),\"childPort\":1}" http://x/v1/ports > \
    "$T/add.$n" &
  n=$((n + 1))
done
wait_until sh -c '[ "$(ls "$1" 2>/dev/null | wc -l)" = 20 ]' - "$D/ports"
is "$(curl -sS --max-time 30 --unix-socket "$D/api.sock" http://x/v1/ports)" null "requests that wait hold up nobody"
spawn rk-portd "$D"
wait_until sh -c 'cat "$1"/add.* | grep -o "\"id\":" | wc -l | grep -qx 20' - "$T"
is "$(cat "$T"/add.* | grep -o '"id":[0-9]*' | sort -u | wc -l)" 20 "20 clients at once get 20 ids"
is "$(curl -sS --unix-socket "$D/api.sock" http://x/v1/ports | grep -o '"id":[0-9]*' | sort -t: -k2n -c && echo sorted)" sorted "the list is sorted by id"
done_testing
