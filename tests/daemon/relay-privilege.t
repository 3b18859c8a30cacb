#!/bin/sh
# The namespace's root gets nothing out of the relay: no memory, no fd, no way to its sockets.
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 ip nsenter
relay=$RK_TEST_INST/libexec/rk/rk-relay tools="$RK_TEST_STAGE/rk/tests/relay" port=20000
host=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7
unshare -Urn sh -c 'ip link set lo up; exec python3 "$0" serve tcp,0.0.0.0,81' "$tools/whoami.py" > "$T/serve" 2>&1 &
ns=$! tap_pids="$tap_pids $!"
wait_until grep -q ready "$T/serve" || bail "no server"
mkfifo "$T/ctl"
rk-t-portd "$relay" "$ns" "tcp,$host,$port,127.0.0.1,81" "udp,$host,$port,127.0.0.1,81" < "$T/ctl" > "$T/portd" 2>&1 &
tap_pids="$tap_pids $!"
exec 9> "$T/ctl"
wait_until grep -q ready "$T/portd" || bail "no relay: $(cat "$T/portd")"
relaypid=$(awk '/ready/ { print $2 }' "$T/portd")
status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$relaypid/status"; }

out=$(nsenter -t "$ns" -U -n --preserve-credentials python3 "$tools/attack.py" "$relaypid")
like "$(nsenter -t "$ns" -U -n --preserve-credentials id -u)" '^0$' "the attacker is root inside"
like "$out" 'open-ns-' "all attacks were tried"
is "$(echo "$out" | grep ALLOWED)" "" "none succeeded"
is "$(echo "$out" | grep -Ev ' (EPERM|EACCES)$')" "" "... and each was refused for want of permission"
like "$(python3 "$tools/whoami.py" ask tcp "$host" "$port")" seen= "it works all the same"
out=$(nsenter -t "$ns" -U -n --preserve-credentials python3 "$tools/attack.py" "$ns")
like "$out" '^pidfd_getfd-1 ALLOWED' "the same attacks on an ordinary process of the namespace succeed"
is "$(status CapEff)" "$(status CapPrm)" "capabilities: effective = permitted"
is "$(status CapPrm)" 0000000000003400 "... CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW"
is "$(status CapInh) $(status CapBnd) $(status CapAmb)" "0000000000000000 0000000000000000 0000000000000000" \
  "nothing inheritable, bounding or ambient"
is "$(status NoNewPrivs) $(status Seccomp)" "1 2" "no_new_privs and a seccomp filter"
echo quit >&9
done_testing
