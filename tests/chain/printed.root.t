#!/bin/sh
# README's chains and the EXAMPLES of the most important pages, run as printed by a user whose uid is not 1000. One
# that cannot run here is marked in its page, `.\" not run: REASON` on the line before, and counted.
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns python3 curl jq ss
outer
mkdir -m 700 "$T/home"
chown "$(as_user id -u):$(as_user id -g)" "$T/home"
cd "$T/home" || exit 1
here=$RK_TEST_STAGE/rk
isnt "$(as_user id -u)" 1000 "the user's uid is not 1000"

# the lines of README's code blocks from the section of chains on that match, with what they continue
readme() {
  sed -n '/^## A few chains/,/^## Read on/s/^    //p' "$here/README.md" | awk -v want="$1" -v last="$2" '
    index($0, want) == 1 { on = 1 }
    on { print }
    on && index($0, last) == 1 { exit }'
}
# the examples of a page that are one line each, number $2
example() {
  sed -n '/^\.Sh EXAMPLES/,$p' "$here/doc/$1.1" | awk '
    /^\.Sh/ && !/EXAMPLES/ { exit }
    /^\.\\" not run: ./ { skip = 1; next }
    /^\.Dl/ && !skip { sub(/^\.Dl /, ""); print }
    { skip = 0 }' | sed 's/\\&//g; s/\\e/\\/g' | sed -n "$2p"
}
# in the background, as a shell with a terminal has it, until the test ends
start() { spawn as_user sh -c "$1"; }

run_in 'id -u; touch /etc/mine && echo made' as_user sh -c "$(readme 'rk-userns rk-idmap rk-copyup' rk-userns)"
is "$out" "$(printf '0\nmade')" "README: a root shell with its own /etc"
run_in 'id -u; echo $$' as_user sh -c "$(readme 'rk-state "$XDG_RUNTIME_DIR/box"' rk-state)"
like "$out" '^0$' "README: a box with a state directory"

run as_user sh -c "$(readme rk-portd curl)
jobs -p > jobs
kill \$(cat jobs)
wait"
is "$out" "$(printf '1\nHTTP/1.0 200 OK\r')" "README: the web server, published"
run as_user sh -c "$(readme rootlesskit curl)
jobs -p > jobs
kill \$(cat jobs)
wait"
is "$out" "$(printf 'HTTP/1.0 200 OK\r')" "README: the same by rootlesskit"
line=$(readme rootlesskit '  --port-driver')
run as_user sh -c "$(echo "${line%&}" | sed 's/^rootlesskit/& --print=sh/')"
is "$rc" 0 "README: --print of that line"
like "$out" 'rk-pidns' "shows its chain"
run as_user sh -c "cd $here
$(readme rk-listen curl)
kill \$!
wait"
is "$out" 127.0.0.1 "README: a host port without a relay" || diag "$err"
as_user mkdir somewhere
run as_user sh -c "$(readme 'rk-userns rk-idmap rm' rk-userns)"
is "$rc $(ls)" "0 $(ls -I somewhere)" "README: files are removed"

as_user sh -c 'rm -rf "$XDG_RUNTIME_DIR/web"'
start "exec $(example rk-portd 1 | sed 's/ &$//')"
run as_user sh -c "$(example rk-portd 2)"
is "$rc $out" "0 http" "rk-portd(1): the port is published" || diag "$err"
start "exec $(example rk-state 1)"
run curl -sI -m 60 http://127.0.0.1:8080/
like "$out" '^HTTP/1.0 200 OK' "rk-state(1): the server answers there"
run_in 'id -u' as_user sh -c "$(example rk-enter 1)"
is "$rc $out" "0 0" "rk-enter(1): a shell in it"
run as_user sh -c "$(example rk-enter 2)"
like "$out" '^LISTEN.*0.0.0.0:80 ' "rk-enter(1): what listens in its network" || diag "$err"
run as_user sh -c "$(example rk-port 1)"
is "$rc $out" "0 web" "rk-port(1): another port"
run as_user sh -c "$(example rk-port 2)"
like "$out" '^0.0.0.0:8082:80/tcp$|8082' "rk-port(1): which ls lists"
for n in 1 2; do
  spawn as_user env PYTHONUNBUFFERED=1 sh -c "exec $(example rk-net $n | sed 's/http.server 80$/& --bind 127.0.0.1/')"
  ok "rk-net(1), $n: the server listens" wait_until grep -q 'Serving HTTP' "$T/spawn.$pid.out"
  end "$pid"
done
is "$(grep -rc '^\.\\" not run: ' "$here"/doc/*.[0-9] | awk -F: '{ n += $2 } END { print (n <= 5) }')" 1 \
  "at most five examples are not run"
is "$(grep -l 'run/user/1000' "$here/README.md" "$here"/doc/*.[0-9])" "" "no page knows the uid of its reader"
done_testing
