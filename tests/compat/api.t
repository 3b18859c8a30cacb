#!/bin/sh
# rk-apid: the REST API, byte for byte (compat/ports-api sections 2, 3, 7)
. "${RK_TEST_LIB:-tests/lib.sh}"
need curl
D=$T/st; mkdir -m 700 "$D"
spawn rk-portd "$D"
spawn rk-apid -o srcip=plain "$D"
wait_until test -S "$D/api.sock"
P=$((20000 + $$ % 10000)) # the first of a few host ports
api() { # STATUS BODY WHAT CURL-ARGUMENTS... PATH
  want=$1 body=$2 what=$3; shift 3
  got=$(curl -sS --path-as-is --max-time 20 --unix-socket "$D/api.sock" -o "$T/body" -w '%{http_code}' "$@")
  is "$got $(cat "$T/body"; echo .)" "$want $body." "$what"
}
msg() { # MESSAGE WHAT BODY
  api 400 "{\"message\":\"$1\"}
" "$2" -d "$3" http://x/v1/ports
}
is "$(stat -c '%a %F' "$D/api.sock")" "600 socket" "the socket is the user's"
api 200 "{\"apiVersion\":\"1.1.3\",\"version\":\"3.3.0\",\"stateDir\":\"$D\",\"childPID\":0,\"portDriver\":{\"driver\":\"builtin\",\"protos\":[\"tcp\",\"tcp4\",\"tcp6\",\"udp\",\"udp4\",\"udp6\"]}}" info http://x/v1/info
api 200 null "no ports" http://x/v1/ports
api 201 "{\"id\":1,\"spec\":{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":80,\"childIP\":\"10.0.2.100\"}}" "add" \
  -d "{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":80,\"childIP\":\"10.0.2.100\"}" \
  http://x/v1/ports
is "$(cat "$D/ports/1")" "127.0.0.1:$P:10.0.2.100:80/tcp
srcip=plain" "it is a port file"
msg "conflict with ID 1" "the same again" \
  "{\"PROTO\":\"tcp\",\"parentip\":\"127.0.0.1\",\"ParentPort\":$P,\"childPort\":81,\"more\":[1]} trailing"
msg "listen tcp4 127.0.0.1:$P: bind: address already in use" "the kernel's own refusal" \
  "{\"proto\":\"tcp4\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":81}"
is "$(ls "$D/ports")" 1 "a refused port leaves no file"
api 200 "[{\"id\":1,\"spec\":{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":80,\"childIP\":\"10.0.2.100\"}}]" "list" http://x/v1/ports
msg EOF "empty body" ""
msg "unexpected EOF" "truncated" '{"proto":"tcp"'
msg "json: cannot unmarshal array into Go value of type port.Spec" "array" '[]'
msg "json: cannot unmarshal string into Go struct field Spec.parentPort of type int" "wrong type" '{"parentPort":"80"}'
msg "json: cannot unmarshal number into Go struct field Spec.proto of type string" "wrong type, the other way" \
  '{"proto":1}'
