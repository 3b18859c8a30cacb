# shellcheck shell=sh
# tests/net/lib.sh: after `outer`: servers on the outer host's addresses, and clients inside.
#   net_servers        serve.py on 192.0.2.1 and 2001:db8::1; a DNS server for example; /etc a private copy that uses it
#   inside CMD...      CMD in the namespaces of chain $p
#   net_driver PID     pid of the driver of that chain
HOST=192.0.2.1 HOST6=2001:db8::1
net_etc() { # a copy of /etc, for the mount namespace of this test
  mkdir "$T/etc" && cp -a /etc/. "$T/etc" && mount --bind "$T/etc" /etc
  at_exit 'umount -l /etc'
}
net_servers() {
  net_etc
  rm -f /etc/resolv.conf
  printf 'nameserver %s\nsearch example\noptions timeout:2\n' $HOST > /etc/resolv.conf
  echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range
  spawn python3 tests/net/serve.py $HOST $HOST6
  wait_until grep -q ready "$T/spawn.$pid.out"
  spawn dnsmasq -k -u root --conf-file=/dev/null --pid-file= --no-resolv --no-hosts --listen-address=$HOST \
    --bind-interfaces \
    --address=/host.example/$HOST --address=/host.example/$HOST6 --address=/new.example/192.0.2.99
  wait_until sh -c "echo | socat -t 0 - TCP:$HOST:53"
}
inside() { as_user rk-enter -p "$p" "$@"; }
net_driver() { pgrep -P "$(outside_of "$1")"; }
# traffic DRIVER TEST...: all the tests attached and detached, a few of them with rk-pidns and each way to copy up /etc
traffic() {
  driver=$1; shift
  mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
  few="dns:host.example=$HOST dns:host=$HOST tcp:$HOST udp:$HOST"
  net="rk-net -d $driver${RK_NET_OPTIONS:+ $RK_NET_OPTIONS}"
  client="timeout 100 python3 tests/net/client.py"
  refused() { printf '%s\n' "$out" "$err" | grep -Ev '( ok|not copied up.*|could not be read and are missing.*)$'; }
  # shellcheck disable=SC2086 # words
  {
    run as_user rk-userns rk-idmap rk-copyup /etc:/run $net $client "$@"
    is "$rc $(refused)" "0 " "$driver: $*"
    run as_user rk-state "$T/u/st" rk-userns rk-idmap rk-copyup /etc:/run $net -D sh -c '
      echo "$1" > /etc/resolv.conf.detached; shift; cp "$RK_STATE_DIR/resolv.conf" /etc/.r; mv /etc/.r /etc/resolv.conf
      exec nsenter --net="$RK_STATE_DIR/netns" "$@"' sh x $client "$@"
    is "$rc $(refused)" "0 " "$driver, detached: the same"
    for mode in symlink overlay copy; do
      run as_user rk-userns rk-idmap rk-copyup -m $mode /etc $net $client $few
      is "$rc $(refused)" "0 " "$driver, /etc copied up by $mode: $few"
    done
    if command -v rk-pidns > /dev/null; then
      run as_user rk-userns rk-idmap rk-copyup /etc $net rk-pidns $client $few
      is "$rc $(refused)" "0 " "$driver, rk-pidns: $few"
    fi
    run as_user rk-userns rk-idmap $net $client $few
    is "$rc $(refused)" "0 " "$driver, /etc not copied up: $few"
  }
}
