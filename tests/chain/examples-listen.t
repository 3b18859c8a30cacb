#!/bin/sh
# examples/listen: servers that take the host's port from rk-listen, in chains without any network
. "${RK_TEST_LIB:-tests/lib.sh}"
need nginx curl python3 s6-ipcserverd
case $(rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
PORT=$((20000 + $$ % 10000)); export PORT
cp -R "$RK_TEST_STAGE/rk/examples/listen" "$T/listen"
chmod -R u+w "$T/listen"
serves() { # NAME WANT
  spawn "$T/listen/$1/run"; server=$pid
  wait_until curl -s -m 20 "http://127.0.0.1:$PORT/" || diag "$(cat "$T/spawn.$server.err")"
  run curl -sS -m 20 "http://127.0.0.1:$PORT/"
  like "$rc/$out" "^0/$2" "$1 answers"
}
closed() { # NAME
  end "$server"
  run curl -sS -m 20 "http://127.0.0.1:$PORT/"
  is "$rc" 7 "$1 has ended, and its port is closed"
}
serves nginx '127\.0\.0\.1$'
forty() { for _ in $(seq 40); do curl -sS -m 20 "http://127.0.0.1:$PORT/"; done; }
is "$(forty | sort | uniq -c | tr -s ' ')" " 40 127.0.0.1" "nginx: again and again"
closed nginx
serves python '127\.0\.0\.1$'
closed python
serves fork '127\.0\.0\.1 [0-9]+$'
one=${out#* }
run curl -sS -m 20 "http://127.0.0.1:$PORT/"
isnt "${out#* }" "$one" "fork: another client, another process"
closed fork
serves s6 'hello from [0-9]+$'
closed s6

# the page's own, as printed
example() { sed -n '/^\.Sh EXAMPLES/,/^\.Sh NOTES/s/^\.Dl //p' "$RK_TEST_STAGE/rk/doc/rk-listen.1" | sed -n "$1p"; }
PORT=8080
sed 's/@PORT@/8080/' "$T/listen/nginx/nginx.conf" > "$T/conf"
cp "$T/conf" "$T/listen/nginx/nginx.conf"
for n in 1:python 2:nginx; do
  cd "$T/listen/${n#*:}" || exit
  mkdir -p tmp
  { echo "#!/bin/sh"; example "${n%:*}" | sed "s/^/exec /"; } > run
  serves "${n#*:}" '127\.0\.0\.1$'
  closed "${n#*:}"
done
done_testing
