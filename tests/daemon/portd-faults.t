#!/bin/sh
# rk-portd: what fails for a while is not taken for an answer: nothing is withdrawn, and all is done when it can be
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 curl nginx prlimit strace
D=$T/st p=$(free_port) q=$(free_port)
said() { grep -q -e "$1" "$T/portd.err"; }
# No new fd for rk-portd, until fds is called: those below 7 are its own for life. Not fewer, since poll(2) takes no
# more fds than this limit (EINVAL).
no_fds() { prlimit --pid "$portd" --nofile=7:; }
fds() { prlimit --pid "$portd" --nofile=256:; }
fetch() { # NAME
  run curl -sS -m 20 "http://127.0.0.1:$p/"
  is "$out$err" "hello from inside" "$1"
}
# rk-portd answers a request for the counters: it has seen all that was done before.
caught_up() {
  : > "$D/ports/.refresh"
  wait_until test ! -e "$D/ports/.refresh"
}

nginx_conf "$T/nginx.conf" 80
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/web"
portd_start "$D"
prlimit --pid "$portd" --nofile=256:256

no_fds
chain_start "$D" nginx -c "$T/nginx.conf"
ok "out of fds when the chain comes: it is said" wait_until said 'unable to serve the chain: '
fds
ok "and the chain is served when there are some" wait_until status_is "$D" web chain attached
fetch "with its server"
is "$(status "$D" web reason)" "" "no reason is left"

caught_up
n=$(status "$D" web total)
r=$(pgrep -P "$portd" -x rk-relay)
kill -KILL "$r"; wait_gone "$r"
fetch "the relay killed: another serves"
caught_up
is "$(status "$D" web total)" $((n + 1)) "and what was counted before stays"

no_fds
touch "$D/ports/web"
echo "127.0.0.2:$q:80/tcp" > "$D/ports/more"
kill -HUP "$portd"
ok "out of fds when port files are to be read: it is said" wait_until said 'unable to follow .*/ports: '
fetch "the port that is there stays"
fds
ok "a new one is bound later" wait_until status_is "$D" more state listening
is "$(status "$D" web state)$(status "$D" web error)" listening "the other is as it was"

chmod 500 "$D/ports.status"
echo "127.0.0.3:$q:80/tcp" > "$D/ports/third"
ok "a status that cannot be written: it is said" wait_until said 'unable to write ports.status/third: Permission denied'
rm "$D/ports/more"
ok "nor removed" wait_until said 'unable to remove ports.status/more: Permission denied'
chmod 700 "$D/ports.status"
ok "it is written later" wait_until status_is "$D" third state listening
ok "and the other one removed" wait_until test ! -e "$D/ports.status/more"
is "$(grep -c 'write ports.status/third' "$T/portd.err")" 1 "that it cannot be is said once"

# Half a file: it is open for writing while all files are read.
exec 5> "$D/ports/half"
echo "127.0.0.4:$q:80/tcp" >&5
kill -HUP "$portd"; caught_up
not_ok "a file that is being written is not read" test -e "$D/ports.status/half"
echo srcip=require >&5
kill -HUP "$portd"; caught_up
not_ok "nor half of it" test -e "$D/ports.status/half"
exec 5>&-
ok "but when it is closed" wait_until status_is "$D" half state listening
is "$(status "$D" half error)" "" "as a whole"
exec 5> "$D/ports/half"
kill -HUP "$portd"; caught_up
is "$(status "$D" half state)" listening "written in place: the port stays meanwhile"
echo "127.0.0.4:$q:81/tcp" >&5
exec 5>&-
ok "and is then what the file says" wait_until status_is "$D" half target 127.0.0.4:81
end "$chain"; end "$portd"

# The kernel's errors, by strace: the third reading of a directory is that of ports, after ports.status twice; then
# come the names of .port-ids.
traced() { # INJECT: rk-portd under strace, ready
  rm -f "$T/ready" "$T/portd.err"; mkfifo "$T/ready"
  strace -qq -D -o "$T/trace" -e trace="${1%%:*}" -e inject="$1" \
    rk-portd -d 7 "$D" 7> "$T/ready" 2> "$T/portd.err" < /dev/null &
  portd=$!; tap_pids="$tap_pids $portd"
  read -r _ < "$T/ready"
}
rm "$D/ports/half" "$D/ports/third"
traced getdents64:error=ENOMEM:when=7
is "$(status "$D" web state)" listening "three directories are read to their ends"
kill -HUP "$portd"
ok "an error of readdir: it is said" wait_until said 'unable to follow .*/ports: '
is "$(status "$D" web state)" listening "nothing is withdrawn"
echo "127.0.0.2:$q:80/tcp" > "$D/ports/more"
ok "and more is published" wait_until status_is "$D" more state listening
end "$portd"
traced sendmsg:error=ENOBUFS:when=1+2
chain_start "$D" nginx -c "$T/nginx.conf"
ok "no memory for every second message to rk-relay: it is sent again" wait_until status_is "$D" web chain attached
fetch "the chain is served"
caught_up
unlike "$(cat "$T/portd.err")" "replaced|starting another" "by one relay"
end "$chain"; end "$portd"
for i in getdents64:error=EIO:when=3 inotify_add_watch:error=ENOMEM:when=2; do
  run strace -qq -D -o "$T/trace" -e trace="${i%%:*}" -e inject="$i" rk-portd -d 1 "$D"
  is "$rc" 111 "${i%%:*} fails at the start: 111"
  is "$out" "" "and it is not said to be ready"
  like "$err" "unable to follow $D/ports: " "but what failed"
done
done_testing
