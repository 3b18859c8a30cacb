#!/bin/sh
# rootlessctl: commands, output, errors (compat/ports-api sections 2, 8)
. "${RK_TEST_LIB:-tests/lib.sh}"
unset ROOTLESSKIT_STATE_DIR
D=$T/st; mkdir -m 700 "$D"
spawn rk-portd "$D"
spawn rk-apid "$D"
wait_until test -S "$D/api.sock"
P=$((20000 + $$ % 10000))
c() { run rootlessctl --socket "$D/api.sock" "$@"; }
e() { # ERROR ARGS...
  want=$1; shift; c "$@"; is "$rc $out$err" "1 error: $want" "$* -> $want"
}
c list-ports
is "$rc $out" "0 ID    PROTO    PARENTIP    PARENTPORT    CHILDIP    CHILDPORT    " "an empty table is its header"
run sh -c 'rootlessctl --socket "$1/api.sock" list-ports > /dev/full' - "$D"; is "$rc $err" \
  "1 error: unable to write to stdout" "a table that cannot be written"
c list-ports --json; is "$rc$out" 0 "no JSON when empty"
c add-ports "127.0.0.1:$P:80/tcp4" "[::1]:$P:10.0.2.100:53/udp"; is "$rc $out" "0 1
2" "add-ports prints ids"
c list-ports
is "$(printf '%s\n' "$out" | sed 's/$/$/')" "ID    PROTO    PARENTIP     PARENTPORT    CHILDIP       CHILDPORT    \$
1     tcp4     127.0.0.1    $P                       80           \$
2     udp      ::1          $P         10.0.2.100    53           \$" "the table, byte for byte"
c list-ports --json
is "$out" "{\"id\":1,\"spec\":{\"proto\":\"tcp4\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":80}}
{\"id\":2,\"spec\":{\"proto\":\"udp\",\"parentIP\":\"::1\",\"parentPort\":$P,\"childPort\":53,\"childIP\":\"10.0.2.100\"}}" "--json: one object a line"
c add-ports --json ":$((P + 1)):80/tcp"; is "$out" \
  "{\"id\":3,\"spec\":{\"proto\":\"tcp\",\"parentPort\":$((P + 1)),\"childPort\":80}}" "add-ports --json"
# shellcheck disable=SC2046 # ids as operands, as RootlessKit's own scripts pass them
c remove-ports $(rootlessctl --socket "$D/api.sock" add-ports "127.0.0.1:$((P + 2)):1/tcp" \
  "127.0.0.1:$((P + 3)):1/tcp") 3
is "$rc $(printf '%s\n' "$out" | tail -n 1)" "0 3" "remove-ports prints ids"
e "unknown id: 3" remove-ports 3
e 'strconv.Atoi: parsing "x": invalid syntax' remove-ports 1 x
e "no ID specified" remove-ports
e "no port specified" add-ports
e "conflict with ID 1" add-ports "127.0.0.1:$P:81/tcp4"
q="in PortSpec string"
for s in 8080:80/tcp localhost:8080:80/tcp ::1:8080:80/tcp 127.1:8080:80/tcp 192.168.001.1:8080:80/tcp \
  '[fe80::1%eth0]:8080:80/tcp' 127.0.0.1:8080:localhost:80/tcp; do
  e "unexpected ParentIP $q: \"$s\"" add-ports "$s"
done
for s in 8080/tcp 80/tcp /tcp; do e "unexpected PortSpec string: \"$s\"" add-ports "$s"; done
for s in 8080 127.0.0.1:8080:80; do e "missing proto $q: \"$s\"" add-ports "$s"; done
e 'invalid PortSpec string: "127.0.0.1:1:1/TCP": unknown proto: "TCP"' add-ports 127.0.0.1:1:1/TCP
e 'invalid PortSpec string: "127.0.0.1:1:1/": unknown proto: ""' add-ports 127.0.0.1:1:1/
e "unexpected ChildPort $q: \"127.0.0.1:x:1/tcp\": strconv.Atoi: parsing \"x\": invalid syntax" add-ports \
  127.0.0.1:x:1/tcp
e "unexpected ParentPort $q: \"127.0.0.1:1:x/tcp\": strconv.Atoi: parsing \"x\": invalid syntax" add-ports \
  127.0.0.1:1:x/tcp
e "invalid ParentPort: 0" add-ports 127.0.0.1:0:80/tcp
e "invalid ParentPort: 99999" add-ports 127.0.0.1:99999:80/tcp
e "listen tcp4: address ::1: no suitable address found" add-ports "[::1]:$((P + 4)):80/tcp4"
c add-ports "127.0.0.1:0$((P + 5)):+80/tcp" "x:1:1/tcp"; is "$rc $out" "1 " \
  "all specs are parsed before the first is sent"
c add-ports "127.0.0.1: 0$((P + 5)):+080/tcp"; is "$rc" 0 "leading zeros, signs and blanks are numbers"
c info
is "$out" "- REST API version: 1.1.3
- Implementation version: 3.3.0
- State Directory: $D
- Child PID: 0
- Port Driver: builtin
  - Supported protocols: [tcp tcp4 tcp6 udp udp4 udp6]" "info"
printf 'slirp4netns\n' | { mkdir "$D/net"; cat > "$D/net/driver"; }
echo 10.0.2.100 > "$D/net/ip"
echo 10.0.2.3 > "$D/net/dns"
echo fd00::3 > "$D/net/dns6"
echo fd00::100 > "$D/net/ip6"
printf 77 > "$D/child_pid"
c info
is "$(printf '%s\n' "$out" | sed -n 4,7p)" "- Child PID: 0
- Network Driver: slirp4netns
  - DNS: [10.0.2.3 fd00::3]
  - IP: 10.0.2.100" "info with a network; a child_pid that nobody proves is not told"
c info --json
is "$(printf '%s\n' "$out" | sed -n '1,2p;6,14p')" '{
    "apiVersion": "1.1.3",
    "networkDriver": {
        "driver": "slirp4netns",
        "dns": [
            "10.0.2.3",
            "fd00::3"
        ],
        "childIP": "10.0.2.100",
        "ipv6": true
    },' "info --json is indented by four blanks"
run env ROOTLESSKIT_STATE_DIR="$D" rootlessctl list-ports --json; is "$rc" 0 "the state directory from the environment"
run rootlessctl list-ports; is "$rc $err" "1 error: please specify --socket or set \$ROOTLESSKIT_STATE_DIR" "neither"
run rootlessctl --socket /nonesuch list-ports; is "$rc $err" "1 error: stat /nonesuch: no such file or directory" \
  "no socket"
run rootlessctl nonesuch; is "$rc $err" "3 No help topic for 'nonesuch'" "no such command"
run rootlessctl --bogus; is "$rc $err $(printf '%s\n' "$out" | head -n 1)" \
  "1 error: flag provided but not defined: -bogus Incorrect Usage: flag provided but not defined: -bogus" "usage error"
spawn python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + ".new"); s.listen(1)
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
c, _ = s.accept(); c.recv(9999); c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]"); c.close()' "$T/cut"
wait_until test -S "$T/cut"
run rootlessctl --socket "$T/cut" list-ports; is "$rc $out$err" "1 error: unexpected EOF" \
  "an answer that is cut off is none"
is "$(rootlessctl -v)" "rootlessctl version 3.3.0" "version"
for h in help h --help -h; do run rootlessctl $h; is "$rc $(printf '%s\n' "$out" | grep -c list-ports)" "0 1" "$h"; done
done_testing
