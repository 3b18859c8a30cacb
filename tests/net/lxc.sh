# shellcheck shell=sh
# tests/net/lxc.sh: sourced: an outer network namespace with net_servers, where the real lxc-user-nic ($found) may work,
# one test at a time
need python3 dnsmasq socat nsenter udhcpc
for f in /usr/libexec/lxc/lxc-user-nic /usr/lib/*/lxc/lxc-user-nic /usr/lib/lxc/lxc-user-nic; do [ -u "$f" ] &&
  found=$f; done
[ -n "${found:-}" ] || skip_all "no lxc-user-nic on this machine"
outer
. tests/net/lib.sh
net_servers
mount -t sysfs none /sys # lxc-user-nic looks there for the bridge
mkdir -p /run/lxc; mount -t tmpfs -o mode=0755 none /run/lxc
exec 7> "$RK_TEST_STAGE/lxc.lock"; flock 7 # who may do what is in one file of the host's: one test after the other
at_exit 'umount -l /sys /run/lxc; rmdir /run/lxc 2>/dev/null; rm -f /etc/lxc/lxc-usernet'
mkdir -p /etc/lxc; rm -f /etc/lxc/lxc-usernet
