#!/bin/sh
# Namespace root gets nothing out of rk-portd; a capability on rk-portd's file alone publishes privileged ports
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 setcap curl
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; D=$T/u/st
attack=$RK_TEST_STAGE/rk/tests/relay/attack.py
start() {
  rm -f "$T/u/ready"
  as_user sh -c 'exec 9>"$2"; exec "$3" -d 9 "$1"' sh "$D" "$T/u/ready" "$1" 2> "$T/u/err" & portd=$!; \
    tap_pids="$tap_pids $portd"
  wait_until test -s "$T/u/ready"
}
start rk-portd
as_user rk-port add "$D" 127.0.0.1:8080:80/tcp > /dev/null
out=$(as_user rk-state "$D" rk-userns rk-idmap rk-net -d none sh -c 'id -u; exec python3 "$0" "$1"' "$attack" "$portd" \
  2>"$T/u/attack.err")
like "$out" '^0$' "the attacker is root inside"
like "$out" 'open-fd-15' "all attacks were tried"
is "$(echo "$out" | grep ALLOWED)" "" "none succeeded"
is "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$portd/status")" 0000000000000000 "rk-portd has no capability"
end "$portd"

echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start
echo 127.0.0.1:80:80/tcp > "$D/ports/web"; chmod 644 "$D/ports/web"
start rk-portd
like "$(status "$D" web error)" '^cannot expose privileged port 80, ' "port 80 is privileged"
end "$portd"
cp -R "$RK_TEST_INST" "$T/inst"; chmod 755 "$T/inst"
if setcap cap_net_bind_service=ep "$T/inst/bin/rk-portd" 2>/dev/null; then
  start "$T/inst/bin/rk-portd"
  is "$(status "$D" web state)" listening "with cap_net_bind_service on the file it is published"
  is "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$portd/status")" 0000000000000400 "and that is all it has"
  mkdir "$T/u/www"; echo hello > "$T/u/www/index.html"; chown -R "$RK_TEST_USER" "$T/u/www"
  as_user rk-state "$D" rk-userns rk-idmap rk-net -d none busybox httpd -f -p 80 -h "$T/u/www" > "$T/u/chain" 2>&1 & \
    chain=$!; tap_pids="$tap_pids $chain"
  run curl -sS -m 20 http://127.0.0.1:80/
  is "$out$err" hello "and served, by a relay without it"
else skip 3 "file capabilities cannot be set here"; fi
done_testing
