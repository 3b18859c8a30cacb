#!/bin/sh
# rk-bypass: no known way makes the host's listening socket, one accepted from it, or an inner client's socket connect
# to the host's loopback; the program's own connects stay inside; 32-bit calls too
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
cat > "$T/hostile.py" <<'E2'
"""PORT: each way of rk-t-turn on the host's listener, and on a client's socket; and plain connects: WAY ON SAID"""
import errno
import os
import socket
import subprocess
import sys
port = sys.argv[1]
ways = subprocess.run(["rk-t-turn"], capture_output=True, text=True, check=True).stdout.split()
def listener():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", 80))
    s.listen(9)
    return s
for way in ways:
    for on in ("listener",) if way == "accepted" else ("listener", "client"):
        server = listener()
        client = socket.create_connection(("127.0.0.1", 80))
        fd = os.dup2((server if on == "listener" else client).fileno(), 7, inheritable=True)
        said = subprocess.run(["rk-t-turn", way, "7", port], pass_fds=[7], capture_output=True, text=True)
        print(way, on, server.getsockname()[1], said.stdout.strip() or said.returncode)
        for s in server, client:
            s.close()
        os.close(7)
for host in "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1", "::":
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        s.connect((host, int(port)))
        print("plain", host, 0, "ok")
    except OSError as e:
        print("plain", host, 0, errno.errorcode[e.errno])
print("done")
E2
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
spawn python3 tests/security/victim.py "$T/port"
victim=$pid
wait_until grep -q . "$T/port"
spawn rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass python3 "$T/hostile.py" "$(cat "$T/port")"
wait "$pid"; tap_forget "$pid"
said=$T/spawn.$pid.out
is "$(tail -n 1 "$said")" "done" "all were tried"
ways=$(rk-t-turn | wc -l)
is "$(grep -c "^[^ ]* listener $p " "$said")" "$ways" "each time on the host's own socket"
refused=' (EACCES|EOPNOTSUPP|ENOSYS|absent|-?[0-9]+)$' # a number: killed for a 32-bit call
is "$(grep -Ev "^plain|^done|$refused" "$said")" "" "each is refused"
is "$(grep '^plain' "$said" | grep -v ' ECONNREFUSED$')" "" "a plain connect reaches the inside's loopback"
# the last client is ours: whatever came before it has been heard
python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).sendall(b"last")' "$(cat "$T/port")"
wait_until grep -q last "$T/spawn.$victim.out"
is "$(cat "$T/spawn.$victim.out")" last "the host's loopback had no other client"
done_testing
