#!/bin/sh
# gvisor-tap-vsock and vpnkit: the plan; the host's loopback and gvproxy's API closed, to frames by hand too; restarts;
# what is missing
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}net/gvproxy.sh"
outer
. tests/net/lib.sh
net_servers
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
net() { as_user timeout 60 rk-userns rk-idmap rk-copyup /etc rk-net "$@"; }
spawn socat -t 20 TCP-LISTEN:7777,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo host-loopback'
wait_until sh -c 'echo | socat -t 0 - TCP:127.0.0.1:7777'
reach() { # DRIVER ADDRESS:PORT OPTION...
  driver=$1 to=$2
  shift 2
  net -d "$driver" "$@" socat -u -T "${seconds:-2}" "TCP:$to,connect-timeout=${seconds:-1}" - 2>&1
}
for d in gvisor-tap-vsock vpnkit; do
  case $d in
    gvisor*) plan='10.0.2.100 10.0.2.1 10.0.2.1 65520' network=10.0.2 others='1 2 254' host=10.0.2.1 ;;
    vpnkit) plan='192.168.65.3 192.168.65.1 192.168.65.1 1500' network=192.168.65 others='1 2 254' host=192.168.65.2 ;;
  esac
  spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d $d rk-t-hold; p=$pid
  wait_until test -s "$D/child_pid"
  is "$(cd "$D/net" && cat ip gateway dns mtu | tr '\n' ' ')" "$plan " "$d: the plan"
  like "$(inside ip -o -4 addr)" "tap0 +inet ${plan%% *}/24" "is so inside"
  for i in 1 2; do
    o=$(outside_of "$p"); was=$(net_driver "$p")
    is "$(stat -c %u "/proc/$was/environ")" 0 "$d: the driver is not dumpable"
    another() { new=$(net_driver "$p") && [ -n "$new" ] && [ "$new" != "$was" ] && [ "$(cat "$D/net/status")" = up ]; }
    victim=$was
    if [ $i = 2 ]; then victim=$(pgrep -P "$was"); fi
    kill -KILL "$victim"
    ok "$d killed, $i: another one" wait_until another
    ok "and traffic goes on" wait_until inside python3 tests/net/client.py tcp:$HOST dns:host.example=$HOST
  done
  like "$(cat "$T/spawn.$p.err")" "gvproxy|vpnkit was killed by signal 9" "whose program died is said"
  was=$(net_driver "$p"); victim=$(pgrep -P "$was")
  isnt "$(readlink "/proc/$was/ns/user" "/proc/$victim/ns/user")" "$(readlink "/proc/$p/ns/user" "/proc/$p/ns/user")" \
    "neither is in the chain's user namespace"
  is "$(readlink "/proc/$victim/fd/"* | grep -E '^(net|user|mnt):|/tun$')" "" \
    "its program has no namespace or tap in its hands"
  kill -KILL "$p"
  ok "the program killed: the driver goes" wait_gone "$was"
  ok "and its program" wait_gone "$victim"
  wait_until test ! -e "$D"
  for o in $others; do
    unlike "$(reach $d "$network.$o:7777")" host-loopback "$d: $network.$o is not the host's loopback"
  done
  like "$(seconds=20; reach $d $host:7777 -l)" host-loopback "$d -l: $host is"
done
for options in '' -l; do
  # shellcheck disable=SC2086 # words
  run net -d gvisor-tap-vsock $options timeout 2 python3 -c 'import urllib.request
print(urllib.request.urlopen("http://10.0.2.1/services/forwarder/all").read())'
  isnt "$rc" 0 "gvproxy's API is closed, options: $options"
  is "$out" "" "and says nothing"
done
run net -d vpnkit -a 10.0.3.0/24 true
is "$rc $err" "100 rk-net: fatal: driver vpnkit knows no other network than 192.168.65.0/24" "vpnkit: another network"

# frames that no kernel routes; the last ones must arrive, and then all before have been looked at
cat > "$T/listen.py" <<'P'
import select, socket, sys
sockets = {}
for where in ("127.0.0.1", 7778), ("192.0.2.1", 7779):
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        s = socket.socket(socket.AF_INET, kind)
        s.bind(where)
        if kind == socket.SOCK_STREAM:
            s.listen(10)
        sockets[s] = "%s %d %s" % (where + (kind.name,))
print("ready", flush=True)
while True:
    for s in select.select(list(sockets), [], [])[0]:
        s.accept() if s.type == socket.SOCK_STREAM else s.recv(100)
        print(sockets[s], flush=True)
P
spawn python3 "$T/listen.py"; heard=$T/spawn.$pid.out
wait_until grep -q ready "$heard"
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -u -d gvisor-tap-vsock rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"
ok "frames by hand" inside timeout 20 python3 tests/net/raw.py tap0 10.0.2.1 10.0.2.100 0.0.0.0 7778 127.0.0.1 7778 \
  127.1.2.3 7778 10.0.2.1 7778 10.0.2.254 7778 255.255.255.255 7778 224.0.0.1 7778 192.0.2.1 7779
ok "those to the host's address arrive" wait_until grep -q SOCK_DGRAM "$heard"
ok "by TCP too" wait_until grep -q SOCK_STREAM "$heard"
unlike "$(cat "$heard")" '127\.0\.0\.1' "none of the others has come to the host's loopback"
end "$p"

for d in gvproxy:gvisor-tap-vsock vpnkit:vpnkit; do
  run as_user env PATH="$RK_TEST_INST/bin" "$RK_TEST_INST/bin/rk-userns" rk-idmap -m single rk-net -d ${d#*:} true
  is "$rc" 102 "${d#*:} without ${d%:*}"
  like "$err" "unable to find ${d%:*} in PATH" "is said"
done
printf '#!/bin/sh\necho "flag provided but not defined: -config" >&2\nexit 2\n' > "$T/gv/gvproxy"
run net -d gvisor-tap-vsock true
is "$rc" 102 "a gvproxy without configuration files"
like "$err" 'this gvproxy is too old$' "is too old"
done_testing
