#!/bin/sh
# rk-bypass: a program that binds a published port has the host's socket; the relay serves it when it has ended
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 ip
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
cat > "$T/server" <<'E2'
# SOCKET WORD: answers each client with WORD, its own address of the client, and the socket's kind
import os, socket, sys
kind = socket.AF_INET6 if sys.argv[1] == "six" else socket.AF_INET
addr = {"four": "0.0.0.0", "six": "::", "lo": "127.0.0.1"}[sys.argv[1]]
s = socket.socket(kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.bind((addr, 80))
s.listen(100)
print("ready", os.get_inheritable(s.fileno()), s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), flush=True)
while True:
    c, a = s.accept()
    c.sendall(f"{sys.argv[2]} {a[0]}".encode())
    c.close()
E2
cat > "$T/ask" <<'E2'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
print(s.recv(99).decode())
E2
ask() { timeout 60 python3 "$T/ask" 127.0.0.1 "$p" 2>&1; }
via() { sed -n 's/^via=//p' "$D/ports.status/web"; }
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D" 8>&-
spawn rk-state "$D" rk-userns rk-idmap rk-net -d none rk-bypass python3 "$T/server" four one
chain=$pid
wait_until grep -q ready "$T/spawn.$chain.out"
is "$(via) $(ask)" "bypass one 127.0.0.1" "a server of IPv4 has the host's socket"
is "$(cat "$T/spawn.$chain.out")" "ready False 1" "close-on-exec and the options that it had set are as they were"
cat > "$T/second.py" <<'E2'
import socket
s = socket.socket()
try: s.bind(("0.0.0.0", 80)); print("bound")
except OSError as e: print(e.strerror)
E2
is "$(grep -c '^state=listening' "$D/ports.status/web")" 1 "its status is that of a port that listens"
kill "$chain"; wait_gone "$chain"; wait "$chain" 2>/dev/null; tap_forget "$chain"
# several programs in one chain, one after the other
cat > "$T/many" <<'E2'
# each line of stdin is a command of a shell; "end" ends the last that was left in the background
import os, signal, subprocess, sys
last = None
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "start": last = subprocess.Popen(rest, shell=True, preexec_fn=os.setsid)
    elif word == "end": os.killpg(last.pid, signal.SIGKILL); last.wait()
    else: subprocess.run(rest, shell=True)
    print("did", line.strip(), flush=True)
