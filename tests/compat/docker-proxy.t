#!/bin/sh
# rootlesskit-docker-proxy, with a stub docker-proxy that records what it got (compat/ports-api section 9)
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/st; mkdir -m 700 "$D" "$T/bin"
export ROOTLESSKIT_STATE_DIR="$D"
PATH=$T/bin:$PATH
cat > "$T/bin/docker-proxy" <<E
#!/bin/sh
echo "\$*" > $T/args
ls $D/ports > $T/ports
printf '0\n' >&3
exec 3>&-
exec rk-t-hold
E
chmod +x "$T/bin/docker-proxy"
P=$((20000 + $$ % 10000))
run sh -c 'rootlesskit-docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 1 3> "$1"' - "$T/fd3"
is "$rc $(cat "$T/fd3")" "1 1
error while connecting to RootlessKit API socket: stat $D/api.sock: no such file or directory" "no API: the reason goes to dockerd"
like "$err" "^[0-9/]{10} [0-9:]{8} error while connecting" "and to stderr with the time"
run env -u ROOTLESSKIT_STATE_DIR sh -c 'rootlesskit-docker-proxy 3> "$1"' - "$T/fd3"
is "$rc $(cat "$T/fd3")" "1 1
\$ROOTLESSKIT_STATE_DIR needs to be set" "no state directory"
run sh -c 'rootlesskit-docker-proxy -use-listen-fd 3> "$1"' - "$T/fd3"
is "$rc $(cat "$T/fd3")" "2 " "an unknown flag: 2, and silence"
spawn rk-portd "$D"
spawn rk-apid "$D"; apid=$pid
wait_until test -S "$D/api.sock"
mkfifo "$T/pipe"
spawn sh -c 'exec rootlesskit-docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port "$1" -container-ip 172.17.0.2 -container-port=80 3> "$2"' - $P "$T/pipe"; p=$pid
is "$(cat "$T/pipe")" 0 "docker-proxy itself says 0"
is "$(cat "$T/args")" "-container-ip 172.17.0.2 -container-port 80 -host-ip 127.0.0.1 -host-port $P -proto tcp" \
  "its arguments"
is "$(cat "$T/ports")" 1 "the port was published before"
is "$(cat "$D/ports/1")" "0.0.0.0:$P:127.0.0.1:$P/tcp4" "to the host's port number inside"
kill -INT "$p"; ok "SIGINT ends it" wait_gone "$p"
is "$(ls "$D/ports")" "" "and withdraws the port"
spawn sh -c 'exec rootlesskit-docker-proxy -proto udp -host-ip :: -host-port "$1" -container-ip fd00::2 -container-port=80 3> "$2"' - $P "$T/pipe"; p=$pid
is "$(cat "$T/pipe") $(cat "$D"/ports/*)" "0 [::]:$P:[::1]:$P/udp6" "IPv6"
kill -KILL "$(pgrep -x -P "$p" rk-t-hold)"; ok "the end of docker-proxy is noticed" wait_gone "$p"
is "$(ls "$D/ports")" "" "and the port withdrawn"
for sig in KILL TERM; do # however it ends, also when dockerd is killed (which sends TERM), nothing stays
  spawn sh -c 'exec rootlesskit-docker-proxy -host-ip 127.0.0.1 -host-port "$1" 3> "$2"' - $P "$T/pipe"; p=$pid
  is "$(cat "$T/pipe") $(ls "$D/ports" | wc -l)" "0 1" "another one"
  others=$(cat /proc/"$p"/task/"$p"/children)
  kill -$sig "$p"; ok "SIG$sig ends it" wait_gone "$p"
  nothing() { [ -z "$(ls "$D/ports" "$D/ports.status" | grep '^[0-9]')" ]; }
  ok "the port is withdrawn" wait_until nothing
  for o in $others; do wait_gone "$o" || fail "process $o is left"; done
done
spawn sh -c 'exec rootlesskit-docker-proxy -host-ip 127.0.0.1 -host-port "$1" 3> "$2"' - $P "$T/pipe"; p=$pid
cat "$T/pipe" > "$T/got"
# shellcheck disable=SC2046 # pids
kill -KILL $(pgrep -x -P "$p" rootlesskit-doc)
kill -INT "$p"; ok "the process that publishes it is killed: the end comes all the same" wait_gone "$p"
ok "and withdraws the port" wait_until nothing
echo "127.0.0.1:$P:80/tcp" > "$D/ports/x"; wait_until grep -q listening "$D/ports.status/x"
run sh -c 'rootlesskit-docker-proxy -host-ip 127.0.0.1 -host-port "$1" 3> "$2"' - $P "$T/fd3"
is "$rc $(cat "$T/fd3")" "1 1
error while calling PortManager.AddPort(): listen tcp4 127.0.0.1:$P: bind: address already in use" "a busy port"
end "$apid"; spawn rk-apid -P slirp4netns "$D"; apid=$pid; wait_until test -S "$D/api.sock"
mkdir "$D/net"; echo slirp4netns > "$D/net/driver"; echo 10.0.2.100 > "$D/net/ip"
run sh -c 'rootlesskit-docker-proxy -host-ip :: -host-port 8080 3> "$1"' - "$T/fd3"
is "$rc $(cat "$T/fd3")" "0 0" "a protocol that is not served is discarded"
like "$err" 'protocol "tcp6" is not supported by the RootlessKit port driver "slirp4netns", discarding request for "\[::\]:8080"' "with a word about it"
rm "$D/net/ip"
run sh -c 'rootlesskit-docker-proxy -host-ip 0.0.0.0 -host-port 8080 3> "$1"' - "$T/fd3"
is "$rc $(sed -n 1p "$T/fd3")" "1 1" "no address inside for a driver that refuses loopback"
end "$apid"; spawn rk-apid -P none "$D"; wait_until test -S "$D/api.sock"
spawn sh -c 'exec rootlesskit-docker-proxy -host-ip 1.2.3.4 -host-port 5 3> "$1"' - "$T/pipe"; p=$pid
is "$(cat "$T/pipe") $(cat "$T/args")" "0 -host-ip 1.2.3.4 -host-port 5" "without a port driver it becomes docker-proxy"
done_testing
