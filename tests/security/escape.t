#!/bin/sh
# Bytes that are not ours (arguments, variables, names and contents of files, drivers' words, answers of sockets) never
# reach a terminal, a log or a status file as they are: no escape sequence, no line of their own, no direction of
# writing
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
cat > "$T/look.py" <<'E'
# look.py [-l MOST] FILE...: dies of the first byte that a terminal obeys; -l: and of more than MOST lines
import sys, unicodedata
args = sys.argv[1:]
most = None
if args[0] == '-l': most = int(args[1]); args = args[2:]
lines = 0
for name in args:
    data = open(name, 'rb').read()
    lines += data.count(b'\n')
    try: text = data.decode()
    except UnicodeDecodeError as e: sys.exit('%s: no UTF-8: %r' % (name, data))
    for c in text:
        if c != '\n' and (unicodedata.category(c) in ('Cc', 'Zl', 'Zp') or c in '\u061c\u200e\u200f' or '\u202a' <= c <= '\u202e' or '\u2066' <= c <= '\u2069'):
            sys.exit('%s: %r in %r' % (name, c, text))
if most is not None and lines > most: sys.exit('%d lines: %r' % (lines, [open(n, 'rb').read() for n in args]))
E
# ESC, BEL, CR, DEL, BS, C1 as UTF-8 and as a byte, U+202E, U+2066, U+2028, no UTF-8, and a forged line
BAD=$(printf 'x\033]0;T\007\r\177\b\302\233m\233m\342\200\256\342\201\246\342\200\250\377\nrk-x: fatal: forged')
clean() { # MOST NAME CMD...: its lines, at most MOST, are clean
  clean_most=$1 clean_name=$2; shift 2
  run timeout 20 "$@"
  ok "$clean_name" python3 "$T/look.py" -l "$clean_most" "$T/.out" "$T/.err"
}

# arguments and variables of every link
clean 1 "rk-state: a directory" rk-state "/proc/$BAD/x" true
clean 2 "rk-state: an unknown option's word" rk-state -d "$BAD" "$T/s" true
clean 2 "rk-userns: a program that is not there" rk-userns "$BAD"
clean 1 "rk-userns: RK_STATE_LOCK_FD" env "RK_STATE_LOCK_FD=$BAD" rk-userns true
clean 2 "rk-idmap: a mode" rk-userns rk-idmap -m "$BAD" true
clean 2 "rk-idmap: a number" rk-userns rk-idmap -n "$BAD" true
clean 1 "rk-idmap: a program" rk-userns rk-idmap "$BAD"
clean 1 "rk-idmap: RK_UID" env "RK_UID=$BAD" rk-idmap true
clean 1 "rk-idmap: RK_OUTSIDE_FD" env RK_UID=1 RK_GID=1 "RK_OUTSIDE_FD=$BAD" rk-idmap true
clean 3 "rk-copyup: a directory" rk-userns rk-idmap rk-copyup "/proc/$BAD" true
clean 2 "rk-copyup: a mode" rk-userns rk-idmap rk-copyup -m "$BAD" /etc true
clean 1 "rk-unshare: a program" rk-userns rk-idmap rk-unshare -u "$BAD"
clean 1 "rk-pidns: a program" rk-userns rk-idmap rk-pidns "$BAD"
clean 2 "rk-cgroup: a group" rk-userns rk-idmap rk-cgroup -e "$BAD" true
clean 2 "rk-enter: a directory" rk-enter -s "$T/$BAD" true
clean 2 "rk-enter: a process" rk-enter "$BAD" true
clean 2 "rk-hold: an fd" rk-hold -d "$BAD"
clean 2 "rk-gate: an fd" rk-gate "$BAD" 4 true
for o in d a m i f; do clean 2 "rk-net -$o" rk-userns rk-idmap rk-net -$o "$BAD" true; done
clean 2 "rk-net: RK_STATE_DIR" rk-userns rk-idmap env "RK_STATE_DIR=/proc/$BAD" rk-net -d none -D true
clean 1 "rk-portd: a directory" rk-portd "/dev/null/$BAD"
clean 2 "rk-portd: a driver" rk-portd -P "$BAD" "$T"
clean 1 "rk-portd: LISTEN_FDS" env "LISTEN_FDS=$BAD" rk-portd "$T"
clean 1 "rk-apid: a directory" rk-apid "$T/$BAD"
clean 1 "rk-apid: an option" rk-apid -o "$BAD" "$T"
clean 2 "rk-port: a verb" rk-port "$BAD" "$T"
mkdir "$T/p"
clean 1 "rk-port add: a spec" rk-port add "$T/p" "$BAD"
clean 1 "rk-port add: a name" rk-port add -n "$BAD$BAD$BAD$BAD$BAD$BAD$BAD" "$T/p" 1:1/tcp
clean 1 "rk-port rm: a name" rk-port rm "$T/p" "$BAD"
clean 1 "rk-port wait: a name" rk-port wait -t 0 "$T/p" "$BAD"
clean 100 "rootlesskit: a flag" rootlesskit "--$BAD"
clean 100 "rootlesskit: a value" rootlesskit "--pidns=$BAD" true
clean 2 "rootlesskit: a driver" rootlesskit "--net=$BAD" true
clean 3 "rootlesskit: a directory" rootlesskit "--copy-up=/$BAD" true
clean 3 "rootlesskit: a command that is not there" rootlesskit "$BAD"
clean 3 "rootlesskit: a command that fails" rootlesskit false "$BAD"
clean 100 "rootlessctl: a flag" rootlessctl "--$BAD"
clean 2 "rootlessctl: a command" rootlessctl "$BAD"
clean 2 "rootlessctl: a socket" rootlessctl --socket "$T/$BAD" info
clean 100 "rootlesskit-docker-proxy: a flag" rootlesskit-docker-proxy "--$BAD"

