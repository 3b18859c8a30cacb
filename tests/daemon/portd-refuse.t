#!/bin/sh
# refuse=backend: the port itself refuses while nothing listens inside, nobody can take it meanwhile, and it survives
# its keepers
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st p=$(free_port)
cat > "$T/server" <<'E2'
import os, socket, sys, time
d, keep = sys.argv[1], []
while True: # listens while the file "open" is there; accepts and keeps
    while not os.path.exists(d + "/open"): time.sleep(.01)
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 80)); s.listen(5); s.settimeout(.01); open(d + "/listens", "w")
    while os.path.exists(d + "/open"):
        try: c = s.accept()[0]; c.sendall(b"hello\n"); keep.append(c)
        except OSError: pass
    s.close(); os.unlink(d + "/listens")
E2
cat > "$T/try" <<'E2'
import socket, sys
how, port = sys.argv[1], int(sys.argv[2])
s = socket.socket()
if how == "take":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port)); s.listen(5)
else:
    s.settimeout(10); s.connect(("127.0.0.1", port)); assert s.recv(6) == b"hello\n"
    if how == "keep": print("here", flush=True); assert s.recv(1) == b""
E2
try() { run python3 "$T/try" "$1" "$p"; }
mkdir -p "$D/ports"
printf '127.0.0.1:%s:80/tcp\nrefuse=backend\n' "$p" > "$D/ports/web"
portd_start "$D"
chain_start "$D" python3 "$T/server" "$T"
rk-port wait -c "$D" web
try to; like "$err" 'ConnectionRefusedError' "nothing listens inside: the port refuses"
kill -USR1 "$portd"; ok "the status says so" wait_until status_is "$D" web refusing yes
try take; like "$err" 'Address already in use' "but nobody else can take it"
: > "$T/open"
ok "something listens: so does the port" wait_until python3 "$T/try" to "$p"
python3 "$T/try" keep "$p" > "$T/kept" & kept=$!
wait_until test -s "$T/kept"
rm "$T/open"; wait_until test ! -e "$T/listens"
try to
ok "it stops listening: refused again" wait_until sh -c '! python3 "$1" to "$2" 2>/dev/null' sh "$T/try" "$p"
try take; like "$err" 'Address already in use' "and kept from others"
: > "$T/open"
ok "it listens again beside a connection that lives" wait_until python3 "$T/try" to "$p"
rm "$T/open"; wait_until test ! -e "$T/listens"; try to
r=$(pgrep -P "$portd" -x rk-relay)
kill -KILL "$portd"; wait_gone "$portd"
portd_start "$D"
is "$(status "$D" web state)" listening "rk-portd killed while it refuses: the next has the port"
: > "$T/open"
ok "and serves it" wait_until python3 "$T/try" to "$p"
ok "the connection still lives" kill -0 "$kept"
rm "$T/open"; wait_until test ! -e "$T/listens"; try to
s=$(pgrep -P "$portd" -x rk-relay); kill -KILL "$s"; wait_gone "$s"
: > "$T/open"
ok "relay killed while it refuses: the next serves it" wait_until python3 "$T/try" to "$p"
end "$chain"; wait "$kept"; is $? 0 "the connection ends with the chain"
ok "and the old relay with it" wait_gone "$r"
done_testing
