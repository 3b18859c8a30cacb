#!/bin/sh
# a program that puts itself in the background ends its chain: rk-outside warns, and says what to do
. "${RK_TEST_LIB:-tests/lib.sh}"
need setsid
cat > "$T/daemon" <<'E'
#!/bin/sh
# as daemon(3): the first process ends with the given status while the second lives
setsid sh -c 'echo $$ > "$0"; exec sleep 600' "$1" < /dev/null > /dev/null 2>&1 &
while [ ! -s "$1" ]; do sleep 0.02; done
exit "$2"
E
chmod +x "$T/daemon"
chain() { # STATUS LINK...: its status in $rc, what rk-outside says until its own end in $err, the daemon in $survivor
  status=$1
  shift
  rm -f "$T/pid"
  {
    rk-state -t "$T/d" rk-userns rk-idmap rk-net -n none "$@" "$T/daemon" "$T/pid" "$status"
    echo $? > "$T/rc"
  } 2>&1 > /dev/null | cat > "$T/err"
  rc=$(cat "$T/rc") err=$(cat "$T/err") survivor=$(cat "$T/pid")
}
chain 0
is "$rc" 0 "a server in the background: the chain is over"
like "$err" "^rk-outside /[^ ]*: warning: the program has ended( with 0)?, and its network with it, but in its network \
namespace there live on: sleep \\(pid $survivor\\)\\. A server has to stay in the foreground .*rk-hold" \
  "a warning says what has happened, who it is, and what to do"
kill "$survivor"
chain 3
is "$rc" 3 "a program that fails"
case $err in
  '') pass "is another matter" ;;
  *) like "$err" "the program has ended, " "or the kernel does not say that it failed" ;;
esac
kill "$survivor"
chain 0 rk-pidns
is "$err" "" "below rk-pidns nothing lives on"
rk-state -t "$T/d" rk-userns rk-idmap rk-net -n none sh -c 'true & true' 2>&1 | cat > "$T/err"
is "$(cat "$T/err")" "" "and there is nothing to say of what ends with its chain"
done_testing
