#!/bin/sh
# the services of examples/s6-rc, in the order of their dependencies; s6-rc itself compiles them where it is installed
. "${RK_TEST_LIB:-tests/lib.sh}"
need execlineb curl busybox
source=$RK_TEST_STAGE/rk/examples/s6-rc
XDG_RUNTIME_DIR=$T PORT=8080 WWW=$RK_TEST_STAGE/rk/examples/s6/web/www
export XDG_RUNTIME_DIR PORT WWW
plan 6
is "$(cat "$source/box/type" "$source/web/type" "$source/all/type")" "$(printf 'longrun\nlongrun\nbundle')" "types"
is "$(ls "$source/web/dependencies.d"; ls "$source/all/contents.d")" "$(printf 'box\nbox\nweb')" \
  "web needs box, all is both"
cat > "$T/supervise" <<'END'
exec "$@" 3> "$XDG_RUNTIME_DIR/ready"
END
mkfifo "$T/ready"
spawn sh "$T/supervise" execlineb -P "$source/box/run"
box=$pid
ok "box says ready on its fd" sh -c 'read -r _ < "$1"' sh "$T/ready"
spawn execlineb -P "$source/web/run"
serves() { [ "$(curl -sS -m 5 "http://127.0.0.1:8080/" 2>&1)" = 'hello from inside' ]; }
ok "web answers" wait_until serves
web=$pid
end "$box"
ok "web ends with box, for its supervisor to start it in the next one" wait_gone "$web"
if command -v s6-rc-compile > /dev/null; then
  cp -R "$source" "$T/source"
  ok "s6-rc compiles them" s6-rc-compile "$T/db" "$T/source"
else
  ok "box ends with its directory cleared" wait_until eval '[ ! -e "$T/rk-box/child_pid" ]'
fi
