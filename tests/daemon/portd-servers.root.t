#!/bin/sh
# Real servers behind published ports: web, TLS, DNS by UDP and TCP; clients of another host seen as who they are; 10
# 000 at once (as many as the hard limit allows)
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need nginx dnsmasq openssl python3 curl
outer
clients=$RK_TEST_STAGE/rk/tests/ports-clients.py many=10000
# shellcheck disable=SC3045 # every shell that is /bin/sh somewhere has it
ulimit -Hn 60000 2>/dev/null || : # only who is root of the machine may
# shellcheck disable=SC3045
hard=$(ulimit -Hn)
[ "$hard" -gt $((2 * many + 200)) ] || many=$(((hard - 200) / 2)) # two fds a connection
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; U=$T/u D=$T/u/st
at_exit 'kill $(pgrep -f "log-facility=$U/dns.log") 2>/dev/null' # dnsmasq is no child of ours, and of no pid namespace
ask() { run peer python3 "$clients" "$@"; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$U/key" -out "$U/cert" -days 2 \
  -subj /CN=rk.test -addext subjectAltName=DNS:rk.test 2>/dev/null
chmod 644 "$U/key" "$U/cert"
mkdir "$U/www"; echo "hello from inside" > "$U/www/index.html"
cat > "$U/nginx.conf" <<E2
user root; daemon off; worker_processes 1; worker_rlimit_nofile 15000; pid $U/nginx.pid; error_log $U/nginx.err;
events { worker_connections 12000; }
http {
  access_log $U/access.log; keepalive_timeout 600; client_body_temp_path $U/b; proxy_temp_path $U/p; fastcgi_temp_path $U/f; uwsgi_temp_path $U/w; scgi_temp_path $U/s;
  server { listen 80; listen [::]:80; listen 443 ssl; ssl_certificate $U/cert; ssl_certificate_key $U/key; root $U/www; }
}
E2
cat > "$U/servers" <<E2
dnsmasq -k --user=root -C /dev/null --no-resolv --no-hosts --address=/rk.test/192.0.2.53 --log-queries --log-facility=$U/dns.log --pid-file= &
exec nginx -c $U/nginx.conf
E2
chown -R "$RK_TEST_USER" "$U"
as_user sh -c 'ulimit -Sn 1024; exec 9>"$2"; exec rk-portd -d 9 "$1"' sh "$D" "$U/ready" 2> "$U/portd.err" & portd=$!; \
  tap_pids="$tap_pids $portd"
wait_until test -s "$U/ready"
as_user rk-port add -N -n web "$D" 0.0.0.0:8080:80/tcp > /dev/null; as_user rk-port add -N -n tls "$D" \
  0.0.0.0:8443:443/tcp > /dev/null
as_user rk-port add -N -n udp "$D" 0.0.0.0:5300:53/udp > /dev/null; as_user rk-port add -N -n tcp "$D" \
  0.0.0.0:5300:53/tcp > /dev/null
as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns sh "$U/servers" > "$U/chain.out" 2>&1 & \
  chain=$!; tap_pids="$tap_pids $chain"
as_user rk-port wait -c "$D"; is $? 0 "four ports of three servers"
is "$(status "$D" web listen) $(status "$D" web srcip)" "[::]:8080 kept" \
  "all addresses of both families, and the clients' addresses are kept"
run peer curl -sS -m 20 http://192.0.2.1:8080/; is "$out" "hello from inside" "web by IPv4"
ok "the server sees the client's address" wait_until grep -q '^192\.0\.2\.2 ' "$U/access.log" # written after the answer
run peer curl -sS -m 20 'http://[2001:db8::1]:8080/'; is "$out" "hello from inside" "web by IPv6"
run curl -sS -m 20 http://127.0.0.1:8080/; is "$out" "hello from inside" "web from the host itself"
ok "shows as the gateway" wait_until grep -q '^10\.0\.2\.2 ' "$U/access.log"
ask tls 192.0.2.1 8443 "$U/cert"; like "$out" '^TLSv1.[23] hello from inside' "TLS, its certificate checked"
ask dns 192.0.2.1 5300 rk.test; is "$out" 192.0.2.53 "DNS by UDP"
ask dns 192.0.2.1 5300 rk.test tcp; is "$out" 192.0.2.53 "DNS by TCP"
ask dns 2001:db8::1 5300 rk.test; is "$out" 192.0.2.53 "DNS by UDP over IPv6"
ok "its log shows the client" wait_until grep -q 'query\[A\] rk.test from 192.0.2.2' "$U/dns.log"
as_user rk-port ls "$D" > "$U/ls"; like "$(cat "$U/ls")" '^udp .*listening +attached +[12] +2 ' \
  "the counters of the UDP port"

# from here on, the limit that rk-portd and rk-relay were started with would not hold a fifth of them
peer sh -c 'ulimit -Sn "$(ulimit -Hn)"; exec "$@"' sh python3 "$clients" crowd 192.0.2.1 8080 $many "$U/go" > \
  "$U/crowd" 2>&1 & crowd=$!
i=0; while [ $i -lt 3000 ] && ! grep -q . "$U/crowd" &&
  kill -0 $crowd 2>/dev/null; do i=$((i + 1)); wait_until grep -q . "$U/crowd" || :; done
is "$(cat "$U/crowd")" "open $many" "$many connections at once, each answered"
as_user rk-port ls "$D" > /dev/null
is "$(status "$D" web connections)" "$many" "the status counts them"
note "rk-portd and rk-relay: $(cat /proc/"$portd"/smaps_rollup /proc/"$(pgrep -P "$portd" -x rk-relay)"/smaps_rollup | awk '/^Pss:/ { n += $2 } END { print n }') KiB PSS"
run peer curl -sS -m 20 http://192.0.2.1:8080/; is "$out" "hello from inside" "one more is served"
: > "$U/go"; wait $crowd
is "$(tail -n 1 "$U/crowd")" "again $many" "and all of them are answered again"
is "$(cat "$U/portd.err")" "" "not a word from rk-portd"
done_testing
