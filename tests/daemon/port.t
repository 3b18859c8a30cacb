#!/bin/sh
# rk-port: add returns when the port listens or has failed, rm when it is closed, ls and wait tell
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need curl python3 strace
D=$T/st p=$(free_port) q=$(free_port)
listens() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)' "$1" \
  2>/dev/null; }

mkdir "$D"
run rk-port add -t 1 "$D" "127.0.0.1:$p:80/tcp"
is "$rc $err" "111 rk-port: fatal: unable to publish 127.0.0.1:$p:80/tcp: no rk-portd serves $D: start one" \
  "without an rk-portd add says so"
is "$(ls -A "$D/ports")" "" "and leaves no file"
run rk-port add -N -n later "$D" "127.0.0.1:$p:80/tcp"
is "$rc $out" "0 later" "-N only writes the file"
is "$(cat "$D/ports/later")" "127.0.0.1:$p:80/tcp" "which is the spec"
run rk-port ls "$D"
like "$out" "^later +- +unknown .*127.0.0.1:$p:80/tcp" "ls shows it without a status"
portd_start "$D"
is "$(status "$D" later state)" listening "rk-portd is ready when the ports listen"
run rk-port rm "$D" later
is "$rc" 0 "rm"; not_ok "returns when the port is closed" listens "$p"

run rk-port add "$D" "127.0.0.1:$p:80/tcp" "127.0.0.1:$q:81/udp"
is "$rc" 0 "add two"; is "$(echo $out)" "3 4" "prints their names, which no port had before"
ok "the port listens when add returns" listens "$p"
run rk-port add -n web -o srcip=no "$D" "127.0.0.2:$p:80/tcp"
is "$rc $out" "0 web" "a name of one's own"
is "$(sed -n 2p "$D/ports/web")" srcip=no "with an option"
run rk-port add -n web "$D" "127.0.0.3:$p:80/tcp"
is "$rc $err" "1 rk-port: fatal: there is a port of this name: web" "a name that is taken"
run rk-port add "$D" "127.0.0.1:$p:80/tcp4"
is "$rc $err" "111 rk-port: fatal: unable to publish 127.0.0.1:$p:80/tcp4: listen tcp4 127.0.0.1:$p: bind: address already in use" "a port in use: the kernel's reason"
run rk-port add "$D" "127.0.0.1:$p:90/tcp"
like "$err" "conflict with ID 3 \\(\"3\"\\)\$" "a port that is published already"
is "$(ls "$D/ports" | tr '\n' ' ')" "3 4 web " "what failed leaves no file"

# shellcheck disable=SC2016 # for sh
run sh -c 'exec rk-port add -n full "$1" "$2" > /dev/full' sh "$D" "127.0.0.5:$p:80/tcp"
is "$rc $err" "111 rk-port: fatal: unable to write to stdout: full is withdrawn: No space left on device" \
  "a name that nobody reads"
not_ok "is of no port" test -e "$D/ports/full"
no_list() { strace -qq -D -o "$T/trace" -e trace=getdents64 -e inject=getdents64:error=EIO "$@"; }
run no_list rk-port add "$D" "127.0.0.5:$p:80/tcp"
is "$rc" 111 "add: ports cannot be listed"
is "$(ls -A "$D/ports" | tr '\n' ' ')" "3 4 web " "nothing is left"
run no_list rk-port ls -j "$D"
is "$rc $out" "111 " "ls: the same, and no list"

run rk-port ls "$D"
is "$(echo "$out" | sed -n '1s/  */ /gp')" "NAME ID STATE CHAIN CLIENTS TOTAL IN OUT SPEC" "ls has a title"
like "$out" "^web +[0-9]+ +listening +waiting +0 +0 +0 +0 +127.0.0.2:$p:80/tcp\$" "and a line for each"
run rk-port ls -j "$D" 4
is "$(echo "$out" | python3 -c 'import json, sys; j = json.load(sys.stdin); print(j["name"], j["id"], j["state"], j["total"])')" "4 4 listening 0" "-j is JSON"
is "$(rk-port ls -0 "$D" web 3 | tr '\0\n' '\n\1' | grep -c -E '^(name=web|name=3|)$')" 4 \
  "-0 is fields ended by NUL, a port by an empty one"
