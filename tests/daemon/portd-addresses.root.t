#!/bin/sh
# rk-portd: a port on an address that the host does not have yet listens as soon as it has, also long afterwards
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
. "${RK_TEST_LIB%lib.sh}ports.sh"
D=$T/st
mkdir -m 700 "$D" "$D/ports"
echo 192.0.2.50:8080:80/tcp > "$D/ports/tcp4"
echo 192.0.2.50:8080:80/udp > "$D/ports/udp4"
echo '[2001:db8::50]:8080:80/tcp' > "$D/ports/tcp6"
echo '[2001:db8::50]:8080:80/udp' > "$D/ports/udp6"
portd_start "$D"
tried() { # so many failed binds of all four, each twice as long after the one before: no timer is near any more
  [ "$(grep -c '^bind(.*EADDRNOTAVAIL' "$T/trace")" -ge $((4 * $1)) ]
}
need strace
strace -qq -o "$T/trace" -e trace=bind -p "$portd" 2> "$T/strace.err" & tracer=$!; tap_pids="$tap_pids $tracer"
for p in tcp4 udp4 tcp6 udp6; do
  ok "$p: in error" wait_until status_is "$D" $p state error
  is "$(status "$D" $p error | sed 's/.*: //')" "cannot assign requested address" "with the reason"
done
ok "it is tried again and again" wait_until tried 6
kill -INT "$tracer"; wait "$tracer" 2>/dev/null
ip addr add 192.0.2.50/32 dev o0
for p in tcp4 udp4; do ok "$p: listens when the address has come" wait_until status_is "$D" $p state listening; done
ip -6 addr add 2001:db8::50/128 dev o0
for p in tcp6 udp6; do ok "$p: listens when the address can be used" wait_until status_is "$D" $p state listening; done
end "$portd"
done_testing
