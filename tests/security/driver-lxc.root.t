#!/bin/sh
# Driver lxc-user-nic: what it leaves in the hop, or without a wall inside, for lxc-user-nic to find the namespace, is
# dumpable, as that wants it, but holds nothing of outside; with stand-ins for lxc-user-nic and udhcpc
. "${RK_TEST_LIB:-tests/lib.sh}"
need nsenter python3
outer
mkdir "$T/u" "$T/bin"; chown "$RK_TEST_USER" "$T/u"
D=$T/u/st
# lxc-user-nic waits, and so does the resident of a detached namespace, which the driver has put inside for it
cat > "$T/bin/lxc-user-nic" << E
#!/bin/sh
echo "\$4" > "$T/u/resident.new"
mv "$T/u/resident.new" "$T/u/resident"
until [ -e "$T/u/go" ]; do sleep 0.02; done
exit 1
E
printf '#!/bin/sh\nexit 1\n' > "$T/bin/udhcpc"
chmod 0755 "$T/bin" "$T/bin/lxc-user-nic" "$T/bin/udhcpc"
start() { # OPTION...: chain $p, whose driver's process $r waits
  rm -f "$T/u/go" "$T/u/resident"
  spawn as_user env PATH="$T/bin:$PATH" RK_DRIVER_PROGRAM="$T/bin/lxc-user-nic" rk-state "$D" rk-userns rk-idmap \
    rk-copyup /etc rk-net -l "$@" -d lxc-user-nic rk-t-hold
  p=$pid
  wait_until test -s "$T/u/resident"
  r=$(cat "$T/u/resident")
}
finish() {
  is "$(for f in "/proc/$r/fd"/*; do readlink "$f"; done | grep -v '^pipe:\|^/dev/null$')" "" \
    "it holds pipes and /dev/null, nothing else"
  : > "$T/u/go"
  ok "the chain says that it failed" wait_until grep -q 'lxc-user-nic' "$T/spawn.$p.err"
  ok "and ends" wait_gone "$p"
}
above() { # PID: the user namespace above its own (NS_GET_PARENT of ioctl_ns(2))
  python3 -c 'import fcntl, os, sys
print("user:[%d]" % os.fstat(fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0xB702)).st_ino)' "/proc/$1/ns/user"
}

for way in "" -D; do
  # shellcheck disable=SC2086 # none, or one word
  start $way
  is "$(cat "/proc/$r/comm")" lxc-user-nic "${way:-attached}: the driver has left a process"
  is "$(readlink "/proc/$r/ns/user")" "$(above "$p")" "in the user namespace above that of the program"
  isnt "$(readlink "/proc/$r/ns/net")" "$(readlink "/proc/$p/ns/net")" "in the hop"
  run nsenter -t "$p" -U -n -m --preserve-credentials rk-t-attack "$r"
  unlike "$out" "^(ptrace|open:.*|readlink:.*|read:(mem|maps|environ)|pidfd_getfd.*) ok$" "out of root inside's reach"
  like "$out" '^ptrace EPERM$' "(it was tried)"
  finish
done

start -u -D
is "$(readlink "/proc/$r/ns/user")" "$(readlink "/proc/$p/ns/user")" \
  "a process of the driver is in the chain's user namespace"
is "$(cat "/proc/$r/comm")" lxc-user-nic "which is the driver itself"
for ns in user mnt; do
  is "$(readlink "/proc/$r/ns/$ns")" "$(readlink "/proc/$p/ns/$ns")" "its namespace is the chain's: $ns"
done
is "$(stat -L -c %d:%i "/proc/$r/ns/net")" "$(as_user rk-enter -p "$p" stat -L -c %d:%i "$D/netns")" \
  "and net is the detached one"
is "$(stat -L -c %d:%i "/proc/$r/root")" "$(stat -L -c %d:%i "/proc/$p/root")" "its root directory, too"
finish
done_testing