run rk-port ls "$D" nope; is "$rc" 1 "ls of no such port: 1"
run rk-port wait "$D" web; is "$rc" 0 "wait for one that listens"
run rk-port wait -c -t 1 "$D" web; is "$rc $err" "1 rk-port: fatal: port web is not published yet" \
  "wait for a chain that does not come"
run rk-port rm -i "$D" 4; is "$rc" 0 "rm by id"
run rk-port rm "$D" 4; is "$rc $err" "1 rk-port: fatal: no such port: 4" "twice: 1"
for bad in 127.0.0.1:-1:80/tcp x/tcp 1-3:1-4/tcp; do
  run rk-port add "$D" 127.0.0.4:$p:80/tcp $bad; is "$rc" 100 "malformed $bad: 100, and nothing is published"
done
run rk-port add -o foo=bar "$D" "127.0.0.1:$q:80/tcp"
is "$rc $err" '100 rk-port: fatal: unknown key "foo"; there are srcip, idle, refuse, wait, listen-fd, ifname, group' \
  "an unknown option"
run rk-port add -n a/b "$D" "127.0.0.1:$q:80/tcp"; is "$rc $err" \
  '100 rk-port: fatal: a port'"'"'s name is a file name, without a slash: a/b' "a name with a slash"
run rk-port rm "$D" ../lock; is "$rc" 100 "also in rm"
run rk-port add -o "srcip=no
refuse=backend" "$D" "127.0.0.1:$q:80/tcp"; is "$rc $err" '100 rk-port: fatal: an option of a port is one line' "an option of two lines"
run rk-port ls ""; is "$rc $err" '100 rk-port: fatal: the state directory must not be empty' "an empty directory name"
run rk-port ls -t 0 "$T/none"
is "$rc $err" "111 rk-port: fatal: there is no state directory $T/none: rk-state and rk-portd make theirs" \
  "a directory that nobody makes in time"
run rk-port add -t 0 "$T/none" "127.0.0.1:$p:80/tcp"; is "$rc" 111 "add: the same"
run rk-port rm -t 0 "$T/none" http; is "$rc" 111 "rm: the same"
run rk-port wait -t 0 "$T/none" http; is "$rc" 111 "wait: the same"

# two lines of shell: whichever of them is first, and the parents of the directory are missing too
n=0 good=0
while [ $n -lt 20 ]; do
  n=$((n + 1))
  spawn rk-portd "$T/new/$n/web"
  portd=$pid
  case $((n % 4)) in
    0) rk-port add -n http "$T/new/$n/web" "127.0.0.5:$q:80/tcp" > "$T/said" 2>&1 && good=$((good + 1)) ;;
    1) rk-port ls "$T/new/$n/web" > "$T/said" 2>&1 && good=$((good + 1)) ;;
    2) rk-port wait "$T/new/$n/web" > "$T/said" 2>&1 && good=$((good + 1)) ;;
    3)
      rk-port rm "$T/new/$n/web" http > "$T/said" 2>&1
      [ "$(cat "$T/said")" != "rk-port: fatal: no such port: http" ] || good=$((good + 1))
      ;;
  esac
  end "$portd"
done
is "$good" 20 "rk-portd DIR & rk-port add, ls, wait, rm DIR: 20 of 20"
is "$(stat -c %a "$T/new/1/web")" 700 "the directory that rk-portd made is the user's"

for a in "" "foo" "add" "add $D" "rm $D" "ls" "wait -x $D" "add -n x $D 1:1/tcp 2:2/tcp"; do
  run rk-port $a; is "$rc" 100 "usage: rk-port $a"
done
done_testing
