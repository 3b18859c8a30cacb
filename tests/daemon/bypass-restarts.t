#!/bin/sh
# rk-bypass: the program's calls and its published port survive the end of rk-bypassd and of rk-portd
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
cat > "$T/server.py" <<'E2'
"""Two workers with SO_REUSEPORT on port 80, then, for each line of stdin, connects to a server inside until
the file of argv[1] is there: which did not come"""
import os
import socket
import sys
import threading
def listener():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("0.0.0.0", 80))
    s.listen(100)
    return s
def answer(s):
    while True:
        c = s.accept()[0]
        c.sendall(b"served")
        c.close()
def thread(f, *a):
    t = threading.Thread(target=f, args=a, daemon=True)
    t.start()
    return t
thread(answer, listener())
worker = os.fork()
if not worker:
    answer(listener())
inner = socket.create_server(("127.0.0.1", 9000), backlog=4000)
thread(answer, inner)
came = []
def connects(timeout):
    while not os.path.exists(sys.argv[1]):
        try:
            s = socket.socket()
            s.settimeout(timeout) # None: it blocks in the call; else poll(2) waits
            s.connect(("127.0.0.1", 9000))
            came.append(s.recv(9) == b"served")
        except OSError as e:
            came.append(e)
        s.close()
print("ready", flush=True)
for line in sys.stdin:
    came.clear()
    for t in [thread(connects, t) for t in (None, 60) * 4]:
        t.join()
    print("came", len(came) > 100, *{repr(e) for e in came if e is not True}, flush=True)
os.kill(worker, 9)
E2
cat > "$T/ask.py" <<'E2'
import socket
import sys
try:
    print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60).recv(99).decode())
except OSError as e:
    print(e.strerror)
E2
ask() { timeout 60 python3 "$T/ask.py" "$p"; }
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
mkfifo "$T/todo"
rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass python3 "$T/server.py" "$T/stop" \
  < "$T/todo" > "$T/out" 2> "$T/err" &
chain=$! tap_pids="$tap_pids $!"
exec 8> "$T/todo"
wait_until grep -q ready "$T/out" || bail "$(cat "$T/err")"
is "$(status "$D" web via) $(ask)" "bypass served" "both workers bind the published port"
echo go >&8
for _ in 1 2 3 4 5; do
  wait_until pgrep -f "^rk-bypassd $D\$"
  d=$(pgrep -f "^rk-bypassd $D\$")
  kill -9 "$d"
  wait_gone "$d"
done
: > "$T/stop"
wait_until grep -q came "$T/out"
is "$(tail -n 1 "$T/out")" "came True" "rk-bypassd is killed five times: no connect is lost"
is "$(ask)" served "clients from outside come as before"
kill -9 "$portd"; wait "$portd" 2> /dev/null; tap_forget "$portd"
is "$(ask)" served "rk-portd was killed: the server has its socket"
portd_start "$D"
wait_until status_is "$D" web via bypass
is "$(status "$D" web state) $(ask)" "listening served" "another takes the port up"
kill -QUIT "$portd"; wait_gone "$portd"; tap_forget "$portd"
is "$(ask)" served "SIGQUIT leaves it to the server, too"
portd_start "$D"
wait_until status_is "$D" web via bypass
is "$(status "$D" web error)" "" "and the next one takes it up without an error"
kill "$portd"; wait_gone "$portd"; tap_forget "$portd"
is "$(ask)" "Connection refused" "SIGTERM stops it"
exec 8>&-
wait_gone "$chain"
done_testing
