#!/bin/sh
# nginx under rk-bypass and rk-pidns: a master and two workers on the host's socket; a reload; a proxy
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need nginx curl python3
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
D=$T/st p=$(free_port)
nginx_conf "$T/nginx.conf" 80
sed -i 's/worker_processes 1/worker_processes 2/
  s|server { listen 80; root \(.*\); }|server { listen 80; root \1;\
  location /proxy/ { proxy_pass http://127.0.0.1:81/; } }\
  server { listen 127.0.0.1:81; return 200 proxied; }|' "$T/nginx.conf"
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
spawn rk-state "$D" rk-userns rk-idmap rk-net -n none rk-bypass rk-pidns \
  nginx -c "$T/nginx.conf" -e "$T/nginx.err"
chain=$pid
wait_until status_is "$D" web via bypass || diag "$(cat "$T/spawn.$chain.err" "$T/nginx.err")"
get() { curl -sS --max-time 60 "http://127.0.0.1:$p$1" 2>&1; }
is "$(get /)" "hello from inside" "it serves"
ok "and sees the client's own address" wait_until grep -q '^127\.0\.0\.1 ' "$T/access.log"
is "$(for n in 1 2 3 4 5 6 7 8 9 10; do get /proxy/; done)" \
  proxiedproxiedproxiedproxiedproxiedproxiedproxiedproxiedproxiedproxied "its connects to a server inside work"
rk-enter "$D" nginx -c "$T/nginx.conf" -e "$T/nginx.err" -s reload
wait_until grep -q "signal process started\|reconfiguring" "$T/nginx.err"
is "$(get /) $(status "$D" web via)" "hello from inside bypass" "a reload keeps the socket"
end "$chain"
wait_until status_is "$D" web chain waiting
is "$(status "$D" web via)" "" "no chain, no way"
done_testing
