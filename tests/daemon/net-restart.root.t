#!/bin/sh
# a driver that is killed comes back, three times, and traffic goes on; what cannot come back is said; nobody outlives
# the program
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta python3 dnsmasq socat nsenter
outer
. tests/net/lib.sh
net_servers
mkdir "$T/u" "$T/bin"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
start() { spawn as_user "$@" rk-t-hold; p=$pid; wait_until test -s "$D/child_pid" ||
  diag "$(cat "$T/spawn.$p.err")"; o=$(outside_of "$p"); }
another() { new=$(net_driver "$p") && [ -n "$new" ] && [ "$new" != "$d" ] && [ "$(cat "$D/net/status")" = up ]; }

for driver in slirp4netns pasta; do
  start rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d $driver
  for i in 1 2 3; do
    d=$(net_driver "$p")
    kill -KILL "$d"
    ok "$driver killed: another one, $i" wait_until another
    ok "and traffic goes on" wait_until inside python3 tests/net/client.py tcp:$HOST dns:host.example=$HOST
  done
  like "$(cat "$T/spawn.$p.err")" "network driver $driver was killed by signal 9.*; starting it again" \
    "it is said on stderr"
  d=$(net_driver "$p")
  kill -STOP "$d"; kill -KILL "$p"
  ok "$driver does not outlive the program, even stopped" wait_gone "$d"
  ok "nor does rk-outside" wait_gone "$o"
  ok "and nothing is left" test ! -e "$D"

  start rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d $driver
  d=$(net_driver "$p")
  kill -KILL "$o"
  ok "rk-outside killed: $driver goes with it" wait_gone "$d"
  ok "while the program lives" kill -0 "$p"
  end "$p"
  rm -rf "$D"

  spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d $driver rk-pidns rk-t-hold; p=$pid
  wait_until test -s "$D/child_pid"; d=$(net_driver "$p")
  kill -KILL "$p"
  ok "rk-pidns killed: $driver goes" wait_gone "$d"
  wait_until test ! -e "$D"
done

# a driver whose binary goes away meanwhile, and comes back
cp "$(command -v slirp4netns)" "$T/bin/slirp4netns"; chmod 0755 "$T/bin"
start env PATH="$T/bin:$RK_TEST_INST/bin:$(dirname "$(command -v rk-t-hold)")" "$(command -v rk-state)" "$D" rk-userns \
  rk-idmap -m single rk-copyup /etc rk-net -d slirp4netns
d=$(net_driver "$p")
mv "$T/bin/slirp4netns" "$T/bin/away"
kill -KILL "$d"
ok "a driver that cannot be started any more" wait_until grep -q '^restarting: .*unable to find slirp4netns in PATH' \
  "$D/net/status"
ok "is given up as failed, in the end" wait_until grep -q '^failed: ' "$D/net/status"
end "$p"
done_testing
