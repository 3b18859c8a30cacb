#!/bin/sh
# Root inside looks without end for a moment in which rk-enter, rk-portd or rk-relay can be traced, read, or their
# descriptors followed, while they come into its namespaces and go. CATCH_ROUNDS: how often (8)
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 slirp4netns
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st rounds=${CATCH_ROUNDS:-8} i=0
echo rk > "$T/u/session"
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns \
  python3 tests/security/catch.py "$T/u/session" "$T/u/end"
p=$pid
wait_until test -s "$D/child_pid"
as_user mkdir -p "$D/ports"
as_user sh -c 'echo 127.0.0.1:18080:80/tcp > "$1/ports/web"' sh "$D"
mkfifo "$T/ready"; chown "$RK_TEST_USER" "$T/ready"
while [ "$i" -lt "$rounds" ]; do
  i=$((i + 1))
  # shellcheck disable=SC2016 # for the inner shell
  spawn as_user sh -c 'exec 9> "$1"; exec rk-portd -d 9 "$2"' sh "$T/ready" "$D"
  portd=$pid
  read -r line < "$T/ready"
  as_user rk-enter -s "$D" rk-t-true
  as_user rk-enter -s "$D" rk-t-true
  rk-enter -p "$p" rk-t-true # as root
  end "$portd"
done
: > "$T/u/end"
ok "the catcher ends" wait_gone "$p"
like "$(cat "$T/spawn.$p.out")" '^caught: nothing$' "and has caught nothing"
like "$(cat "$T/spawn.$p.out")" "^tried: .*rk-enter.*rk-portd.*rk-relay" "(it has tried)"
note "$(tail -n 1 "$T/spawn.$p.out")"
done_testing
