#!/bin/sh
# rk-net -o: connections leave the host by the address or interface that is named; which drivers can, what is refused
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta python3
outer
. tests/net/outbound.sh
for driver in slirp4netns pasta; do
  leaves_by "$driver without -o" "192.0.2.1 192.0.2.1" "-n $driver" 203.0.113.9
  leaves_by "$driver -o ADDR" "192.0.2.7 192.0.2.7" "-n $driver -o 192.0.2.7" 203.0.113.9
  leaves_by "$driver -6 -o ADDR -o ADDR6" "192.0.2.7 192.0.2.7 2001:db8::7 2001:db8::7" \
    "-n $driver -6 -o 192.0.2.7 -o 2001:db8::7" 203.0.113.9 2001:db8::2
  leaves_by "$driver, the last address counts" "192.0.2.7 192.0.2.7" "-n $driver -o 192.0.2.1 -o 192.0.2.7" 203.0.113.9
done
leaves_by "without a wall" "192.0.2.7 192.0.2.7" "-u -n slirp4netns -o 192.0.2.7" 203.0.113.9
run as_user timeout 100 rk-userns rk-idmap rk-net -s -n slirp4netns -o 192.0.2.7 rk-copyup /etc rk-net -w \
  python3 "$T/ask.py" 203.0.113.9
is "$rc $out" "0 192.0.2.7 192.0.2.7" "in two steps" || diag "$err"

# a driver that dies is started again with the same way out
for driver in slirp4netns pasta; do
  spawn as_user rk-state "$T/u/$driver" rk-userns rk-idmap rk-copyup /etc rk-net -n $driver -o 192.0.2.7 rk-t-hold
  chain=$pid
  ok "$driver is up" wait_until test -s "$T/u/$driver/child_pid"
  kill -KILL "$(pgrep -P "$(outside_of "$chain")")"
  ask() {
    [ "$(as_user timeout 20 rk-enter -s "$T/u/$driver" python3 "$T/ask.py" 203.0.113.9)" = "192.0.2.7 192.0.2.7" ]
  }
  ok "$driver killed: the next one leaves by that address, too" wait_until ask
  end "$chain"
done

refused "-n slirp4netns -o o1" \
  "driver slirp4netns cannot bind to the interface o1: give -o an address, or take -n pasta"
if ! pasta --host-lo-to-ns-lo --version > /dev/null 2>&1; then
  refused "-n pasta -o o1" "unable to connect the network: driver pasta: this pasta does not bind datagrams to an \
interface: take one of 2025 or later, or give rk-net -o an address"
else
  skip 1 "this pasta binds datagrams to an interface"
fi
refused "-n none -o o0" \
  "driver none cannot choose by what its connections leave: -o needs slirp4netns or pasta"
refused "-n lxc-user-nic -o 192.0.2.7" \
  "driver lxc-user-nic cannot choose by what its connections leave: -o needs slirp4netns or pasta"
refused "-n pasta -o 192.0.2.99" "-o 192.0.2.99: no interface of the host has that address"
refused "-n pasta -6 -o 2001:db8::99" "-o 2001:db8::99: no interface of the host has that address"
refused "-n pasta -o o7" "-o o7: the host has no such interface"
refused "-n pasta -o 2001:db8::7" "-o with an IPv6 address needs -6"
for bad in 127.0.0.1 127.1.2.3 0.0.0.0 224.0.0.1 255.255.255.255 :: ::1 fe80::1 ff02::1 lo; do
  refused "-n pasta -6 -o $bad" "-o $bad: no connection can leave the host by that"
done
for bad in a/b 192.0.2.7x 1.2.3.4.5.6.7.8.9 this-name-is-too-long -x; do
  run as_user rk-userns rk-idmap rk-net -n pasta -o "$bad" touch "$T/u/done"
  is "$rc" 100 "-o $bad: 100"
done
run as_user rk-userns rk-idmap rk-net -w -o 192.0.2.7 true
is "$rc $(printf '%s\n' "$err" | head -n 1)" \
  "100 rk-net: fatal: -w goes with no other option than -k: give them to rk-net -s" "-w -o"
not_ok "none of the refused programs ran" test -e "$T/u/done"

done_testing
