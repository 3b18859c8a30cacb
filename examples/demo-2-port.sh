#!/bin/sh
# a web server in a network of its own, published on 127.0.0.1:8080, that sees who its clients are
set -eu
show() { printf '\n$ %s\n' "$*"; "$@"; }
check() { name=$1; shift; if "$@"; then echo "ok: $name"; else echo "NOT OK: $name"; exit 1; fi; }
here=$PWD S=$PWD/state

mkdir www
echo "Hello from $(id -un)'s container" > www/index.html
cat > nginx.conf <<END
user root; daemon off; worker_processes 1; pid $here/nginx.pid; error_log $here/error.log;
events { worker_connections 256; }
http {
  access_log $here/access.log; client_body_temp_path $here/t1; proxy_temp_path $here/t2; fastcgi_temp_path $here/t3;
  uwsgi_temp_path $here/t4; scgi_temp_path $here/t5;
  server { listen 80; root $here/www; }
}
END
port=8080
if curl -s -o /dev/null -m 2 "http://127.0.0.1:$port/"; then
  port=18080
  echo "(8080 is taken on this host: $port instead)"
fi
other=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -F . | head -n 1) # an address of the host that is not loopback

trap 'kill $portd $chain 2>/dev/null || :; wait' EXIT
printf '\n$ rk-portd state &\n'
rk-portd state & portd=$!
chain=
until [ -d state/ports.status ]; do sleep 0.05; done
show rk-port add -n web state "127.0.0.1:$port:80/tcp"
[ -z "$other" ] || show rk-port add -n lan state "$other:$port:80/tcp"
printf '\nA client comes before the server is there, and waits:\n$ curl http://127.0.0.1:%s/ &\n' "$port"
curl -sS -m 30 "http://127.0.0.1:$port/" > early & early=$!
printf '\n$ rk-state state rk-userns rk-idmap rk-copyup /etc rk-net -n slirp4netns nginx -c nginx.conf &\n'
rk-state "$S" rk-userns rk-idmap rk-copyup /etc rk-net -n slirp4netns nginx -c "$here/nginx.conf" & chain=$!
wait $early
check "the early client got its page" grep -q Hello early
show rk-port wait -c state
show curl -sS "http://127.0.0.1:$port/"
[ -z "$other" ] || show curl -sS "http://$other:$port/"

printf '\nThe server is root inside and has port 80; outside it is %s, pid %s:\n' "$(id -un)" "$(cat state/child_pid)"
show ps -o pid,user,args -p "$(cat state/child_pid)"
show cat access.log
check "a client on the host's loopback shows as the gateway, not as 127.0.0.1" grep -q '^10.0.2.2 ' access.log
[ -z "$other" ] || check "one from $other shows with its own address" grep -q "^$other " access.log

printf '\nKill the relay: another takes its place, the port stays.\n'
show pkill -KILL -P "$portd" -x rk-relay
show curl -sS -m 10 "http://127.0.0.1:$port/"
show rk-port ls state
show rk-port rm state web
check "the port is closed" sh -c "! curl -s -m 5 http://127.0.0.1:$port/"
