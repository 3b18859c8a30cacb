#!/bin/sh
# rk-gate: the program starts when somebody says so, and child_pid appears then
. "${RK_TEST_LIB:-tests/lib.sh}"
mkfifo "$T/ready" "$T/go"
spawn sh -c 'exec rk-state "$1/st" rk-userns rk-idmap rk-gate 7 8 rk-t-hold 7> "$1/ready" 8< "$1/go"' - "$T"; p=$pid
exec 7< "$T/ready" 8> "$T/go"
IFS= read -r line <&7; is "$line" "" "a newline says that all is set up"
not_ok "child_pid is not there yet" test -e "$T/st/child_pid"
echo >&8
wait_until test -e "$T/st/child_pid"
is "$(cat "$T/st/child_pid")" "$p" "child_pid is written after the word"
IFS= read -r line <&7; is "$?" 1 "READYFD closes when the program runs"
end "$p"; exec 7<&- 8>&-

spawn sh -c 'exec rk-state "$1/st" rk-userns rk-idmap rk-gate -e 7 8 rk-t-hold 7> "$1/ready" 8< "$1/go"' - "$T"; p=$pid
exec 7< "$T/ready" 8> "$T/go"
IFS= read -r line <&7
ok "-e: child_pid is there first" test -e "$T/st/child_pid"
echo >&8; end "$p"; exec 7<&- 8>&-

echo > "$T/line"
run sh -c 'rk-gate 7 8 rk-not-there 7> "$1/said" 8< "$1/line"' - "$T"
is "$rc $(tr '\n' , < "$T/said") $err" "127 ,2, " "a program that is not there: its errno on READYFD"
run sh -c 'rk-gate 7 8 /tmp 7> "$1/said" 8< "$1/line"' - "$T"
is "$rc $(tr '\n' , < "$T/said")" "126 ,13," "one that cannot be executed"
# "go" is said, and then rk-outside cannot write child_pid: prog is not tried, and READYFD tells
# shellcheck disable=SC2016 # for the inner shell
spawn sh -c 'exec rk-state "$1/st" rk-userns rk-idmap rk-gate 7 8 touch "$1/ran" 7> "$1/ready" 8< "$1/go"' - "$T"
p=$pid
exec 7< "$T/ready" 8> "$T/go"
IFS= read -r line <&7
chmod 500 "$T/st"
echo >&8; wait "$p"
is "$? $(cat <&7) $(cat "$T/spawn.$p.err")" \
  "111 0 rk-gate: fatal: unable to write the state directory: Permission denied" "rk-gate's own failure: 0 on READYFD"
not_ok "prog was not started" test -e "$T/ran"
exec 7<&- 8>&-

run sh -c 'rk-gate 7 8 true 7> "$1/said" 8< /dev/null' - "$T"
is "$rc $err" "111 rk-gate: fatal: GOFD was closed without a newline" "GOFD that ends without a word"
for args in '' '7 8' '7 x true' 'x 8 true' '-z 7 8 true'; do
  # shellcheck disable=SC2086 # words
  run rk-gate $args; is "$rc" 100 "rk-gate $args: 100"
done
run rk-gate 77 78 true; is "$rc" 100 "fds that are not open: 100"
done_testing
