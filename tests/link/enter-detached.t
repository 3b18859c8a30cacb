#!/bin/sh
# rk-enter -n: the detached network namespace of a chain, which only its state directory names
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/state
start() { # LINKS...
  rm -f "$T/ready"; mkfifo "$T/ready"
  rk-state "$D" rk-userns rk-idmap "$@" rk-hold -d 3 3> "$T/ready" &
  chain=$! tap_pids="$tap_pids $!"
  read -r line < "$T/ready"
}
set -- readlink /proc/self/ns/net
for links in "rk-copyup '' rk-net -D -d none" "rk-net -D -d none rk-pidns"; do
  eval "start $links"
  is "$(rk-enter -s "$D" "$@")" "$("$@")" "$links: without -n the host's network"
  inside=$(rk-enter -s "$D" -n "$@")
  isnt "$inside" "$("$@")" "-n: another"
  like "$inside" '^net:' "by state directory"
  is "$(RK_STATE_DIR=$D rk-enter -n -p "$chain" "$@")" "$inside" "by pid, the directory from RK_STATE_DIR"
  cd "$T" || exit
  is "$(rk-enter -s state -n "$@")" "$inside" "by a relative path"
  is "$(rk-enter -s "$D" -n sh -c 'cat /proc/net/dev' | sed -n 's/: .*//p' | tr -d ' \n')" lo "with its own interfaces"
  end "$chain"; wait_until test ! -e "$D"
done
start rk-net -d none
run rk-enter -s "$D" -n true
is "$rc/$err" "100/rk-enter: fatal: there is no $D/netns: the chain was not started with rk-net -D" \
  "not detached"
: > "$D/netns"
run rk-enter -s "$D" -n true
is "$rc/$err" "100/rk-enter: fatal: $D/netns is no network namespace: the chain was not started with rk-net -D" \
  "a file that is none"
done_testing
