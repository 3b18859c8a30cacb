#!/bin/sh
# rk-portd: sockets it was started with, by LISTEN_FDS and by s6-fdholder's variables, named in the port file
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 curl
D=$T/st
# given HOW CMD...: CMD with a listening TCP socket (tcp), a bound UDP socket (udp) and one that does not listen yet
# (late)
cat > "$T/given" <<'E2'
import os, socket, sys
a, b, c = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
for s in a, b, c: s.bind(("127.0.0.1", 0))
a.listen(5)
print(a.getsockname()[1], b.getsockname()[1], c.getsockname()[1], file=open(sys.argv[2], "w"))
how, first = sys.argv[1], 3 if sys.argv[1] == "systemd" else 20
fds = [os.dup(s.fileno()) for s in (a, b, c)]
tmp = [os.dup2(f, 100 + i) for i, f in enumerate(fds)]
for i, f in enumerate(tmp): os.dup2(f, first + i)
e = os.environ
if how == "systemd": e.update(LISTEN_FDS="3", LISTEN_FDNAMES="tcp:udp:late", LISTEN_PID=str(os.getpid()))
elif how == "other": e.update(LISTEN_FDS="3", LISTEN_FDNAMES="tcp:udp:late", LISTEN_PID="1")
else: e.update({"S6_FD#": "3", "S6_FD_0": "20", "S6_FDID_0": "tcp", "S6_FD_1": "21", "S6_FDID_1": "udp", "S6_FD_2": "22", "S6_FDID_2": "late"})
os.execvp(sys.argv[3], sys.argv[3:])
E2
start() {
  mkfifo "$T/r"; python3 "$T/given" "$1" "$T/ports" rk-portd -d 9 "$D" 9> "$T/r" 2> "$T/portd.err" < /dev/null &
  portd=$!; tap_pids="$tap_pids $portd"
  read -r _ < "$T/r"; rm "$T/r"; read -r tcp udp late < "$T/ports"
}
mkdir -p "$D/ports"
printf '127.0.0.1:80:80/tcp\nlisten-fd=tcp\n' > "$D/ports/web"
printf '127.0.0.1:53:53/udp\nlisten-fd=udp\n' > "$D/ports/dns"
printf '127.0.0.1:81:81/tcp\nlisten-fd=late\n' > "$D/ports/late"
printf '127.0.0.1:82:82/tcp\nlisten-fd=udp\n' > "$D/ports/wrong"
for how in systemd s6; do
  start $how
  is "$(status "$D" web state) $(status "$D" web listen)" "listening 127.0.0.1:$tcp" \
    "$how: a TCP socket, with its true address"
  is "$(status "$D" dns state) $(status "$D" dns listen)" "listening 127.0.0.1:$udp" "$how: a UDP socket"
  is "$(status "$D" late state)" listening "$how: one that did not listen yet"
  is "$(status "$D" wrong error)" "listen-fd=udp: not a TCP socket" "$how: of the wrong type"
  end "$portd"
done
start s6
printf '127.0.0.1:83:83/tcp\nlisten-fd=tcp\n' > "$D/ports/twice"
ok "a socket that another port has" wait_until status_is "$D" twice error \
  "listen-fd=tcp: in use by ID $(status "$D" web id)"
nginx_conf "$T/nginx.conf" 80
chain_start "$D" nginx -c "$T/nginx.conf"
run curl -sS -m 20 "http://127.0.0.1:$tcp/"
is "$out" "hello from inside" "it leads inside"
rm "$D/ports/web"
ok "the file removed, the other has it" wait_until status_is "$D" twice state listening
end "$chain"; end "$portd"
start other
is "$(status "$D" twice error)" "listen-fd=tcp: rk-portd was given no socket of this name" \
  "LISTEN_PID of another process: not for us"
end "$portd"
run env LISTEN_FDS=x rk-portd "$D"; is "$rc" 100 "LISTEN_FDS is no number"
run env LISTEN_FDS=1 sh -c 'exec 3<&-; exec rk-portd "$1"' sh "$D"; is "$rc" 100 "a promised socket that is not there"
run env "S6_FD#=1" S6_FD_0=0 rk-portd "$D"; is "$rc" 100 "S6_FDID_0 missing"
# the real thing: a socket kept by s6-fdholderd
if command -v s6-fdholder-daemon > /dev/null; then
  mkdir -p "$T/rules/uid/default/env"; : > "$T/rules/uid/default/allow"
  for v in STORE_REGEX RETRIEVE_REGEX; do echo . > "$T/rules/uid/default/env/S6_FDHOLDER_$v"; done
  for v in GETDUMP SETDUMP LIST; do echo 1 > "$T/rules/uid/default/env/S6_FDHOLDER_$v"; done
  mkfifo "$T/h"
  s6-fdholder-daemon -1 -i "$T/rules" "$T/holder" > "$T/h" & holder=$!; tap_pids="$tap_pids $holder"
  read -r _ < "$T/h"
  python3 -c 'import os, socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5); os.dup2(s.fileno(), 0); print(s.getsockname()[1], flush=True)
os.execvp("s6-fdholder-store", ["s6-fdholder-store", sys.argv[1], "tcp"])' "$T/holder" > "$T/held"
  mkfifo "$T/r"; s6-fdholder-getdump "$T/holder" rk-portd -d 9 "$D" 9> "$T/r" 2> "$T/portd.err" < /dev/null & \
    portd=$!; tap_pids="$tap_pids $portd"
  read -r _ < "$T/r"
  is "$(status "$D" twice state) $(status "$D" twice listen)" "listening 127.0.0.1:$(cat "$T/held")" \
    "a socket from s6-fdholderd"
  end "$portd"
else skip 1 "no s6-fdholder-daemon on this machine"; fi
done_testing
