#!/bin/sh
# The upgrade that rk-hold(1) tells: a server is ended and another started in the same chain, three seconds later. With
# wait= none of 60 requests is lost.
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 ip
D=$T/st p=$(free_port)
cat > "$T/server" <<'E2'
# a server that ends as it should: it answers whom it has, then it goes
import os, select, signal, socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 80)); s.listen(100); s.setblocking(False)
r, w = os.pipe(); os.set_blocking(w, False)
signal.signal(signal.SIGTERM, lambda *_: None); signal.set_wakeup_fd(w)
print("ready", flush=True)
ending = False
while True:
    try: c = s.accept()[0]
    except BlockingIOError:
        if ending: break
        ending = r in select.select([s, r], [], [])[0]
        continue
    c.settimeout(100); c.recv(1); c.sendall(sys.argv[1].encode()); c.close()
E2
cat > "$T/clients" <<'E2'
# 60 requests, one every tenth of a second, each from a client that has all the time of the world
import os, socket, sys, threading, time
got = []
def ask():
    s = socket.socket(); s.settimeout(100)
    try: s.connect(("127.0.0.1", int(sys.argv[1]))); s.sendall(b"?"); got.append(s.recv(9).decode() or "EOF")
    except OSError as e: got.append(str(e))
all = [threading.Thread(target=ask) for _ in range(60)]
for n, t in enumerate(all):
    t.start(); time.sleep(.1)
    if n == 9: # no server can close its socket without losing whom the kernel queues at that moment: none is on its way
        for x in all[:10]: x.join()
    if n in (9, 39): print("begun", n + 1, flush=True)
    while n == 9 and not os.path.exists(sys.argv[2]): time.sleep(.02)
for t in all: t.join()
print("answers", len([g for g in got if g in ("old", "new")]), *sorted(set(got)), flush=True)
E2
serve() { # WORD
  : > "$T/$1"
  rk-enter "$D" python3 "$T/server" "$1" > "$T/$1" 2>&1 &
  server=$! tap_pids="$tap_pids $!"
  wait_until grep -q ready "$T/$1"
}
mkdir -p "$D/ports"
printf '127.0.0.1:%s:80/tcp\nwait=forever\n' "$p" > "$D/ports/web"
portd_start "$D"
chain_start "$D" rk-hold
rk-port wait -c "$D" web
serve old
python3 "$T/clients" "$p" "$T/ended" > "$T/got" &
clients=$! tap_pids="$tap_pids $!"
wait_until grep -q "begun 10" "$T/got"
end "$server"
: > "$T/ended"
wait_until grep -q "begun 40" "$T/got" # three seconds later
kill -USR1 "$portd"
ok "the status says that clients wait" wait_until status_is "$D" web waiting yes
serve new
wait "$clients"
is "$(grep answers "$T/got")" "answers 60 new old" "60 requests, 60 answers, of both servers"
end "$server"

# a destination that nothing inside has
rk-port add -n stray "$D" "127.0.0.1::10.9.9.9:80" > "$T/said"
reason() {
  kill -USR1 "$portd"
  status_is "$D" stray reason "$1"
}
ok "the status tells that no interface has the target's address" \
  wait_until reason "no interface of the chain has the target's address"
is "$(grep -c 'port "stray": no interface of the chain has' "$T/portd.err")" 1 "a line says so"
rk-enter "$D" ip address add 10.9.9.9/32 dev lo
ok "one gets it: that is told as well" wait_until reason ""
is "$(grep -c 'port "stray": well again' "$T/portd.err")" 1 "by a line"
run rk-port add -o wait=soon "$D" 127.0.0.1:81:81/tcp
is "$rc/$err" "100/rk-port: fatal: wait must be 0 to 86400 seconds or forever, not \"soon\"" "a bad value is told"
run rk-port add -o wait=5 -o refuse=backend "$D" 127.0.0.1:81:81/tcp
is "$rc/$err" "100/rk-port: fatal: refuse=backend and wait= exclude each other" "and a contradiction"
done_testing