# a unit for systemd: an argument is a word of its line, never a line of its own
run rk-run --service=systemd "$T/unit" /bin/echo "$BAD" "$(printf 'a\nExecStartPre=/bin/evil')"
is "$rc $(grep -c '^Exec' "$T/unit/echo.service") $(grep -c '^rk-x' "$T/unit/echo.service")" "0 2 0" \
  "rk-run --service: no line but ours" || diag "$err"
like "$(cat "$T/unit/echo.service")" '\\x1b.*\\x0a.*a\\x0aExecStartPre' "control characters are escaped"

# files of the state directory: contents and names
D=$T/d; mkdir -m 700 "$D" "$D/ports" "$D/ports.status"
printf '%s\n' "$BAD spec" > "$D/ports/a"
printf 'state=listening\nid=1\nspec=%s\nerror=%s\nreason=%s\n' "$(printf '%s' "$BAD" | tr '\n' ' ')" \
  "$(printf '%s' "$BAD" | tr '\n' ' ')" 1 > "$D/ports.status/a"
: > "$D/ports/$BAD"
clean 4 "rk-port ls" rk-port ls "$D"
clean 3 "rk-port ls -j" rk-port ls -j "$D"
spawn sh -c 'exec 9< "$1"; flock 9; exec sleep 60' sh "$D/ports.status"
served() { ! flock -n "$D/ports.status" true; }
wait_until served
clean 3 "rk-port ls: the status text" rk-port ls "$D"
clean 3 "rk-port ls -j: the status text" rk-port ls -j "$D"
printf 'state=error\nerror=%s\n' "$(printf '%s' "$BAD" | tr '\n' ' ')" > "$D/ports.status/a"
clean 1 "rk-port wait: the status text" rk-port wait -t 1 "$D" a
P=$T/portd; mkdir -m 700 "$P" "$P/ports"
printf '%s\n' "$BAD" > "$P/ports/$BAD"
printf '1:1/tcp\n%s\n' "$BAD" > "$P/ports/b"
printf '1:1/tcp\nlisten-fd=%s\n' "$(printf '%s' "$BAD" | head -n 1)" > "$P/ports/c"
long=$(printf "$BAD%0207d" 0)
: > "$P/ports/$long"
mkfifo "$T/ready"
rk-portd -d 3 "$P" 3> "$T/ready" 2> "$T/portd.err" & tap_pids="$tap_pids $!"
read -r line < "$T/ready"
ok "rk-portd's stderr" python3 "$T/look.py" -l 4 "$T/portd.err"
ok "rk-portd's status files" python3 "$T/look.py" "$P/ports.status/b" "$P/ports.status/c"
is "$(cat "$P"/ports.status/b "$P"/ports.status/c | grep -c '^error=')/$(cat "$P"/ports.status/* | grep -c '^rk-x')" \
  2/0 "one line of error each, none forged"
