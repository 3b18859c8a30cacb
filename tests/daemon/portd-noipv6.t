#!/bin/sh
# A kernel without IPv6, played by a seccomp filter: socket(2) knows no AF_INET6. Ports on all addresses serve IPv4, one
# of IPv6 is in error, and no client waits for a backend of a family that does not exist
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 nginx curl
[ "$(uname -m)" = x86_64 ] || skip_all "the filter is for x86-64"
cat > "$T/no6" <<'E2'
import ctypes, os, struct, sys
# seccomp(2): number of the call; socket: its first argument; AF_INET6: EAFNOSUPPORT
jumps = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, 10)]
jumps += [(6, 0, 0, 0x50061), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *j) for j in jumps))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
program = struct.pack("HxxxxxxP", len(jumps), ctypes.addressof(code))
assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execvp(sys.argv[1], sys.argv[1:])
E2
D=$T/st p=$(free_port)
nginx_conf "$T/nginx.conf" 80
mkdir -p "$D/ports"
echo "[::]:$p:80/tcp" > "$D/ports/any6"
echo "127.0.0.2:$((p + 2)):[::1]:80/tcp" > "$D/ports/inside6"
echo "[::]:$((p + 1)):80/tcp6" > "$D/ports/only6"
python3 "$T/no6" rk-portd -d 7 "$D" 7> "$T/ready" 2> "$T/portd.err" & portd=$!; tap_pids="$tap_pids $portd"
wait_until test -s "$T/ready"
is "$(status "$D" only6 state) $(status "$D" only6 error | sed 's/.*: //')" \
  "error address family not supported by protocol" "a port of IPv6 only is in error"
is "$(status "$D" any6 state) $(status "$D" any6 target)" "listening 127.0.0.1:80" "one on all addresses leads to IPv4"
# no user namespace under no_new_privs where newuidmap is needed: the chain itself is not filtered
chain_start "$D" nginx -c "$T/nginx.conf"
ok "a chain is served" wait_until status_is "$D" any6 chain attached
run curl -sS -m 20 "http://127.0.0.1:$p/"
is "$out$err" "hello from inside" "its clients reach the server"
run curl -sS -m 20 "http://127.0.0.2:$((p + 2))/"
is "$rc" 56 "a client whose backend can never be asked is reset" # not 28: time is over
unlike "$(cat "$T/portd.err")" paused "and nobody waits for what cannot come"
done_testing
