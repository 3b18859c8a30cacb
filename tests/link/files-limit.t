#!/bin/sh
# A low limit of open files: 64 are enough for everything, 24 for a chain; what is below is refused with the limit's
# name
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
limited() { # LIMIT CMD...
  limit=$1; shift
  # shellcheck disable=SC3045 # every shell that is /bin/sh somewhere knows -n
  run sh -c 'ulimit -n "$0" && exec "$@"' "$limit" "$@"
}
for n in 24 64 100 101 102 103 104; do
  limited $n rk-state "$T/s" rk-userns rk-idmap rk-copyup /etc:/run rk-net -d slirp4netns rk-pidns true
  is "$rc $err" "0 " "$n files: a chain"
  ok "which leaves nothing" wait_until test ! -e "$T/s"
done
limited 24 rk-userns rk-idmap rk-net -s -d slirp4netns rk-copyup /etc rk-net -w true
is "$rc $err" "0 " "24 files: a network in two steps"
limited 64 rootlesskit --state-dir="$T/r" --net=slirp4netns --disable-host-loopback --copy-up=/etc \
  --port-driver=builtin -p 127.0.0.211:18211:80/tcp true
is "$rc $err" "0 " "64 files: rootlesskit with a port"

# the fds that links hand on stay out of the way of those that the user hands on
limited 64 rk-userns -k sh -c 'echo "$RK_OUTSIDE_FD"'
like "$out" '^[1-6][0-9]$' "64 files: the control socket has no single digit"

for n in 7 10 11 12; do
  limited $n rk-state "$T/few" rk-userns rk-idmap -m single rk-copyup /etc true
  is "$rc" 102 "$n files: refused"
  like "$err" "^rk-[a-z]*: info: N15: raise RLIMIT_NOFILE\$" "and what to do is said"
done
for n in 11 12 13; do
  limited $n rk-userns rk-idmap -m subids true
  [ "$rc" = 0 ] ||
    like "$rc $err" '^rk-idmap: info: N15: |^rk-userns: info: N15: ' "$n files: no advice about processes"
done
done_testing
