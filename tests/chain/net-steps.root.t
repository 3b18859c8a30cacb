#!/bin/sh
# rk-net -s LINKS rk-net -w: the network in two steps is the same network, and what fails in between ends cleanly
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta python3 dnsmasq nsenter
outer
. tests/net/lib.sh
net_servers
mkdir "$T/u" "$T/drivers"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st RK_NET_PATH=$T/drivers OUT=$T/u/out; export RK_NET_PATH OUT
chain() { as_user timeout 60 rk-state "$D" rk-userns rk-idmap "$@"; }
look='env | grep -c "^RK_OUTSIDE\|^RK_NET_STARTED"; ls -l /proc/self/fd | grep -c "tun\|socket:\|net:"; cat /etc/resolv.conf; tail -n 2 /etc/hosts; ls /sys/class/net
  grep -c . "$RK_STATE_DIR/child_pid"; cd "$RK_STATE_DIR/net"; for f in *; do echo "$f=$(cat "$f")"; done; cat /proc/net/route'
for d in slirp4netns pasta; do
  run chain rk-copyup /etc:/run rk-net -6 -d $d sh -c "$look"; one=$out
  run chain rk-net -s -6 -d $d rk-copyup /etc:/run rk-net -w sh -c "$look"
  is "$rc $err" "0 " "$d: in two steps"
  is "$out" "$one" "$d: the program finds the same"
  is "$(printf '%s\n' "$out" | head -n 2 | tr '\n' ' ')" "0 0 " "$d: no variable and no fd of it"
  run chain rk-net -s -d $d rk-unshare -u rk-copyup /etc rk-pidns rk-net -w timeout 50 python3 tests/net/client.py \
    dns:host.example=$HOST tcp:$HOST udp:$HOST
  is "$rc" 0 "$d: traffic, with further links between and rk-pidns"
done
run chain rk-net -s -k -d pasta env -u NO rk-net -w true
is "$rc" 0 "-k: another program between"

driver() { cat > "$T/drivers/$1"; chmod 0755 "$T/drivers/$1"; }
driver dies <<'END2'
#!/bin/sh
echo $$ > "$OUT.pid"; mv "$OUT.pid" "$OUT"
[ "$RK_NET_MTU" = 1400 ] || echo >&5
echo "mine: fatal: no such luck" >&2
exit 102
END2
for when in 1400 1500; do # before and after it has said that it is ready; /proc/PID goes when rk-outside has seen it
  rm -f "$OUT"
  run chain rk-net -s -k -m $when -d dies sh -c \
    'until [ -e "$OUT" ]; do :; done; while [ -e "/proc/$(cat "$OUT")" ]; do :; done; exec rk-net -w true'
  is "$rc $(printf '%s\n' "$err" | grep -v warning)" "102 rk-net: fatal: unable to connect the network: driver dies: no such luck" "a driver that ends meanwhile ($when): its words and its code"
  ok "and nothing is left" wait_until test ! -e "$D"
done
driver leaky <<'END2'
#!/bin/sh
exec slirp4netns -m 1500 --userns-path=/proc/self/fd/4 --netns-type=path -r 5 -e 6 /proc/self/fd/3 tap0
END2
run chain rk-net -s -d leaky rk-copyup /etc rk-net -w true
is "$rc" 111 "a driver that opens the host's loopback is refused"
like "$err" "^rk-net: fatal: the host's loopback can be reached from inside: " "by the same test"
run chain rk-net -s -l -d leaky rk-copyup /etc rk-net -w true
is "$rc" 0 "-l with -s counts"

driver stays <<'END2'
#!/bin/sh
echo $$ > "$OUT.pid"; mv "$OUT.pid" "$OUT"
echo >&5
exec cat <&6
END2
gone() { ok "$1: the driver ends with it" wait_until test ! -e "/proc/$(cat "$OUT")"; ok "$1: nothing is left" \
  wait_until test ! -e "$D"; rm -f "$OUT"; }
until_up='until [ -e "$OUT" ]; do :; done'
rm -f "$OUT"
run chain rk-net -s -k -l -d stays sh -c "$until_up; "'exec rk-copyup /nonexistent rk-net -w true'
is "$rc $err" "111 rk-copyup: fatal: unable to open /nonexistent: No such file or directory" "a link between fails"
gone "a link fails"
run chain rk-net -s -k -l -d stays sh -c "$until_up; "'kill -KILL $$'
is "$rc" 137 "the chain is killed between"
gone "killed"
run chain rk-net -s -k -l -d stays sh -c "$until_up; "'exec rk-copyup /etc touch "$OUT.ran"'
is "$rc $err" "100 rk-copyup: fatal: rk-net -s needs rk-net -w before the program" "the second step is missing"
ok "and the program has not run" test ! -e "$OUT.ran"
gone "missing"
done_testing
