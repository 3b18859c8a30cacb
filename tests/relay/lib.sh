# shellcheck shell=sh
# tests/relay/lib.sh: what tests of rk-relay share, after tests/lib.sh
#   inside CMD...   a namespace with lo whose program CMD says "ready": $ns      portd SPEC... rk-t-portd in front of
# it, with $limit fds: $relaypid
#   faithful N      N random connections of faith.py through it see what a direct one would, and no connection is left
#   same NAME CMD...  whoami.py, asking as CMD, was seen with its own address and port
#   tell LINE ERE   a command for rk-t-portd, until its answer matches: $answer
relay=$RK_TEST_INST/libexec/rk/rk-relay tools="$RK_TEST_STAGE/rk/tests/relay" port=20000
host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7 # the whole range of ports for each test
inside() {
  unshare -Urn sh -c 'ip link set lo up; exec "$@"' sh "$@" > "$T/serve" 2>&1 &
  ns=$! tap_pids="$tap_pids $!"
  wait_until grep -q ready "$T/serve" || bail "no server: $(cat "$T/serve")"
}
portd() {
  mkfifo "$T/ctl"; : > "$T/portd"
  sh -c '[ -z "$0" ] || { ulimit -S -n "$0"; ulimit -H -n "$0"; }; exec "$@"' "${limit:-}" rk-t-portd "$relay" "$ns" \
    "$@" < "$T/ctl" >> "$T/portd" 2> "$T/portd.err" &
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
faithful() {
  timeout 120 python3 "$tools/faith.py" ask "$host" "$port" "$T/client" "$1" "${RK_FAITH_SEED:-3}"
  is "$(grep -c ' ok ' "$T/client")" "$1" "$1 clients saw what a direct connection gives"
  # shellcheck disable=SC2016 # $0 and $1 are the inner shell's
  wait_until sh -c '[ "$(wc -l < "$0")" -ge "$1" ]' "$T/server" "$1"
  is "$(grep -c ' ok ' "$T/server")" "$1" "... and so did the server"
  grep -hv ' ok ' "$T/client" "$T/server" | sed 's/^/# /' | head -20 >&2
  tell stats end
  like "$answer" "now=0 total=$1 .*refused=0" "no connection is left, none was refused"
  echo quit >&9
}
same() {
  name=$1; shift
  out=$("$@")
  case $out in seen=*) seen=${out#seen=}; seen=${seen%% *}; is "$seen" "${out##*own=}" "$name" ;; *) fail "$name" \
    "$out" ;; esac
}
