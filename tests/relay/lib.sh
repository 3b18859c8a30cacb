# shellcheck shell=sh
# tests/relay/lib.sh: what tests of rk-relay share, after tests/lib.sh
#   inside CMD...   a namespace with lo whose program CMD says "ready": $ns      portd SPEC... rk-t-portd in front of it, with $limit fds: $relaypid
#   tell LINE ERE   a command for rk-t-portd, until its answer matches: $answer
relay=$RK_TEST_INST/libexec/rk/rk-relay tools="$RK_TEST_STAGE/rk/tests/relay" port=20000
host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7 # the whole range of ports for each test
inside() {
  unshare -Urn sh -c 'ip link set lo up; exec "$@"' sh "$@" > "$T/serve" 2>&1 &
  ns=$! tap_pids="$tap_pids $!"
  wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
}
portd() {
  mkfifo "$T/ctl"
  sh -c '[ -z "$0" ] || { ulimit -S -n "$0"; ulimit -H -n "$0"; }; exec "$@"' "${limit:-}" rk-t-portd "$relay" "$ns" "$@" < "$T/ctl" >> "$T/portd" 2> "$T/portd.err" &
  portdpid=$! tap_pids="$tap_pids $!"
  exec 9> "$T/ctl"
  wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd" "$T/portd.err")"
  relaypid=$(awk '/ready/ { print $2 }' "$T/portd")
}
tell() {
  : > "$T/portd"
  echo "$1" >&9
  wait_until grep -Eq "$2" "$T/portd"
  answer=$(cat "$T/portd")
}
