# shellcheck shell=sh
# tests/net/outbound.sh: after `outer`: more addresses, a second way out, and a server that says by what one has come.
#   leaves_by NAME WANTED OPTIONS TO...   what the server at each TO sees of a chain with rk-net OPTIONS: TCP, then UDP
#   refused OPTIONS TEXT                  rk-net OPTIONS: exit 100, and the first line
ip addr add 192.0.2.7/24 dev o0
ip addr add 2001:db8::7/64 dev o0 nodad
# a second way out, which no route prefers
ip link add o1 type veth peer name p1 netns "$RK_TEST_OUTER"
ip addr add 198.51.100.1/24 dev o1
ip link set o1 up
peer sh -c 'ip addr add 198.51.100.2/24 dev p1; ip link set p1 up; ip addr add 203.0.113.9/32 dev lo'
ip route add default via 198.51.100.2 metric 500

# each connection and datagram is answered with its source address
cat > "$T/server.py" <<'E'
import socket, threading
def tcp(s):
    while True:
        c, a = s.accept()
        c.sendall(a[0].encode())
        c.close()
def udp(s):
    while True:
        data, a = s.recvfrom(100)
        s.sendto(a[0].encode(), a)
for family, address in (socket.AF_INET, "203.0.113.9"), (socket.AF_INET6, "2001:db8::2"):
    for kind, serve in (socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp):
        s = socket.socket(family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 7000))  # a socket of all addresses would answer by another
        if kind == socket.SOCK_STREAM:
            s.listen(50)
        threading.Thread(target=serve, args=(s,)).start()
print("ready", flush=True)
E
cat > "$T/ask.py" <<'E'
import os, socket, sys
seen = []
for to in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for attempt in range(int(os.environ.get("ATTEMPTS", "10"))):  # a datagram may be lost
            s = socket.socket(family, kind)
            s.settimeout(60 if kind == socket.SOCK_STREAM else 3)
            try:
                s.connect((to, 7000))
                if kind == socket.SOCK_DGRAM:
                    s.send(b"?")
                seen.append(s.recv(100).decode())
                break
            except OSError as e:
                failed = e
        else:
            seen.append(str(failed))
print(*seen)
E
chmod 0755 "$T"; chmod 0644 "$T"/*.py
spawn nsenter --net="$RK_TEST_OUTER" python3 -u "$T/server.py"
wait_until grep -q ready "$T/spawn.$pid.out"
leaves_by() { # NAME WANTED "OPTIONS" TO...
  name=$1 want=$2 options=$3; shift 3
  # shellcheck disable=SC2086 # words
  run as_user timeout 100 rk-userns rk-idmap rk-copyup /etc rk-net $options python3 "$T/ask.py" "$@"
  is "$rc $out" "0 $want" "$name" || diag "$err"
}
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
refused() { # "OPTIONS" TEXT
  # shellcheck disable=SC2086 # words
  run as_user rk-userns rk-idmap rk-copyup /etc rk-net $1 touch "$T/u/done"
  is "$rc $(printf '%s\n' "$err" | head -n 1)" "100 rk-net: fatal: $2" "rk-net $1"
}
