#!/bin/sh
# rk-hold: ready, ends when told, holds the namespaces while a daemon is restarted three times by rk-enter
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/state
start() { # LINKS...: the chain in $D that ends with rk-hold; returns when it says ready
  rm -f "$T/ready"; mkfifo "$T/ready"
  rk-state "$D" rk-userns rk-idmap "$@" 3> "$T/ready" &
  pid=$! tap_pids="$tap_pids $pid"
  read -r line < "$T/ready"
  is "$line" "" "ready: $*"
}
for links in "" "rk-unshare -ui rk-pidns" "rk-pidns -R"; do
  # shellcheck disable=SC2086 # words
  start $links rk-hold -d 3
  held=$pid
  ok "child_pid is there when it is ready" test -s "$D/child_pid"
  ns=''
  for n in 1 2 3; do
    # the daemon: says ready, then runs until told to end
    rm -f "$T/d"; mkfifo "$T/d"
    rk-enter -s "$D" sh -c 'readlink /proc/self/ns/* | sort > "$0"; trap "exit 5" TERM; echo up >&3; while :; do sleep 0.05; done' "$T/ns.$n" 3> "$T/d" &
    daemon=$! tap_pids="$tap_pids $daemon"
    read -r line < "$T/d"
    kill -TERM "$daemon"; wait "$daemon"
    is "$line/$?" up/5 "daemon $n ran, got SIGTERM, its status came back"
    [ "$n" = 1 ] || is "$(cat "$T/ns.$n")" "$(cat "$T/ns.1")" "in the same namespaces"
  done
  isnt "$(cat "$T/ns.1")" "$(readlink /proc/self/ns/* | sort)" "which are not ours"
  kill -TERM "$held"; wait "$held"; is $? 0 "SIGTERM ends rk-hold, with 0"
  ok "and the state directory goes" wait_until test ! -e "$D"
done

for s in INT HUP; do
  rm -f "$T/ready"; mkfifo "$T/ready"
  env --default-signal=INT,HUP rk-userns rk-idmap -m single rk-hold -d 1 > "$T/ready" & pid=$!
  read -r line < "$T/ready"
  kill -$s $pid; wait $pid; is $? 0 "SIG$s ends it too"
done
rm -f "$T/ready"; mkfifo "$T/ready"
env --ignore-signal=HUP rk-userns rk-idmap -m single rk-hold -d 1 > "$T/ready" & pid=$!
read -r line < "$T/ready"
kill -HUP $pid; ok "an ignored SIGHUP stays ignored" kill -0 $pid
kill -TERM $pid; wait $pid; is $? 0 "then SIGTERM"
usage="rk-hold: usage: rk-hold [ -d fd ]"
wrong="rk-hold: fatal: option -d needs the number of an open file descriptor: got"
run rk-hold -d x
is "$rc/$err" "100/$wrong \"x\"
$usage" "a bad fd number"
run rk-hold -d 77
is "$rc/$err" "100/$wrong \"77\"
$usage" "a closed fd"
run rk-hold prog
is "$rc/$err" "100/rk-hold: fatal: unexpected operand prog
$usage" "it has no program"
done_testing
