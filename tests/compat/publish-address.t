#!/bin/sh
# rootlesskit --publish-address: ports that name no host address are open on this one
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
p=$(free_port) q=$(free_port)
kit() { run rootlesskit --net=none --port-driver=builtin "$@"; }
# shellcheck disable=SC2016 # the chain's variable
look='rootlessctl --socket "$ROOTLESSKIT_STATE_DIR/api.sock" add-ports ":$0:81/tcp" > /dev/null
  grep -h ^listen= "$ROOTLESSKIT_STATE_DIR"/ports.status/* | sort | tr "\n" " "'
kit --publish-address=127.0.0.5 -p ":$p:80/tcp" -p "127.0.0.6:$p:80/tcp" sh -c "$look" "$q"
is "$rc $out" "0 $(printf 'listen=127.0.0.5:%s\nlisten=127.0.0.5:%s\nlisten=127.0.0.6:%s\n' "$p" "$q" "$p" | sort |
  tr '\n' ' ')" "-p and the API: this address, unless they name another"
kit --publish-address=localhost -p ":$p:80/tcp" sh -c "$look" "$q"
like "$out" "listen=127.0.0.1:$p " "localhost"
kit -p ":$p:80/tcp" sh -c "$look" "$q"
like "$out" "listen=\\[::\\]:$p " "without it: all"
kit --publish-address=nowhere true
is "$rc $err" "1 [rootlesskit:parent] error: invalid --publish-address: \"nowhere\" is not an address" "no address"
run rootlesskit --publish-address=::1 true
like "$rc $err" "^1 .*--publish-address needs a port driver" "no port driver"
like "$(rootlesskit --print --state-dir=/s --net=pasta --port-driver=builtin --publish-address=::1 true)" \
  "redirfd -w 1 /s/ports/.default printf .*::1" "--print"
rootlesskit --service=s6 --state-dir="$T/s" --net=none --port-driver=builtin --publish-address=::1 "$T/web" true
like "$(cat "$T/web-portd/run")" "ports/.default printf .*::1" "--service"
done_testing
