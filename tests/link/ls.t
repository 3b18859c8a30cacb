#!/bin/sh
# rk-ls: the user's chains with their program, network and ports; what root inside writes reaches no terminal raw
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
mine() { rk-ls "$@" > "$T/all" && grep -e "$T" "$T/all"; }
run rk-ls; is "$rc" 0 "without a chain of this test: no failure"
like "$out" '^PID +SINCE +NETWORK +PORTS +DIRECTORY +PROGRAM$' "a table with a head"

spawn rk-state "$T/web" rk-userns rk-idmap rk-net -d none rk-pidns sleep infinity; web=$pid
spawn rk-portd "$T/web"; portd=$pid
wait_until test -s "$T/web/child_pid"
rk-port add -n page "$T/web" 127.0.0.1:18080:80/tcp > /dev/null
child=$(cat "$T/web/child_pid")
run mine
like "$out" "^$child +[0-9]+s +none +1 +$T/web +sleep infinity\$" "its row"
run rk-ls -j "$T/web"
cat > "$T/fields.py" <<'E'
import json
import sys
c = json.load(sys.stdin)
print(c["dir"], c["pid"], c["program"], c["driver"], c["net"], c["listening"], c["failed"])
E
fields=$(printf "%s" "$out" | python3 "$T/fields.py")
is "$rc $fields" "0 $T/web $child sleep infinity none up 1 0" "-j: one object a line"
run rk-ls -m "$T/web"
like "$out" "^rk_chain_up\{dir=\"$T/web\"\} 1\$" "-m: metrics"
like "$out" "^rk_ports\{dir=\"$T/web\",state=\"listening\"\} 1\$" "-m: ports by state"
ps -o args= -C rk-outside > "$T/ps"
ok "ps shows the directory of each rk-outside" grep -qx "rk-outside $T/web" "$T/ps"

printf 'e\033[31m "x\n' > "$T/evil"; mv "$T/evil" "$T/web/net/driver"
run rk-ls "$T/web"
like "$out" 'e\\x1b\[31m' "words of the chain are escaped in the table"
run rk-ls -j "$T/web"
ok "and in JSON" python3 -c 'import json, sys; json.loads(sys.argv[1])' "$out"
rm "$T/web/.child"; mkfifo "$T/web/.child"
run rk-ls "$T/web"
is "$rc" 1 "a chain that cannot be proved: exit 1"
like "$out" "^- .* $T/web +\\? " "and the reason is in the place of the program"
end "$web"; end "$portd"

run rk-ls "$T/nowhere"
is "$rc" 1 "a directory that is not there: exit 1"
like "$out" "$T/nowhere +\\? No such file or directory" "and said in its row"
run rk-ls -jm; is "$rc/$(echo "$err" | head -n 1)" "100/rk-ls: fatal: -j and -m exclude one another" "-j and -m"
run sh -c 'rk-ls > /dev/full'
is "$rc/$err" "111/rk-ls: fatal: unable to write to stdout: No space left on device" "a full stdout"
# any process can call itself rk-outside and name any directory: a hint, which is looked at
mkdir "$T/fake"; cp "$(command -v sleep)" "$T/rk-outside"
imitate='import os, sys; os.execv(sys.argv[1], ["rk-outside", sys.argv[2], "infinity"])'
spawn python3 -c "$imitate" "$T/rk-outside" "$T/fake"
run rk-ls; is "$rc" 0 "a process that only calls itself rk-outside: no failure"
done_testing