E=$T/e; mkdir -m 700 "$E"
printf '%s' "$BAD" > "$E/.child"; : > "$E/lock"
clean 2 "rk-enter: .child" rk-enter -s "$E" true

# a driver of one's own: what it says when it fails, what it reports, its last words when it dies
mkdir "$T/drivers"
driver() { printf '#!/bin/sh\n%s\n' "$1" > "$T/drivers/own"; chmod 755 "$T/drivers/own"; }
printf '%s' "$BAD" > "$T/bad"; chmod 644 "$T/bad"
driver "cat '$T/bad' >&2; exit 3"
clean 4 "a driver that fails" env "RK_NET_PATH=$T/drivers" rk-userns rk-idmap rk-net -d own true
driver "cat '$T/bad' >&5"
clean 3 "a driver that reports nonsense" env "RK_NET_PATH=$T/drivers" rk-userns rk-idmap rk-net -d own true
driver "if test -e '$T/once'; then exec sleep 60; fi; : > '$T/once'; echo >&5; cat '$T/bad' >&2; read x < '$T/die'; exit 7"
mkfifo "$T/die"
RK_NET_PATH=$T/drivers rk-state "$T/net" rk-userns rk-idmap rk-net -d own -l sh -c ': > "$1/on"; exec sleep 60' sh \
  "$T" 2> "$T/net.err" & chain=$!
tap_pids="$tap_pids $chain"
wait_until test -e "$T/on"
echo > "$T/die"
wait_until grep -qv '^up' "$T/net/net/status"
ok "net/status of a driver that died" python3 "$T/look.py" -l 1 "$T/net/net/status"
wait_until grep -q 'network driver' "$T/net.err"
ok "and rk-outside's line" python3 "$T/look.py" -l 2 "$T/net.err"
end $chain

# an API socket that somebody else answers
cat > "$T/api.py" <<'E'
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(5)
bad = open(sys.argv[2], 'rb').read().decode(errors='surrogateescape')
raw = lambda v: json.dumps(v, ensure_ascii=False).encode(errors='surrogateescape')
while True:
    c = s.accept()[0]; r = c.recv(65536); status = '200 OK'
    if r.startswith(b'GET /v1/info'):
        body = raw({'apiVersion': bad, 'version': bad, 'stateDir': bad, 'childPID': 1, bad: 1, 'networkDriver': {'driver': bad, 'dns': [bad], 'childIP': bad},
                    'portDriver': {'driver': bad, 'protos': [bad]}})
    elif r.startswith(b'GET'): body = raw([{'id': 1, 'spec': {'proto': bad, 'parentIP': bad, 'parentPort': 1, 'childPort': 2, 'childIP': bad}}])
    else: body = raw({'message': bad}); status = '400 Bad'
    c.sendall(b'HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n' % (status.encode(), len(body)) + body); c.close()
E
mkdir "$T/api"
spawn python3 "$T/api.py" "$T/api/api.sock" "$T/bad"
wait_until test -S "$T/api/api.sock"
ctl() { rootlessctl --socket "$T/api/api.sock" "$@"; }
clean 9 "rootlessctl info" rootlessctl --socket "$T/api/api.sock" info
clean 30 "rootlessctl info --json" rootlessctl --socket "$T/api/api.sock" info --json
is "$(ctl info --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["childPID"])')" 1 "which is JSON"
clean 2 "rootlessctl list-ports" rootlessctl --socket "$T/api/api.sock" list-ports
clean 1 "rootlessctl list-ports --json" rootlessctl --socket "$T/api/api.sock" list-ports --json
is "$(ctl list-ports --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')" 1 "which is JSON"
clean 1 "rootlessctl add-ports" rootlessctl --socket "$T/api/api.sock" add-ports 1:1/tcp
clean 1 "rootlessctl remove-ports" rootlessctl --socket "$T/api/api.sock" remove-ports 1
run env "ROOTLESSKIT_STATE_DIR=$T/api" rootlesskit-docker-proxy -container-ip 127.0.0.1 -container-port 1 -host-ip \
  127.0.0.1 -host-port 1 -proto tcp 4> "$T/fd4" 3> "$T/fd3"
ok "rootlesskit-docker-proxy" python3 "$T/look.py" "$T/.err" "$T/.out" "$T/fd3" "$T/fd4"
done_testing
