#!/bin/sh
# rk-apid: what stalled and greedy clients hold is bounded, they keep nobody out, and control characters get into
# nothing
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
D=$T/st; mkdir -m 700 "$D"
spawn rk-apid "$D"; apid=$pid
wait_until test -S "$D/api.sock"
rss() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$apid/status"; }
cat > "$T/slow.py" <<'E'
# slow.py SOCKET KIND: 600 clients that stall in that way, then one that does not
import socket, sys, time
def conn():
    for _ in range(2000):
        s = socket.socket(socket.AF_UNIX); s.settimeout(20)
        try: s.connect(sys.argv[1]); return s
        except BlockingIOError: s.close(); time.sleep(0.01)
    raise SystemExit('cannot connect')
part = {
    'silent': b'',
    'header': b'GET /v1/info HTTP/1.1\r\nHost: x\r\n',
    'body': b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 1048575\r\n\r\n' + b' ' * 1048000,
    'chunks': b'POST /v1/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' + (b'8000\r\n' + b' ' * 32768 + b'\r\n') * 20,
    'answers': b'GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n' * 3000,
}[sys.argv[2]]
stalled = []
for _ in range(600):
    s = conn(); stalled.append(s)
    s.settimeout(0.5 if sys.argv[2] == 'answers' else 20)
    try: s.sendall(part)
    except OSError: pass # it was cut off, or nobody reads it
    if sys.argv[2] == 'answers' and len(stalled) == 30: break
s = conn()
s.sendall(b'GET /v1/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
print(s.recv(100).split()[1].decode())
E
for kind in silent header body chunks answers; do
  run timeout 100 python3 "$T/slow.py" "$D/api.sock" $kind
  is "$rc $out" "0 200" "600 clients stall ($kind): the next one is served" || diag "$err"
done
if [ "$RK_TEST_MODE" = asan ]; then skip 1 "the address sanitizer holds back what is freed"
else ok "and rk-apid has never had more than 40 MiB: $(rss) KiB" test "$(rss)" -lt 40960; fi

cat > "$T/send.py" <<'E'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
got = b''
while True:
    d = s.recv(65536)
    if not d: break
    got += d
head, _, body = got.partition(b'\r\n\r\n')
print(head.split()[1].decode() if head else 'closed', *[l.decode() for l in head.split(b'\r\n') if l.lower().startswith((b'location', b'set-cookie'))], body.decode().strip())
E
send() { printf '%b' "$1" | python3 "$T/send.py" "$D/api.sock"; }
post() { # JSON, as printf %b reads it
  post_len=$(printf '%b' "$1" | wc -c)
  { printf 'POST /v1/ports HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' "$post_len"; printf \
    '%b' "$1"; } | python3 "$T/send.py" "$D/api.sock"
}
for c in '\\u0000' '\\u0000x' '\\n' '\\r' '\\t' '\\b' '\\u000A' '\\u001b' '\\u007f' '\\u007F' '\\u009b' '\n' '\033' \
  '\0177'; do
  is "$(post '{"proto":"tcp","parentIP":"127.0.0.1'"$c"'","parentPort":9000,"childPort":80}')" \
    '400 {"message":"control character in a string"}' "parentIP with $(printf %s "$c" | tr '\\' /) is refused"
done
is "$(post '{"proto":"tcp\\u0000x","parentPort":9000,"childPort":80}')" \
  '400 {"message":"control character in a string"}' "proto, too"
is "$(post '{"proto\\u0000":"tcp","parentPort":9000,"childPort":80}')" \
  '400 {"message":"control character in a string"}' "and a key"
like "$(post '{"proto":"a\\\\u0000","parentPort":9000,"childPort":80}')" '^400 .*unknown proto' \
  "a backslash before u0000 is none"
like "$(post '{\n "proto" :\t"x" }')" '^400 .*unknown proto' "blanks between strings are no control characters"
is "$(ls "$D/ports" 2>/dev/null)" "" "no port was made"
for path in '/v1/ports/1%00' '/v1/ports%00' '/v1/info%0a' '/a//%0d%0aSet-Cookie:x' '/v1/%1b[31m' '/v1/%7F' \
  '/v1/info?x=%00' '/v1/ports/1%0A'; do
  is "$(send "GET $path HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")" \
    '400 {"message":"control character in the path"}' "$path is refused"
done
like "$(send 'GET /v1/\033[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')" '^(400|404|closed)' \
  "a raw control character in the path too"
is "$(send 'GET /a//b%20%e2%80%ae%25 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')" \
  '301 Location: /a/b%20%E2%80%AE%25 ' "a redirect is escaped"
is "$(send 'GET //%2e%2e/v1//info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')" '301 Location: /v1/info ' \
  "and clean"
like "$(send 'DELETE /v1/ports/\302\233\377 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')" '^(400|closed)' \
  "C1 in a path"
ok "rk-apid lives" kill -0 "$apid"
done_testing
