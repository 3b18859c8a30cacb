#!/bin/sh
# Ports that an engine inside has asked for itself (dockerd 28 and later): after it was killed its successor gets them
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
D=$T/st P=$((20000 + $$ % 10000))
cat > "$T/engine.py" <<'E'
# engine.py SOCKET PROTO PORT CHILDPORT: ask for the port, say what was answered, keep the connection, and stay
import http.client, json, socket, sys
path, proto, port, child = sys.argv[1:]
c = http.client.HTTPConnection('x')
c.sock = socket.socket(socket.AF_UNIX)
c.sock.connect(path)
c.request('POST', '/v1/ports', json.dumps({'proto': proto, 'parentIP': '127.0.0.1', 'parentPort': int(port),
                                           'childIP': '127.0.0.1', 'childPort': int(child)}))
r = c.getresponse()
body = json.loads(r.read())
print(r.status, body.get('id', body.get('message')), flush=True)
sys.stdin.read()
E
engine() { # WHERE... -- PROTO PORT CHILDPORT: $e is its pid, $got what it was told
  where=''; rm -f "$T/said"
  while [ "$1" != -- ]; do where="$where $1"; shift; done
  shift
  # shellcheck disable=SC2086 # words
  sh -c 'exec "$@"' sh $where python3 "$T/engine.py" "$D/api.sock" "$@" < "$T/never" > "$T/said" 2> "$T/said.err" & e=$!
  tap_pids="$tap_pids $e"
  wait_until test -s "$T/said" || diag "$(cat "$T/said.err")"
  got=$(cat "$T/said")
}
killed() { # after it has stayed: longer than a command does that only asks
  rk-t-wait $$ 0.4
  kill -KILL "$e"; wait_gone "$e"
}
mkfifo "$T/never"; exec 9<> "$T/never"
inside="rk-enter $D"
spawn rootlesskit --state-dir="$D" --net=none --port-driver=builtin rk-t-hold
wait_until test -e "$D/child_pid"

# shellcheck disable=SC2086 # words
engine $inside -- tcp "$P" 80
is "$got" "201 1" "an engine asks for a port"
killed
# shellcheck disable=SC2086
engine $inside -- tcp "$P" 80
is "$got" "201 1" "killed, its successor asks for the same port, and gets it"
is "$(rootlessctl --socket "$D/api.sock" list-ports | sed 1d | tr -s ' ')" "1 tcp 127.0.0.1 $P 127.0.0.1 80 " \
  "it is there once"
first=$e
# shellcheck disable=SC2086
engine $inside -- tcp "$P" 80
is "$got" "400 conflict with ID 1" "while that one lives, a third is in conflict"
kill -KILL "$e"
e=$first; killed
# shellcheck disable=SC2086
engine $inside -- tcp "$P" 81
is "$got" "400 conflict with ID 1" "so is another target"
# shellcheck disable=SC2086
engine $inside -- tcp4 "$P" 80
like "$got" "^400 .*address already in use" "and another protocol"
run rootlessctl --socket "$D/api.sock" add-ports "127.0.0.1:$P:127.0.0.1:80/tcp"
like "$rc $err" '^1 .*conflict with ID 1' "and somebody outside"
# shellcheck disable=SC2086
engine $inside -- tcp "$P" 80
is "$got" "201 1" "the same again is no conflict"
run rootlessctl --socket "$D/api.sock" remove-ports 1
# shellcheck disable=SC2086
engine $inside -- tcp "$P" 81
is "$got" "201 2" "withdrawn, it is free"

engine -- udp "$P" 53
is "$got" "201 3" "a program outside asks"
killed
engine -- udp "$P" 53
is "$got" "400 conflict with ID 3" "and leaves its port to nobody: it may belong to the host"
done_testing
