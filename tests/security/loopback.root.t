#!/bin/sh
# The host's loopback is closed to root inside, whatever it sends: TCP, UDP, IPv4, IPv6, mapped addresses, routes,
# raw frames, fragments, source routes, to every link-layer address that it can learn
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 slirp4netns pasta ip nsenter
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
spawn python3 tests/security/loopback.py serve "$T/seen"
wait_until grep -qs ready "$T/seen"
# a resolver on it is asked by a driver's own, and nothing else there
printf 'nameserver 127.0.0.1\nnameserver ::1\n' > "$T/resolv"; chmod 0644 "$T/resolv"
mount --bind "$T/resolv" /etc/resolv.conf; at_exit 'umount /etc/resolv.conf'
attack() {
  SIX=
  case " $* " in *" -6 "*) SIX=1 ;; esac
  export SIX
  run as_user timeout 120 rk-state "$T/u/st" rk-userns rk-idmap "$@" python3 tests/security/loopback.py send
}
for driver in slirp4netns pasta; do
  attack rk-copyup /etc rk-net -6 -d $driver
  is "$rc $out" "0 sent all" "$driver: root inside sends" || diag "$err"
  is "$(cat "$T/seen")" ready "$driver: and nothing arrives"
  attack rk-net -s -6 -d $driver rk-copyup /etc rk-net -w
  is "$rc $out $(cat "$T/seen")" "0 sent all ready" "$driver: in two steps" || diag "$err"
  attack rk-net -D -6 -d $driver nsenter --net="$T/u/st/netns"
  is "$rc $out $(cat "$T/seen")" "0 sent all ready" "$driver: into a detached network" || diag "$err"
done
attack rk-net -d slirp4netns rk-pidns
is "$rc $out $(cat "$T/seen")" "0 sent all ready" "without IPv6, in a pid namespace" || diag "$err"
attack rk-net -6 -l -d slirp4netns
like "$(cat "$T/seen")" '^tcp 127\.0\.0\.1 from ' "what arrives would be seen: -l opens it"
done_testing