msg 'unknown proto: \"\"' "null" null
msg 'unknown proto: \"\"' "{}" '{}'
msg 'unknown proto: \"\u003ca\u0026b\u003e\"' "characters that Go escapes" '{"proto":"<a&b>"}'
msg 'invalid ParentIP: \"localhost\"' "no address" '{"proto":"tcp","parentIP":"localhost","parentPort":1,"childPort":1}'
msg 'invalid ChildIP: \"::1%lo\"' "no address inside" '{"proto":"tcp","childIP":"::1%lo","parentPort":1,"childPort":1}'
msg 'invalid ParentPort: 0' "no port" '{"proto":"tcp","childPort":1}'
msg 'invalid ChildPort: 70000' "no port inside" '{"proto":"tcp","parentPort":1,"childPort":70000}'
msg 'unsupported port protocol sctp' "sctp" "{\"proto\":\"sctp\",\"parentPort\":$P,\"childPort\":1}"
api 201 "{\"id\":2,\"spec\":{\"proto\":\"udp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":53}}" \
  "chunked, expecting 100; what was refused has used no id" \
  -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' -d \
  "{\"proto\":\"udp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$P,\"childPort\":53}" http://x/v1/ports
echo "127.0.0.1:$((P + 1)):80/tcp" > "$D/ports/by-hand"
wait_until sh -c 'curl -s --unix-socket "$1" http://x/v1/ports | grep -q "$2"' - "$D/api.sock" \
  "\"parentPort\":$((P + 1))"
hand=$(curl -s --unix-socket "$D/api.sock" http://x/v1/ports |
  sed "s/.*{\"id\":\([0-9]*\),\"spec\":{[^}]*\"parentPort\":$((P + 1)),.*/\1/")
api 200 "" "a file written by hand has an id" -X DELETE "http://x/v1/ports/$hand"
not_ok "and is gone after DELETE" test -e "$D/ports/by-hand"
api 400 '{"message":"unknown id: 99999"}
' "unknown id" -X DELETE http://x/v1/ports/99999
api 400 '{"message":"bad id abc: strconv.Atoi: parsing \"abc\": invalid syntax"}
' "no id" -X DELETE http://x/v1/ports/abc
api 200 "" "delete" -X DELETE http://x/v1/ports/1
api 400 '{"message":"unknown id: 1"}
' "twice" -X DELETE http://x/v1/ports/1
is "$(curl -sS --head -o /dev/null -w '%{http_code}' --unix-socket "$D/api.sock" http://x/v1/info)" 200 "HEAD"
for m in PUT PATCH; do
  api 405 "Method Not Allowed
" "$m" -X $m http://x/v1/ports
done
api 405 "Method Not Allowed
" "GET of one port" http://x/v1/ports/1
for p in "/v1/info:GET, HEAD" "/v1/ports:GET, HEAD, POST" "/v1/ports/1:DELETE"; do
  is "$(curl -sS -i -X PUT --unix-socket "$D/api.sock" "http://x${p%%:*}" | tr -d '\r' | sed -n 's/^Allow: //p')" \
    "${p#*:}" "405 of ${p%%:*} says what is allowed"
done
for p in /v2/info /v1/info/ /v1/ports/ /v1/ports/1/2 /v1 /; do api 404 "404 page not found
" "$p" -X DELETE "http://x$p"; done
api 301 "" "//v1/info" http://x//v1/info
is "$(curl -sS -i --unix-socket "$D/api.sock" http://x/v1/info | tr -d '\r' | sed -n 's/^Content-Type: //p')" \
  "application/json" "type of success"
is "$(curl -sS -i --unix-socket "$D/api.sock" -d '' http://x/v1/ports | tr -d '\r' | sed -n 's/^Content-Type: //p')" \
  "text/plain; charset=utf-8" "type of an error"
is "$(curl -sS --unix-socket "$D/api.sock" http://x/v1/info http://x/v1/info -v 2>&1 | grep -c 'Re-using existing')" 1 \
  "connections are kept"
end "$(cat "$T"/spawn.*.err 2>/dev/null > /dev/null; echo "${tap_pids##* }")"
not_ok "SIGTERM removes the socket" test -e "$D/api.sock"
run rk-apid -o foo=bar "$D"
is "$rc $err" '100 rk-apid: fatal: unknown key "foo"; there are srcip, idle, refuse, wait, listen-fd, ifname, group' \
  "an unknown option for ports"
run rk-apid ""; is "$rc $err" "100 rk-apid: fatal: the state directory must not be empty" "an empty directory name"
mkdir -m 700 "$T/kept"
spawn rk-portd "$T/kept"
spawn rk-apid -o srcip=loopback "$T/kept"
wait_until test -S "$T/kept/api.sock"
like "$(curl -sS --unix-socket "$T/kept/api.sock" http://x/v1/info)" \
  '"extra":{"sourceIPTransparentBackend":"nft"}}}$' "how clients' addresses are kept"
spawn rk-apid -P none "$D"; wait_until test -S "$D/api.sock"
api 400 '{"message":"no PortDriver is available"}
' "no port driver" http://x/v1/ports
done_testing
