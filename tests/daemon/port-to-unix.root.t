#!/bin/sh
# a port that leads to a unix socket inside: which may come later, be made anew, and is never what root inside must not
# lead others to
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st p=$(free_port)
cat > "$T/u/server" <<'E2'
# SERVER PATH WORD [BACKLOG]: answers the length of what came and its own word; with a backlog it accepts only when the
# file PATH.go is there
import os, socket, sys, threading, time
path, word = sys.argv[1:3]
try: os.unlink(path)
except FileNotFoundError: pass
s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen(int(sys.argv[3]) if sys.argv[3:] else 50)
print("ready", flush=True)
def answer(c):
    n = 0
    while True:
        b = c.recv(65536)
        if not b: break
        n += len(b)
    c.sendall(b"%d %s " % (n, word.encode()) + b"x" * n); c.close()
while sys.argv[3:] and not os.path.exists(path + ".go"): time.sleep(.02)
while True: threading.Thread(target=answer, args=(s.accept()[0],)).start()
E2
cat > "$T/u/ask" <<'E2'
# ASK PORT LENGTH: the first two words of the answer, and whether all came
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 100); n = int(sys.argv[2])
try:
    s.sendall(b"y" * n); s.shutdown(socket.SHUT_WR); got = b""
    while True:
        b = s.recv(65536)
        if not b: break
        got += b
    w = got.split(b" ", 2)
    print(*(x.decode() for x in w[:2]), "whole" if len(w) == 3 and len(w[2]) == n else "cut")
except OSError as e: print("error", e.strerror)
E2
ask() { python3 "$T/u/ask" "$p" "$1"; }
asked() { # FILE LENGTH: in the background: $pid
  python3 "$T/u/ask" "$p" "$2" > "$1" 2>&1 &
  pid=$! tap_pids="$tap_pids $!"
}
inside() { as_user rk-enter "$D" "$@"; }
serve() { # WORD [BACKLOG]: $server
  : > "$T/u/said"
  as_user rk-enter "$D" python3 "$T/u/server" /run/app.sock "$@" > "$T/u/said" 2>&1 &
  server=$! tap_pids="$tap_pids $!"
  wait_until grep -q ready "$T/u/said"
}
waits() {
  kill -USR1 "$portd"
  status_is "$D" app waiting yes
}
reason() { # TEXT: the status says it, after a client has asked
  asked "$T/u/try" 1
  tries="${tries:-} $pid"
  kill -USR1 "$portd"
  status_is "$D" app reason "$1"
}
as_user sh -c 'exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$T/u/ready" 2> "$T/u/err" &
portd=$! tap_pids="$tap_pids $portd"
wait_until test -s "$T/u/ready"
as_user rk-state "$D" rk-userns rk-idmap rk-copyup /run rk-net -n none rk-hold > "$T/u/chain" 2>&1 &
chain=$! tap_pids="$tap_pids $chain"
run as_user rk-port add -n app -o wait=forever "$D" "127.0.0.1:$p:unix:/run/app.sock"
is "$rc $out" "0 app" "add"
as_user rk-port wait -c "$D" app
is "$(status "$D" app spec) $(status "$D" app target)" "127.0.0.1:$p:unix:/run/app.sock unix:/run/app.sock" "its status"
is "$(status "$D" app reason)" "there is no such socket in the chain yet" "there is no server yet"
asked "$T/u/first" 5
first=$pid
ok "a client waits" wait_until waits
serve one
wait "$first"
is "$(cat "$T/u/first")" "5 one whole" "the server comes: it is served"
is "$(ask 3000000)" "3000000 one whole" "3 MB there and back, each end told by a half-close"
is "$(ask 0)" "0 one whole" "nothing"
end "$server"
asked "$T/u/second" 7
second=$pid
ok "the server goes: a client waits" wait_until waits
serve two
wait "$second"
is "$(cat "$T/u/second")" "7 two whole" "another server makes the socket anew: it is served by that"
end "$server"
serve slow 1
all=''
for i in $(seq 20); do
  asked "$T/u/many.$i" "$i"
  all="$all $pid"
done
inside touch /run/app.sock.go
# shellcheck disable=SC2086 # pids
wait $all
is "$(cat "$T"/u/many.* | sort -n | tr '\n' ' ')" "$(for i in $(seq 20); do printf '%s slow whole ' "$i"; done)" \
  "a server that accepts late: twenty clients, none refused"
end "$server"

# what root inside may put there
wrong() { # NAME REASON COMMAND: inside
  inside sh -c "rm -rf /run/app.sock; $3"
  ok "$1" wait_until reason "$2"
}
wrong "a file" "what has that name in the chain is no socket" ": > /run/app.sock"
wrong "a FIFO" "what has that name in the chain is no socket" "mkfifo /run/app.sock"
wrong "a link to nothing" "there is no such socket in the chain yet" "ln -s /nowhere /run/app.sock"
python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
s.accept()
print("came", flush=True)' \
  "$T/u/roots" > "$T/roots" &
tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/roots"
chmod 777 "$T/u/roots"
case $(stat -fc %T "$T/u") in
  tmpfs | ext* | xfs | btrfs)
    wrong "a socket of the host's root" "the socket belongs to an id that the chain does not have" \
      "ln -s $T/u/roots /run/app.sock" ;;
  *) skip 1 "the test's directory is on a file system that is not trusted" ;;
esac
is "$(cat "$T/roots")" ready "nobody was led there"
if inside sh -c 'mkdir -p /run/l /run/m && mount -t overlay -o "lowerdir=/run/l:/run/m" o /run/m' 2> "$T/u/mount"; then
  wrong "a socket on a file system that may never answer" \
    "what has that name in the chain is no socket" "ln -s /run/m /run/app.sock"
else skip 1 "no overlay inside here: $(tail -n 1 "$T/u/mount")"; fi
inside rm /run/app.sock
serve three
# shellcheck disable=SC2086
wait $tries
is "$(ask 4)" "4 three whole" "after all that it is served again"
relay=$(pgrep -P "$portd" -x rk-relay)
is "$(ls "/proc/$relay/root" | grep -c '[^0-9]')" 0 "the relay's root has nothing but its own fds"
run as_user rk-port add "$D" "unix:/x:unix:/y"; is "$rc" 100 "not from a unix socket to one"
run as_user rk-port add -o refuse=backend "$D" "127.0.0.1:1:unix:/y"; is "$rc" 100 "not with refuse=backend"
run as_user rk-port add "$D" "1-2:unix:/y"; is "$rc" 100 "no range"
done_testing
