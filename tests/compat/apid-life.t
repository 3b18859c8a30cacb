#!/bin/sh
# rk-apid: out of fds and back; one on a directory; nobody's socket but its own is taken away
. "${RK_TEST_LIB:-tests/lib.sh}"
need curl python3
D=$T/st; mkdir -m 700 "$D"
info() {
  curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --unix-socket "$D/api.sock" http://x/v1/info
}
cat > "$T/many.py" <<'E2'
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
# those that are accepted stay until the last is there
held[0].sendall(b'GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n')
assert held[0].recv(100)
E2
for limit in 12 13 14 15 16 64 100 130; do
  # shellcheck disable=SC2016 # for the inner shell
  spawn sh -c 'ulimit -n "$1"; exec rk-apid "$2"' - "$limit" "$D"; p=$pid
  wait_until test -S "$D/api.sock"
  run timeout 60 python3 "$T/many.py" "$D/api.sock" $((limit + 20))
  is "$rc $(info)" "0 200" "a limit of $limit fds: more clients come and go, and the next is answered" ||
    diag "$err"
  end "$p"
done

spawn rk-apid "$D"; first=$pid
wait_until test -S "$D/api.sock"
run rk-apid "$D"
is "$rc $err" "111 rk-apid: fatal: another rk-apid serves $D" "a second one on the directory is refused"
is "$(info)" 200 "and the first one answers still"
kill -KILL "$first"
mkfifo "$T/ready"
# shellcheck disable=SC2016 # for the inner shell
spawn sh -c 'exec rk-apid -d 7 "$1" 7> "$2"' - "$D" "$T/ready"; next=$pid
is "$(head -c 1 "$T/ready" | wc -l)" 1 "after a SIGKILL the next one starts at once"
end "$next"

spawn rk-apid "$D"; p=$pid
wait_until test -S "$D/api.sock"
mv "$D/api.sock" "$T/away"; echo other > "$D/api.sock"
end "$p"
is "$(cat "$D/api.sock")" other "at its end it removes its own socket only"
done_testing
