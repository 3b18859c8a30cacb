#!/bin/sh
# network drivers of one's own: the contract of rk-net-drivers(7), and what becomes of drivers that break it
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir "$T/drivers"; export RK_NET_PATH="/nonexistent:$T/drivers"
driver() { cat > "$T/drivers/$1"; chmod +x "$T/drivers/$1"; }
net() { rk-userns rk-idmap -m single rk-copyup /etc rk-net "$@"; }

driver good <<'END'
#!/bin/sh
{ env | sed -n 's/^RK_NET_//p' | sort; ls -l /proc/self/fd | sed -n 's/.* \([0-9]*\) -> \(.*\)/\1 \2/p'; ls -l /proc/$PPID/ns/net; } > "$OUT" 2>&1
echo ready > "$OUT.ready"
echo >&5
exec cat <&6
END
OUT=$T/plan; export OUT
run net -d good -l -a 10.9.0.0/16 -m 1400 -i if0 -6 true
is "$rc" 0 "a driver of one's own"
is "$(grep "=" "$OUT" | tr '\n' ' ')" \
  "CIDR=10.9.0.0/16 DETACHED=0 DNS6=fd00::3 DNS=10.9.0.3 GATEWAY6=fd00::2 GATEWAY=10.9.0.2 HOST_LOOPBACK=1 IFNAME=if0 IP6=fd00::100 IP=10.9.0.100 IPV6=1 MTU=1400 PID=$(sed -n 's/^PID=//p' "$OUT") PREFIX=16 WALL=1 " "its plan"
is "$(grep -cE '^3 net:\[|^4 user:\[|^[56] pipe:\[|^[01] /dev/null' "$OUT")" 5 "its fds"
is "$(grep -cE '^[0-9]* ' "$OUT")" 8 "and no other" # 1 and 2 are the test's; ls opens one

driver dies <<'END'
#!/bin/sh
echo "first line" >&2
echo "mine: fatal: no such luck" >&2
exit 3
END
run net -d dies true
is "$rc" 111 "a driver that exits at once"
is "$err" "first line
rk-net: fatal: unable to connect the network: driver dies: no such luck" "its own words are shown, its reason in the one line"
for code in 100 102; do
  printf '#!/bin/sh\nexit %s\n' $code | driver code
  run net -d code true
  is "$rc" $code "its exit code $code is passed on"
done
printf '#!/bin/sh\nkill -SEGV $$\n' | driver segv
run net -d segv true
like "$err" 'driver segv was killed by signal 11 before it was ready' "a driver that crashes"
printf '#!/nonexistent/interpreter\n' | driver broken
run net -d broken true
like "$err" 'unable to exec .*/broken: No such file' "a driver that cannot be executed"

for nonsense in 'hello' 'ip=10.0.2' 'ip=10.0.2.3.4' 'prefix=33' 'mtu=x' 'ifname=' 'ifname=a/b' 'unknown=1' \
  'configured=maybe' '=' "$(printf 'ip=\033[31m')" "mtu=$(printf '%0200d' 1)"; do
  printf '#!/bin/sh\nprintf "%%s\\n\\n" "%s" >&5\nexec cat <&6\n' "$nonsense" | driver nonsense
  run net -d nonsense true
  is "$rc" 111 "nonsense: $(printf %.20s "$nonsense" | tr -d '\033')"
  like "$err" 'driver nonsense: its report has an invalid line: "' "and it is quoted"
done

driver once <<'END'
#!/bin/sh
printf 'ifname=tap0\nip=10.0.2.50\nprefix=25\ngateway=10.0.2.1\ndns=192.0.2.53\nmtu=1300\nresident=no\n\n' >&5
END
run rk-state "$T/st" rk-userns rk-idmap -m single rk-copyup /etc rk-net -l -d once sh -c \
  'cd "$RK_STATE_DIR/net"; for f in *; do echo $f=$(cat $f); done; cat /etc/resolv.conf | head -n 1'
is "$(echo $out)" "dns=192.0.2.53 driver=once gateway=10.0.2.1 ifname=tap0 ip=10.0.2.50 mtu=1300 prefix=25 status=up nameserver 192.0.2.53" "a driver that decides, and does not stay"

driver never <<'END'
#!/bin/sh
echo "thinking" >&2
exec cat <&6
END
driver silent <<'END'
#!/bin/sh
echo >&5
exec cat <&6
END
net -d silent true < /dev/null > "$T/silent" 2>&1 & p=$!
run net -d never true
is "$rc" 111 "a driver that never becomes ready"
like "$err" '^thinking$' "its words"
like "$err" 'driver never: it did not become ready within 10 seconds$' "and the reason"
wait "$p"
is "$?" 111 "a driver that passes no frame"
is "$(cat "$T/silent")" "rk-net: fatal: the gateway 10.0.2.2 does not answer, so it is unknown whether the host's loopback is closed (-l skips the test)" "is no proof of a closed loopback"

driver later <<'END'
#!/bin/sh
echo >&5
read x < "$OUT.fifo"
printf 'dns=192.0.2.54\n\n' >&5
exec cat <&6
END
mkfifo "$OUT.fifo"
rk-state "$T/st" rk-userns rk-idmap -m single rk-copyup /etc rk-net -l -d later rk-t-hold < /dev/null & p=$!
wait_until test -s "$T/st/child_pid"
like "$(cat "$T/st/resolv.conf")" '^nameserver 10\.0\.2\.3$' "as planned at first"
echo > "$OUT.fifo"
ok "a later report changes resolv.conf" wait_until grep -qx 'nameserver 192.0.2.54' "$T/st/resolv.conf"
ok "and the fact" grep -qx 192.0.2.54 "$T/st/net/dns"
kill "$p"

# Ready once, never again: the second one closes its report and stays.
driver again <<'END'
#!/bin/sh
if [ -e "$OUT.once" ]; then
  exec 5>&-
  exec cat <&6
fi
: > "$OUT.once"
echo >&5
read x < "$OUT.fifo"
exit 7
END
rk-state "$T/st2" rk-userns rk-idmap -m single rk-copyup /etc \
  rk-net -l -d again rk-t-hold < /dev/null 2> "$T/again" &
p=$!
wait_until test -s "$T/st2/child_pid"
echo > "$OUT.fifo"
ok "a driver that does not become ready again" \
  wait_until grep -q 'again was ended: it closed its report before it was ready' "$T/st2/net/status"
like "$(sed -n 1p "$T/again")" \
  'warning: network driver again exited with status 7; starting it again$' "its death was said"
ok "is called failed, in the end" wait_until grep -q '^failed: ' "$T/st2/net/status"
kill "$p"
RK_NET_PATH=
run rk-userns -k env RK_NET_PATH="$T/drivers" rk-idmap -k rk-net -d good true
isnt "$rc" 0 "RK_NET_PATH set behind rk-userns does not count"
like "$err" 'RK_NET_PATH must be set before rk-userns' "and rk-net says so"
done_testing
