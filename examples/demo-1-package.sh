#!/bin/sh
# a root shell for an ordinary user: install real Debian packages whose files belong to several ids
set -eu
show() { printf '\n$ %s\n' "$*"; "$@"; }
check() { name=$1; shift; if "$@"; then echo "ok: $name"; else echo "NOT OK: $name"; exit 1; fi; }

command -v apt-get >/dev/null || { echo "this demonstration needs apt-get: it installs Debian packages" >&2; exit 102; }
show id -un
apt-get -qq download at man-db > apt.log 2>&1 || { cat apt.log; exit 111; }
show ls

# everything from here to END runs as root, inside
cat > inside <<'END'
set -eu
show() { printf '\n# %s\n' "$*"; "$@"; }
show id -u
show cat /proc/self/uid_map
mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info
: > root/var/lib/dpkg/status
show dpkg --root="$PWD/root" --force-depends --force-script-chrootless --log=/dev/null --unpack ./*.deb
show ls -ln root/usr/bin/at root/usr/bin/man
show ls -lnd root/var/spool/cron/atjobs root/var/cache/man
show install -d -o www-data -g www-data root/var/www
echo 'written as root, inside' > /etc/motd
show cat /etc/motd
END
printf '\n$ rk-userns rk-idmap rk-copyup -m copy /etc sh inside\n'
rk-userns rk-idmap rk-copyup -m copy /etc sh inside

printf '\nThe same files from outside, with the real ids:\n'
show ls -ln root/usr/bin/at root/usr/bin/man
show ls -lnd root/var/spool/cron/atjobs root/var/cache/man
first() { awk -F: -v u="$(id -un)" -v n="$(id -u)" '$1 == u || $1 == n { print $2; exit }' "/etc/sub$1"; }
uid=$(first uid) gid=$(first gid)
check "root's file is ours ($(id -u))" test "$(stat -c %u root/usr/bin/man)" = "$(id -u)"
check "daemon (1:1) is our subordinate $uid:$gid" test "$(stat -c %u:%g root/usr/bin/at)" = "$uid:$gid"
check "at is still set-user-id and set-group-id" test "$(stat -c %a root/usr/bin/at)" = 6755
check "man (6:12) is $((uid + 5)):$((gid + 11))" \
  test "$(stat -c %u:%g root/var/cache/man)" = "$((uid + 5)):$((gid + 11))"
check "www-data's directory (33:33) is $((uid + 32)):$((gid + 32))" \
  test "$(stat -c %u:%g root/var/www)" = "$((uid + 32)):$((gid + 32))"
check "the host's own /etc is untouched" test "$(grep -c "written as root, inside" /etc/motd 2>/dev/null || :)" != 1
show rk-userns rk-idmap rm -rf root
check "and root inside can remove it all" test ! -e root
