#!/bin/sh
# rootlesskit: rk-apid comes with the first client, rk-portd with the first port file, and not before
. "${RK_TEST_LIB:-tests/lib.sh}"
need curl
D=$T/st P=$((20000 + $$ % 10000))
helpers() { for c in $(cat "/proc/$1/task/$1/children"); do cat "/proc/$c/comm"; done | grep -E '^rk-(apid|portd)$' |
  sort | tr '\n' ' '; }
api() { curl -s --max-time 10 --unix-socket "$D/api.sock" "$@"; }
spawn rootlesskit --state-dir="$D" --net=none --port-driver=builtin sh -c \
  'trap "echo io" IO; trap "kill \$!; exit" TERM; echo up; while :; do rk-t-hold & wait; kill $!; done'; p=$pid
wait_until grep -q up "$T/spawn.$p.out"
is "$(helpers "$p")$(stat -c '%a %F' "$D/api.sock")" "600 socket" "the command runs: api.sock is there, and no helper"
kill -IO "$p"
ok "SIGIO of a user is passed on" wait_until grep -q io "$T/spawn.$p.out"
is "$(helpers "$p")" "" "and starts nothing"
like "$(api http://x/v1/info)" '^\{"apiVersion":"1\.1\.3"' "the first client is answered"
is "$(helpers "$p")" "rk-apid " "by rk-apid, started for it"
is "$(rk-port add "$D" "127.0.0.1:$P:80/tcp" > /dev/null && grep -h ^state= "$D"/ports.status/*)" "state=listening" \
  "the first port file is served"
is "$(helpers "$p")" "rk-apid rk-portd " "by rk-portd, started for it"
like "$(api http://x/v1/ports)" "\"parentPort\":$P," "the API lists it"
end "$p"
not_ok "the directory is gone" test -e "$D"

spawn rootlesskit --state-dir="$D" --net=none --port-driver=builtin rk-t-hold; p=$pid
wait_until test -e "$D/child_pid"
like "$(api -d "{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":80}" http://x/v1/ports)" \
  '^\{"id":1,' "a port by the first client"
is "$(helpers "$p")" "rk-apid rk-portd " "starts both"
end "$p"
for i in 1 2 3 4 5 6; do # a client as early as can be, and one that is there when all ends
  rootlesskit --state-dir="$D" --net=none --port-driver=builtin rootlessctl --socket "$D/api.sock" list-ports > \
    "$T/out" 2>&1 || diag "$(cat "$T/out")"
done
is "$(cat "$T/out")" "ID    PROTO    PARENTIP    PARENTPORT    CHILDIP    CHILDPORT    " \
  "the command itself may be the first client"
not_ok "nothing is left" test -e "$D"
run rk-apid -l 0 "$T"; is "$rc $err" "100 rk-apid: fatal: the fd of -l is no listening socket" \
  "rk-apid -l: not a listening socket"
done_testing
