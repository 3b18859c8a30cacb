# shellcheck shell=sh
# tests/ports.sh: for tests of published ports, after lib.sh:  . "${RK_TEST_LIB%lib.sh}ports.sh"
#   portd_start DIR [ARG...]     rk-portd, ready when this returns: $portd is its pid, its lines in $T/portd.err
#   chain_start DIR CMD...       a chain in a netns of its own with nothing but lo: $chain is its pid
#   nginx_conf FILE PORT [SPEC]  an nginx that serves $T/www and logs to $T/access.log
#   status DIR NAME [KEY]        the status file, or one value of it
#   status_is DIR NAME KEY VALUE for wait_until
#   free_port                    prints a port nobody listens on
portd_start() {
  portd_dir=$1; shift
  mkfifo "$T/ready.$$" 2>/dev/null || :
  rk-portd -d 7 "$@" "$portd_dir" 7> "$T/ready.$$" 2>> "$T/portd.err" < /dev/null &
  portd=$!; tap_pids="$tap_pids $portd"
  read -r _ < "$T/ready.$$"
}
chain_start() {
  chain_dir=$1; shift
  rk-state "$chain_dir" rk-userns rk-idmap rk-net -d none "$@" < /dev/null > "$T/chain.out" 2>&1 &
  chain=$!; tap_pids="$tap_pids $chain"
}
nginx_conf() {
  mkdir -p "$T/www"
  echo "hello from inside" > "$T/www/index.html"
  cat > "$1" <<EOF
user root; daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/nginx.err;
events { worker_connections 512; }
http {
  access_log $T/access.log; client_body_temp_path $T/b; proxy_temp_path $T/p; fastcgi_temp_path $T/f; uwsgi_temp_path $T/u; scgi_temp_path $T/s;
  server { listen $2; root $T/www; }
}
EOF
}
status() {
  if [ $# = 2 ]; then cat "$1/ports.status/$2"; else sed -n "s/^$3=//p" "$1/ports.status/$2" 2>/dev/null; fi
}
status_is() { [ "$(status "$1" "$2" "$3")" = "$4" ]; }
free_port() { # below the ephemeral range, where any client may take one in between
  python3 -c '
import random, socket
while True:
    p, s = random.randrange(5000, 32000), socket.socket()
    try: s.bind(("", p))
    except OSError: continue
    print(p); break'
}