E2
mkfifo "$T/todo"
rk-state "$D" rk-userns rk-idmap rk-net -d none rk-bypass python3 "$T/many" < "$T/todo" > "$T/done" 2>&1 &
chain=$! tap_pids="$tap_pids $!"
exec 8> "$T/todo"
stopped() { ask | grep -q refused; }
does() { echo "$*" >&8; wait_until grep -qxF "did $*" "$T/done" || bail "not done: $*"; }
does start python3 "$T/server" six two '>' "$T/six"
wait_until grep -q ready "$T/six"
is "$(via) $(ask)" "bypass two ::ffff:127.0.0.1" "a server of both, too: as an IPv6 socket"
does run python3 "$T/second.py" '>' "$T/second"
is "$(cat "$T/second")" "Address already in use" "a second one cannot bind the port"
does run python3 "$T/ask" 127.0.0.1 80 '>' "$T/inner" '2>&1'
like "$(cat "$T/inner")" "^two ::ffff:127" "a client inside finds the server"
old=$(pgrep -f "^rk-bypassd $D\$")
kill -9 "$old"
wait_gone "$old"
does run python3 "$T/second.py" '>' "$T/third"
is "$(via) $(cat "$T/third")" "bypass Address already in use" "another rk-bypassd knows who has the socket"
is "$(ask)" "two ::ffff:127.0.0.1" "which accepts as before"
does end
wait_until status_is "$D" web via relay
is "$(via)" relay "the server has ended: the port is the relay's"
does start python3 "$T/server" lo three '>' "$T/lo"
wait_until grep -q ready "$T/lo"
is "$(via) $(ask)" "relay three 10.0.2.2" "a server on the inside's loopback only stays behind the relay"
does end
does start python3 "$T/server" four four '>' "$T/four"
wait_until grep -q ready "$T/four"
is "$(via) $(ask)" "bypass four 127.0.0.1" "and comes back from it"
inside() { timeout 60 rk-enter "$D" "$@" 2>&1; }
is "$(inside python3 "$T/ask" 127.0.0.1 80)" "four 127.0.0.1" "a client of rk-enter finds the server"
inside ip addr add 10.9.9.9/32 dev lo
like "$(inside python3 "$T/ask" 10.9.9.9 80)" "^four " "by an address of the inside, too"
is "$(inside python3 "$T/second.py")" "Address already in use" "a program of rk-enter cannot bind the port"
spawn rk-enter "$D" python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 9000))
print("ready", flush=True)
while True: s.accept()[0].sendall(b"entered")'
entered=$pid
wait_until grep -q ready "$T/spawn.$entered.out"
old=$(pgrep -f "^rk-bypassd $D\$")
kill -9 "$old"
wait_gone "$old"
does run python3 "$T/ask" 127.0.0.1 9000 '>' "$T/nine"
is "$(cat "$T/nine")" entered "and one that it runs can bind another"
end "$entered"
does end
p2=$(free_port)
rm "$D/ports/web"
echo "$p2:80/tcp" > "$D/ports/web"
wait_until status_is "$D" web chain attached
does start python3 "$T/server" four any '>' "$T/any"
wait_until grep -q ready "$T/any"
is "$(via) $(status "$D" web via-reason)" \
  "relay the server's socket is of IPv4 or of IPv6 only, the port is not (/tcp4, /tcp6)" \
  "a server of IPv4 does not get the socket of all addresses"
does end
does start python3 "$T/server" six both '>' "$T/both"
wait_until grep -q ready "$T/both"
is "$(via) $(timeout 60 python3 "$T/ask" ::1 "$p2")" "bypass both ::1" "one of both does"
p=$p2
rm "$D/ports/web"
wait_until test ! -e "$D/ports.status/web"
like "$(ask)" "refused" "a port that is withdrawn stops at once"
echo "$p:80/tcp4" > "$D/ports/web"
wait_until status_is "$D" web chain attached
does end
does start python3 "$T/server" four late '>' "$T/late"
wait_until grep -q ready "$T/late"
is "$(via) $(ask)" "bypass late 127.0.0.1" "it is published again, and bound by another server"
kill -9 "$portd"; wait "$portd" 2> /dev/null; tap_forget "$portd"
rm "$D/ports/web"
portd_start "$D" 8>&-
wait_until stopped
like "$(ask)" "refused" "withdrawn while rk-portd was dead: the next one stops it"
exec 8>&-
wait_gone "$chain"
run rk-userns rk-idmap rk-net -n none rk-bypass true
is "$rc/$err" "100/rk-bypass: fatal: no ports are published without rk-state before rk-userns" "without rk-state"
run rk-state "$D" rk-userns rk-idmap rk-bypass true
is "$rc/$err" "100/rk-bypass: fatal: put rk-net before rk-bypass: this is the host's network" "without rk-net"
run rk-state "$D" rk-userns rk-idmap rk-net -n none rk-confine rk-bypass true
is "$rc/$err" "100/rk-bypass: fatal: rk-bypass confines the program itself: leave rk-confine out" "after rk-confine"
warning='rk-bypass: warning: published ports stay on rk-relay: another supervisor of system calls is there,'
run rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass \
  rk-state "$T/nested" rk-userns rk-idmap rk-net -n none rk-bypass echo runs
is "$rc/$out/$(printf '%s' "$err" | grep -o "$warning")" "0/runs/$warning" \
  "a chain within a chain: the inner one does without"
done_testing
