#!/bin/sh
# Driver lxc-user-nic: its own step into the chain's namespaces cannot be traced by root inside, with stand-ins for lxc-user-nic and udhcpc
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
spawn as_user env PATH="$T/bin:$PATH" RK_LXC_USER_NIC="$T/bin/lxc-user-nic" rk-state "$D" rk-userns rk-idmap rk-copyup /etc \
  rk-net -l -D -d lxc-user-nic rk-t-hold
p=$pid
wait_until test -s "$T/u/resident"
r=$(cat "$T/u/resident")
is "$(readlink "/proc/$r/ns/user")" "$(readlink "/proc/$p/ns/user")" "a process of the driver is in the chain's user namespace"
is "$(cat "/proc/$r/comm")" lxc-user-nic "which is the driver itself"
is "$(stat -c %u "/proc/$r/environ")" 0 "it is not dumpable"
as_user rk-enter -p "$p" rk-t-attack "$r" > "$T/attack"
is "$(grep ' ok$' "$T/attack")" "pidfd_open ok
kill ok" "root inside gets nothing of it, but for its number and signals"
: > "$T/u/go"
ok "the chain says that it failed" wait_until grep -q 'lxc-user-nic' "$T/spawn.$p.err"
ok "and ends" wait_gone "$p"
done_testing
