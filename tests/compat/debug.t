#!/bin/sh
# rootlesskit --debug: one line a step on stderr, in RootlessKit's form; without it, none
. "${RK_TEST_LIB:-tests/lib.sh}"
export XDG_RUNTIME_DIR="$T"
D=$T/state
steps() { printf '%s\n' "$err" | sed -n 's/^\[rootlesskit:parent\] debug: //p'; }
run rootlesskit --debug --state-dir="$D" true
is "$rc $(printf '%s\n' "$err" | grep -Evc '^\[rootlesskit:parent\] debug: ')" "0 0" \
  "nothing but steps, and the command's status"
like "$(steps | sed -n 1p)" '^starts the chain: "/.*/rk-state" .*"rk-userns" .*"true"$|^starts the chain: "/.*/rk-state" .*/rk-userns" .*"true"$' "first the chain, as a command line"
like "$(steps)" '^the chain.s process is [0-9]+$' "its process"
like "$(steps)" "^the state directory is $D\$" "the state directory"
like "$(steps)" "^the API listens at $D/api.sock\$" "the API's socket"
is "$(steps | tail -n 4)" 'the chain is set up
the command starts: "true"
the chain'"'"'s process has ended: exit status 0
what was started has ended, and the state directory is gone' "then the command, and the end"

run rootlesskit --debug --net=none --port-driver=builtin -p 127.0.0.1:21235:80/tcp true
like "$(steps)" '^asks for port 127\.0\.0\.1:21235:80/tcp$' "a port is asked for"
like "$(steps)" '^starts rk-portd as process [0-9]+: "/.*/rk-portd" ' "rk-portd is started"
like "$(steps)" '^port 127\.0\.0\.1:21235:80/tcp listens$' "and the port listens"

run rootlesskit --debug printf '%s' "$(printf 'a\033b')"
like "$err" 'the command starts: "printf" "%s" "a\\x1bb"$' "bytes that are no text are quoted"
run rootlesskit true
is "$rc $err" "0 " "without --debug, nothing"
done_testing
