#!/bin/sh
# relay, rk-portd and chain killed in turn under load: other chains' connections go on, everything listens again
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 nginx
A=$T/a B=$T/b pa=$(free_port) pb=$(free_port)
# load PORT FILE: fetch the big file over one connection, slowly until FILE.stop is there, and the small one again and
# again until then
cat > "$T/load" <<'E2'
import hashlib, os, socket, sys, threading, time
port, out = int(sys.argv[1]), sys.argv[2]
want = hashlib.sha256(open(sys.argv[3], "rb").read()).hexdigest()
good = bad = 0
big = "cut"
def get(path, pace=0, begun=None):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.settimeout(10)
    s.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path)
    data = b""
    while True:
        d = s.recv(65536)
        if not d: break
        data += d
        if begun: begun.set()
        if pace and not os.path.exists(out + ".stop"): time.sleep(pace)
    return data.partition(b"\r\n\r\n")[2]
def slow():
    global big
    try: big = "whole" if hashlib.sha256(get(b"/big", .03, begun)).hexdigest() == want else "other"
    except OSError as e: big = "cut"
begun = threading.Event(); t = threading.Thread(target=slow); t.start(); begun.wait()
open(out + ".on", "w")
while not os.path.exists(out + ".stop"):
    try:
        if get(b"/index.html") == b"hello from inside\n": good += 1
        else: bad += 1
    except OSError: bad += 1
t.join()
open(out, "w").write("%d %s\n" % (bad, big) if good else "none\n")
E2
load() { rm -f "$2" "$2.on" "$2.stop"; python3 "$T/load" "$1" "$2" "$T/www/big" & eval "$3=\$!"; wait_until test -e \
  "$2.on"; }
result() { : > "$1.stop"; wait "$2"; got=$(cat "$1"); }
relay_of() { pgrep -P "$1" -x rk-relay; }
fetch() { run curl -sS -m 10 "http://127.0.0.1:$1/"; is "$out$err" "hello from inside" "$2"; }

nginx_conf "$T/nginx.conf" 80
head -c 20000000 /dev/urandom > "$T/www/big"
mkdir -p "$A/ports" "$B/ports"
echo "127.0.0.1:$pa:80/tcp" > "$A/ports/web"; echo "127.0.0.1:$pb:80/tcp" > "$B/ports/web"
portd_start "$A"; da=$portd; portd_start "$B"; db=$portd
chain_start "$A" nginx -c "$T/nginx.conf"; ca=$chain
sed "s/nginx.pid/nginx2.pid/" "$T/nginx.conf" > "$T/nginx2.conf"
chain_start "$B" nginx -c "$T/nginx2.conf"; cb=$chain
rk-port wait -c "$A"; rk-port wait -c "$B"

load "$pa" "$T/la" la; load "$pb" "$T/lb" lb
r=$(relay_of "$da"); kill -KILL "$r"; wait_gone "$r"
fetch "$pa" "relay killed: another serves at once"
isnt "$(relay_of "$da")" "$r" "which is a new process"
result "$T/lb" "$lb"; is "$got" "0 whole" "connections through the other chain's relay were not touched"
result "$T/la" "$la"; like "$got" '^[0-9]+ (cut|other)$' "those of the killed one were cut"
like "$(cat "$T/portd.err")" "^rk-portd $A: warning: rk-relay ended: signal 9: starting another\$" "a line says so"
ok "... and when it is well again" wait_until grep -qx "rk-portd $A: info: well again: another rk-relay runs" \
  "$T/portd.err"

load "$pa" "$T/la" la; load "$pb" "$T/lb" lb
r=$(relay_of "$da"); kill -KILL "$da"; wait_gone "$da"
portd_start "$A"; da=$portd
is "$(status "$A" web state)" listening "rk-portd killed: its successor has the port when it is ready"
rk-port wait -c "$A"; fetch "$pa" "and serves it"
ok "the old relay finishes its connections" kill -0 "$r"
result "$T/lb" "$lb"; is "$got" "0 whole" "the other chain's connections were not touched"
result "$T/la" "$la"; like "$got" '^[0-9]+ whole$' "nor was the one that was open"
ok "then the old relay leaves" wait_gone "$r"

load "$pa" "$T/la" la; load "$pb" "$T/lb" lb
w=$(pgrep -P "$ca"); kill -KILL "$ca"; wait_gone "$ca"; kill -KILL "$w"; wait_until test ! -e "$A/lock" \
  # rk-outside has cleared the directory
chain_start "$A" nginx -c "$T/nginx.conf"; ca=$chain
fetch "$pa" "chain killed: the port waits and the next chain serves it"
result "$T/lb" "$lb"; is "$got" "0 whole" "the other chain's connections were not touched"
result "$T/la" "$la"; like "$got" '^[0-9]+ (cut|other)$' "those to the killed chain were cut"

r=$(relay_of "$da"); kill -STOP "$r"
fetch "$pa" "a relay that was stopped goes on"
is "$(relay_of "$da")" "$r" "and is the same"
kill -KILL "$da" "$(relay_of "$da")"; wait_gone "$da"
portd_start "$A"; fetch "$pa" "rk-portd and relay killed at once: all is there again"
load "$pa" "$T/la" la
r=$(relay_of "$portd"); kill -QUIT "$portd"; wait "$portd"; is $? 0 "SIGQUIT ends rk-portd gently:"
run curl -sS -m 10 "http://127.0.0.1:$pa/"; is "$rc" 7 "the port is closed"
is "$(ls -A "$A/ports.status")" "" "no status is left"
result "$T/la" "$la"; like "$got" '^[0-9]+ whole$' "but the connection that was open ends as it should"
ok "and the relay with it" wait_gone "$r"
end "$db"; end "$ca"; end "$cb"
none() { ! pgrep -u "$(id -u)" -f "$T"; }
ok "nothing is left" wait_until none
done_testing
