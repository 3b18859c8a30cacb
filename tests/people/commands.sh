# shellcheck shell=sh
# tests/people/commands.sh: what the commands of the tables may use
# CMD...: while an rk-portd serves $D
served() {
  rk-portd "$D" 2> /dev/null &
  served_pid=$!
  served_rc=0
  "$@" || served_rc=$?
  kill "$served_pid"
  wait "$served_pid" 2> /dev/null
  return $served_rc
}
