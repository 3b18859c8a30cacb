#!/bin/sh
# Driver lxc-user-nic: what it leaves inside, for lxc-user-nic to find a detached namespace, is dumpable, as that wants
# it, but holds nothing of outside; with stand-ins for lxc-user-nic and udhcpc
. "${RK_TEST_LIB:-tests/lib.sh}"
need nsenter
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
spawn as_user env PATH="$T/bin:$PATH" RK_LXC_USER_NIC="$T/bin/lxc-user-nic" rk-state "$D" rk-userns rk-idmap rk-copyup \
  /etc \
  rk-net -l -D -d lxc-user-nic rk-t-hold
p=$pid
wait_until test -s "$T/u/resident"
r=$(cat "$T/u/resident")
is "$(readlink "/proc/$r/ns/user")" "$(readlink "/proc/$p/ns/user")" \
  "a process of the driver is in the chain's user namespace"
is "$(cat "/proc/$r/comm")" lxc-user-nic "which is the driver itself"
for ns in user mnt; do
  is "$(readlink "/proc/$r/ns/$ns")" "$(readlink "/proc/$p/ns/$ns")" "its namespace is the chain's: $ns"
done
is "$(stat -L -c %d:%i "/proc/$r/ns/net")" "$(as_user rk-enter -p "$p" stat -L -c %d:%i "$D/netns")" \
  "and net is the detached one"
is "$(stat -L -c %d:%i "/proc/$r/root")" "$(stat -L -c %d:%i "/proc/$p/root")" "its root directory, too"
is "$(for f in "/proc/$r/fd"/*; do readlink "$f"; done | grep -v '^pipe:\|^/dev/null$')" "" \
  "it holds pipes and /dev/null, nothing else"
: > "$T/u/go"
ok "the chain says that it failed" wait_until grep -q 'lxc-user-nic' "$T/spawn.$p.err"
ok "and ends" wait_gone "$p"
done_testing
