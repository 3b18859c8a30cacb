#!/bin/sh
# a chain that root of the host starts: its root is not the host's, unless asked for by -m direct.
# Mounts are made in a mount namespace of this test's own.
[ -n "${ROOT_PRIVATE:-}" ] || ROOT_PRIVATE=1 exec unshare -m sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need slirp4netns
{ cp -a /etc "$T/etc" && mount --bind "$T/etc" /etc; } || bail "no private /etc"
at_exit 'umount -l /etc'
squeeze() { printf '%s\n' "$1" | tr -s ' ' | sed 's/^ //' | tr '\n' ','; }
ranges() { # LINE...: these are root's, for both kinds
  sed -i '/^root:/d; /^0:/d' /etc/subuid /etc/subgid
  for line in "$@"; do echo "$line" >> /etc/subuid; echo "$line" >> /etc/subgid; done
}
chmod 0711 "$T"; mkdir "$T/pub"; chmod 0755 "$T/pub"
echo secret > "$T/pub/own"; chmod 0600 "$T/pub/own"
echo secret > "$T/pub/group"; chmod 0040 "$T/pub/group"
echo public > "$T/pub/all"; chmod 0664 "$T/pub/all"
touch "$T/pub/any"; chmod 0666 "$T/pub/any"
cat > "$T/pub/tries" <<'EOF'
cd "$1" || exit 99
cat own group; head -c 20 /etc/shadow; echo mine > all; echo mine > own; mv all gone; chmod 777 all; chown 0:0 any
touch new; echo x > /proc/sys/kernel/hostname; kill -0 1; mknod "$1/null" c 1 3
true
EOF

# with ranges
ranges root:29000000:65536
for mode in '' '-m auto' '-m subids' '-s static' '-s dynamic' '-n 65536'; do
  # shellcheck disable=SC2086 # words
  run rk-userns rk-idmap $mode sh -c 'id -u; cat /proc/self/uid_map /proc/self/gid_map; grep Groups: /proc/self/status'
  is "$rc$err $(squeeze "$out" | tr -d '\t')" "0 0,0 29000000 65536,0 29000000 65536,Groups: ," \
    "${mode:-no option}: 0 is a subordinate id, no group comes along"
  # shellcheck disable=SC2086
  run rk-userns rk-idmap $mode sh "$T/pub/tries" "$T/pub"
  is "$rc $out" "0 " "${mode:-no option}: root inside reads no file of the host's root"
done
is "$(cat "$T/pub/own" "$T/pub/all"; ls "$T/pub"; stat -c %a "$T/pub/all")" "secret
public
all
any
group
own
tries
664" "and has changed none"
run rk-userns rk-idmap -g keep sh "$T/pub/tries" "$T/pub"
unlike "$out" secret "-g keep: the groups that root has are another matter than its id"
# shellcheck disable=SC2016
run rk-state "$T/st" rk-userns rk-idmap rk-copyup /etc rk-net -d slirp4netns rk-pidns sh -c \
  'id -u; stat -c %u:%g /etc/resolv.conf; cat /etc/resolv.conf; echo x >> /etc/hosts'
like "$rc $out" '^0 0$' "copied up directories, a network and its files work" || diag "$err"
like "$out" '^0:0$' "resolv.conf belongs to root inside"
like "$out" '^nameserver 10.0.2.3$' "and names the driver's"
spawn rk-state "$T/held" rk-userns rk-idmap rk-t-hold
wait_until test -s "$T/held/child_pid"
run rk-enter -s "$T/held" sh "$T/pub/tries" "$T/pub"
is "$rc $out" "0 " "rk-enter makes no more of it"
end "$pid"
run rk-userns rk-idmap rk-userns rk-idmap cat /proc/self/uid_map
like "$rc $(squeeze "$out")" '^0 0 0 65536,$' "a chain inside is one of an ordinary user's"

run rk-userns rk-idmap -M 0:29000100:100 sh -c 'id -u; cat /proc/self/uid_map'
is "$rc$err $(squeeze "$out")" "0 0,0 29000100 100," "-M: ranges of root's, without its own id"
run rk-userns rk-idmap -M 0:29000100:100 -M 100:0:1 true
is "$rc" 102 "-M with root's own id: 102"
like "$err" ' -M names the uid 0, which is not delegated to root, .* and not the host.s 0$' "which it never has"
run rk-userns rk-idmap -u 1000 true
is "$rc $err" "100 rk-idmap: fatal: -u would give root inside the files of the host's root: \
use -M, or -m direct" "-u is not for the host's root"

# root inside that is a subordinate id: resolv.conf is written inside, by a process that nobody there can trace
for value in 0 1 2; do
  echo $value > "$T/suid_dumpable"
  # shellcheck disable=SC2016
  run unshare -m sh -c 'mount --bind "$0" /proc/sys/fs/suid_dumpable && exec as_user rk-userns \
    rk-idmap -u 1000 rk-copyup /etc rk-net -d slirp4netns cat /etc/resolv.conf' "$T/suid_dumpable"
  case $value in
    1) is "$rc $err" "111 rk-net: fatal: unable to finish the network: write it as root inside while \
fs.suid_dumpable is 1: Operation not permitted" "fs.suid_dumpable=1: refused" ;;
    *) like "$out" '^nameserver 10.0.2.3$' "fs.suid_dumpable=$value: written" || diag "$err" ;;
  esac
done

# what falls short never falls back
refused() { # NAME ID CMD...
  name=$1 id=$2; shift 2
  rm -f "$T/done"
  run "$@" touch "$T/done"
  is "$rc" 102 "$name: 102"
  like "$err" "^rk-idmap: info: $id: .*-m direct, with which root inside is the host's root" \
    "$name: named, with both ways out"
  not_ok "$name: the program does not run" test -e "$T/done"
}
refused "too few ids" I10 rk-userns rk-idmap -n 65537
refused "no newuidmap" I13 env PATH="$(dirname "$(command -v rk-userns)")" "$(command -v rk-userns)" rk-idmap
ranges root:0:65536
refused "a range with the host's 0 in it" I6 rk-userns rk-idmap
ranges root:29000000:65536; sed -i '/^root:/d' /etc/subgid
refused "uids only" I1 rk-userns rk-idmap
ranges
refused "no ranges" I1 rk-userns rk-idmap
refused "no ranges, in root's own direct chain" I1 rk-userns rk-idmap -m direct rk-userns rk-idmap

# asked for by name
run rk-userns rk-idmap -m direct cat "$T/pub/own" /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 secret,$(squeeze "$(awk '{ print $1, $1, $3 }' /proc/self/uid_map)")" \
  "-m direct: root inside is the host's root"

# 0 in an ordinary user's chain is not the host's root: nothing changes for it
run as_user rk-userns rk-idmap rk-userns rk-idmap cat /proc/self/uid_map
like "$rc $(squeeze "$out")" '^0 0 0 1,1 1 [0-9]*,$' "a chain in an ordinary user's takes all of its ids"
run as_user rk-userns rk-idmap rk-userns rk-idmap -m direct rk-userns rk-idmap cat /proc/self/uid_map
like "$rc $(squeeze "$out")" '^0 0 0 1,1 1 [0-9]*,$' "and one in that"
done_testing
