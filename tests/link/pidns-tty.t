#!/bin/sh
# rk-pidns and rk-reap on a terminal: Ctrl-C once, Ctrl-Z stops and continues both, the terminal is given back, hangup
[ -n "${INSIDE:-}" ] || INSIDE=1 exec rk-userns rk-idmap sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
drive() { # NAME ORDERS WANTED CMD...: one order a line
  drive_name=$1 drive_orders=$2 drive_want=$3; shift 3
  run_in "$drive_orders" timeout 90 rk-t-job "$@"
  is "$out" "$drive_want" "$drive_name" || diag "$err"
}
for link in "rk-pidns" "rk-pidns rk-pidns" "rk-pidns -R" "rk-reap" "rk-reap rk-pidns"; do
  # shellcheck disable=SC2086 # words
  drive "$link: Ctrl-C arrives, once; Ctrl-\\ too" 'read UP
key \x03
read 2 1
key \x03
read 2 2
key \x1c
read 3 1
key \x1c
read 3 2
kill KILL
wait
' 'read
typed
read
typed
read
typed
read
typed
read
sent
killed KILL' $link rk-t-count
  # shellcheck disable=SC2086
  drive "$link: Ctrl-Z stops both, fg and bg continue both" 'read UP
key \x1a
wait
foreground
fg
kill USR1
read 10 1
key \x1a
wait
bg
kill USR1
read 10 2
kill KILL
wait
' 'read
typed
stopped TSTP
shell
continued
sent
read
typed
stopped TSTP
continued
sent
read
sent
killed KILL' $link rk-t-count
done
for link in rk-pidns rk-reap; do
drive "$link: SIGTSTP to the waiter alone stops both, once" 'read UP
kill TSTP
wait
fg
key \x1c
read 3 1
kill KILL
wait
' 'read
sent
stopped TSTP
continued
typed
read
sent
killed KILL' $link rk-t-count
drive "$link: reading the terminal in the background stops both" 'read UP
key \x1a
wait
bg
wait
fg
key a
key \n
wait
' 'read
typed
stopped TSTP
continued
stopped TTIN
continued
typed
typed
exited 3' $link sh -c 'echo UP; read x; exit 3'
drive "$link: a session leader is sent SIGHUP alone: it goes on to prog" 'read UP
hangup
wait
' 'read
hung up
exited 1' -l $link sh -c 'trap "exit 1" HUP; echo UP; while :; do sleep 0.1; done'
drive "$link: an interactive shell in its own process group, then the terminal is given back" 'read P>
key (echo\x20U$((1))P;exec\x20sleep\x20100)\n
read U1P
key \x1a
read Stopped
key exit\n
key exit\x206\n
wait
foreground
' 'read
typed
read
typed
read
typed
typed
exited 6
job' $link env PS1='P> ' bash --norc -i
done
done_testing
