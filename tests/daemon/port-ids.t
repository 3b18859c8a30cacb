#!/bin/sh
# ids of ports: one allocator. rk-port, rk-portd, rk-apid and rootlessctl agree, at the same time and after a restart of
# each, and no id is used twice
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st
export ROOTLESSKIT_STATE_DIR="$D"
p=$(free_port)
add() { # ARG...: one more port: $out is its name
  n=$((${n:-0} + 1))
  run rk-port add "$@" "$D" "127.7.1.$n:$p:80/tcp"
}
api() { # likewise, by the API
  n=$((${n:-0} + 1))
  run rootlessctl --socket "$D/api.sock" add-ports "127.7.1.$n:$p:80/tcp"
}
listed() { rootlessctl --socket "$D/api.sock" list-ports | awk 'NR > 1 { print $1 }' | sort -n | tr '\n' ' '; }
start_apid() {
  spawn rk-apid "$D"
  apid=$pid
  wait_until test -S "$D/api.sock"
}
portd_start "$D"
start_apid
add; is "$out" 1 "rk-port add: the first"
api; is "$out" 2 "the API: the next"
add -n web; is "$out $(status "$D" web id)" "web 3" "a name of one's own gets a number as well"
add; is "$out" 4 "and so on"
wait_until sh -c 'rootlessctl --socket "$0" list-ports | grep -q "^4 "' "$D/api.sock"
is "$(listed)" "1 2 3 4 " "the API lists the same"
run rk-port rm -i "$D" 4 3
is "$rc" 0 "rk-port rm -i takes them"
add; is "$out" 5 "an id is not used twice"
add -n web; is "$(status "$D" web id)" 6 "nor is one of a name"
run rootlessctl --socket "$D/api.sock" remove-ports 6
is "$rc $(ls "$D/ports" | tr '\n' ' ')" "0 1 2 5 " "the API finds a port by the id that rk-portd gave it"
add -n web; is "$(status "$D" web id)" 7 "the next web"
end "$portd"; end "$apid"
run rk-port rm -t 1 "$D" 5
portd_start "$D"; start_apid
is "$(status "$D" web id)" 7 "another rk-portd: a name keeps its id"
api; is "$out" 8 "another rk-apid goes on"
end "$portd"
rm "$D/ports/web"
portd_start "$D"
is "$(ls "$D/.port-ids/names")" "" "what was withdrawn meanwhile is forgotten"
add -n web; is "$(status "$D" web id)" 9 "and comes back as another"
echo "127.7.2.1:$p:80/tcp" > "$D/ports/50"
rk-port wait "$D" 50
is "$(status "$D" 50 id)" 50 "a file with a number as its name has that id"
add; is "$out" 51 "and the next is larger"
add -n 60; is "$rc $err" "100 rk-port: fatal: a name that is a number is given by rk-port, not chosen: 60" \
  "rk-port gives the numbers"
# all at once
for i in $(seq 20); do
  if [ $((i % 2)) = 0 ]; then
    rk-port add "$D" "127.7.3.$i:$p:80/tcp" > "$T/got.$i" 2>&1 &
  else
    rootlessctl --socket "$D/api.sock" add-ports "127.7.3.$i:$p:80/tcp" > "$T/got.$i" 2>&1 &
  fi
  all="${all:-} $!"
done
# shellcheck disable=SC2086 # pids
wait $all
is "$(cat "$T"/got.* | sort -n | tr '\n' ' ')" "$(seq 52 71 | tr '\n' ' ')" \
  "twenty at once, of both kinds: each has its own"
# root inside can write here
end "$portd"
rm -rf "$D/.port-ids"
rk-userns rk-idmap sh -c 'mkdir -m 700 "$0" && chown 5 "$0"' "$D/.port-ids"
portd_start "$D"
is "$(status "$D" 71 state)" listening "a directory of a subordinate id in its place keeps nobody from publishing"
add -N; is "$rc$err" 0 "and the next number is found"
rk-port rm "$D" "$out"
end "$portd"
rm -rf "$D/.port-ids"
ln -s /etc "$D/.port-ids"
portd_start "$D"
is "$(status "$D" 71 state)" listening "a link in the place of .port-ids keeps nobody from publishing"
add; is "$out" 73 "and what is published still counts: web is 72 now"
ln -s 71 "$D/.port-ids/names/liar"
add -n liar; isnt "$(status "$D" liar id)" 71 "nobody gets the id of another"
rm "$D/.port-ids/"last-*; : > "$D/.port-ids/last-x"; mkdir "$D/.port-ids/last-0071"
add; is "$rc" 0 "spoilt ids are spoilt, but new ones"
rm -r "$D/.port-ids/"last-*; : > "$D/.port-ids/last-2147483647"
add; like "$rc $err" "^111 rk-port: fatal: unable to take a number from $D/.port-ids: Value too large" \
  "the end of all numbers is told"
done_testing
