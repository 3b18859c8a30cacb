#!/bin/sh
# who may map what: root of the host, root of an outer chain, helpers without their privilege, groups.
# Mounts are made in a mount namespace of this test's own.
[ -n "${IDMAP_PRIVATE:-}" ] || IDMAP_PRIVATE=1 exec unshare -m sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
need setcap capsh
u=$RK_TEST_UID g=$RK_TEST_GID n=$RK_TEST_USER
{ cp -a /etc "$T/etc" && mount --bind "$T/etc" /etc; } || bail "no private /etc"
at_exit 'umount -l /etc'
squeeze() { printf '%s\n' "$1" | tr -s ' ' | sed 's/^ //' | tr '\n' ','; }
refuses() { # NAME ID ERE CMD...
  tap_id=$2 tap_re=$3 name=$1; shift 3
  run "$@" touch "$T/done"
  is "$rc" 102 "$name: 102"
  like "$err" "fatal: unable to .*$tap_re" "$name: $tap_re"
  like "$err" "^rk-idmap: info: $tap_id: ." "$name: $tap_id"
}

sed -i '/^root:/d; /^0:/d' /etc/subuid /etc/subgid
refuses "root without ranges" I1 "no subordinate uids for root" rk-userns rk-idmap
run rk-userns rk-idmap -m direct cat /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 $(squeeze "$(awk '{ print $1, $1, $3 }' /proc/self/uid_map)")" \
  "-m direct: every id of the host"
run rk-userns rk-idmap -m direct -n 65536 sh -c 'id -u; cat /proc/self/setgroups'
is "$rc$err $(squeeze "$out")" "0 0,allow," "-m direct is silent"
run rk-userns rk-idmap -m single cat /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 0 0 1," "-m single as root"
refuses "root without ranges, -m subids" I1 "no subordinate uids for root" rk-userns rk-idmap -m subids
refuses "root that may not give capabilities to files" I4 "unable to write uid_map from outside" \
  setpriv --bounding-set -setfcap --inh-caps -all rk-userns rk-idmap -m direct
for k in uid gid; do echo root:500000:1000 >> /etc/sub$k; done
run rk-userns rk-idmap cat /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 0 500000 1000," "root with ranges: those only, in silence"
refuses "root with too few ranges" I10 "only 1000 ids can be mapped, -n asks for 2000" rk-userns rk-idmap -m subids -n \
  2000
refuses "the same, with auto" I10 "only 1000 ids can be mapped" rk-userns rk-idmap -n 2000

# a chain in a chain: its root has /etc/subuid's line for root, but the map outside may be smaller
inner='rk-userns rk-idmap'
for k in uid gid; do printf 'root:1:1000\n%s:300000:2000\n' "$n" > /etc/sub$k; done
# shellcheck disable=SC2086
run as_user rk-userns rk-idmap $inner cat /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 0 0 1,1 1 1000," "nested: the inner root's ranges"
for k in uid gid; do printf 'root:1:3000\n%s:300000:2000\n' "$n" > /etc/sub$k; done
# shellcheck disable=SC2086
refuses "nested, a range that the chain outside does not have" I4 \
  "not all of the ids are mapped in the user namespace outside" as_user rk-userns rk-idmap $inner -m subids
for k in uid gid; do printf '%s:300000:2000\n%s:400000:5\n' "$n" "$n" > /etc/sub$k; done
# shellcheck disable=SC2086
run as_user rk-userns rk-idmap $inner -m direct $inner -m direct cat /proc/self/uid_map
is "$rc$err $(squeeze "$out")" "0 0 0 1,1 1 2000,2001 2001 5," "three deep: the lines of the outer map, line by line"
# shellcheck disable=SC2086
run as_user rk-userns rk-idmap $inner -m single $inner cat /proc/self/uid_map
is "$rc $(squeeze "$out")" "0 0 0 1," "a single id in a chain, and all of that in the next"
# shellcheck disable=SC2086
run as_user rk-userns rk-idmap -m single $inner -m direct -n 2 true
is "$rc" 102 "a single id cannot become two: 102"

# helpers
h=$T/h; mkdir "$h"; mount -t tmpfs -o mode=0755 helpers "$h"
at_exit "umount -l $h"
cp "$(command -v newuidmap)" "$(command -v newgidmap)" "$h"
user() { as_user env PATH="$h:$RK_TEST_INST/bin:$RK_TEST_INST/libexec/rk" rk-userns rk-idmap "$@"; }
chmod 0755 "$h"/*
run as_user env PATH="$h:$PATH" rk-userns rk-idmap -m subids true
is "$rc$err" 0 "copies without privilege are first in PATH: the next ones are taken"
mkdir -p "$T/d/newuidmap" "$T/d/newgidmap"; chmod -R 0755 "$T/d"
run as_user env PATH="$T/d:$PATH" rk-userns rk-idmap -m subids true
is "$rc$err" 0 "directories of these names are no programs"
run as_user unshare -Uc rk-userns rk-idmap -m subids true
is "$rc" 102 "a single id outside: 102"
like "$err" "not all of the ids are mapped in the user namespace outside" "and that is the reason"
refuses "neither setuid nor capable" I4 "$h/newuidmap is neither setuid root nor has the file capability cap_setuid" \
  user -m subids
setcap cap_setuid+ep "$h/newuidmap" && setcap cap_setgid+ep "$h/newgidmap"
run user -m subids /bin/true
is "$rc$err" 0 "file capabilities serve as well"
setcap cap_chown+ep "$h/newgidmap"
refuses "the wrong file capability" I4 "$h/newgidmap is neither setuid root nor has the file capability cap_setgid" \
  user -m subids
chmod 04755 "$h"/*; mount -o remount,nosuid "$h"
refuses "on a file system mounted nosuid" I4 "$h/newuidmap lies on a file system mounted nosuid" user -m subids
run user /bin/cat /proc/self/uid_map
is "$rc $(squeeze "$out")" "0 0 $u 1," "auto: the own id"
like "$err" "^rk-idmap: info: only the own id is mapped \(I4: .*nosuid\)\$" "and why"
# shellcheck disable=SC2016
refuses "a bounding set without cap_setuid" I5 "the capability bounding set lacks cap_setuid" \
  capsh --drop=cap_setuid --gid="$g" --uid="$u" --shell=/bin/sh -- -c 'exec "$@"' sh rk-userns rk-idmap -m subids

# groups
with() { setpriv --reuid="$u" --regid="$g" --groups "$g,4,24" --inh-caps=-all rk-userns rk-idmap "$@"; }
run with id -G; is "$rc $out" "0 0 65534" "groups are kept, without a name inside"
run with -g keep id -G; is "$rc $out" "0 0 65534" "-g keep"
run with -g drop id -G; is "$rc$err $out" "0 0" "-g drop"
refuses "-g drop with a single id" I12 "drop the groups: with a single id" with -g drop -m single
refuses "-g drop behind a single id outside" I12 "drop the groups: with a single id, here or outside" with -m single \
  rk-userns rk-idmap -m direct -g drop

# /proc and the mode of the programs
mount -t proc -o hidepid=2 proc /proc
run as_user rk-userns rk-idmap -m subids true
is "$rc$err" 0 "hidepid=2 is no obstacle"
umount /proc
mkdir -p "$T/i/bin" "$T/i/libexec/rk"
cp "$RK_TEST_INST/bin/rk-userns" "$RK_TEST_INST/bin/rk-idmap" "$T/i/bin"; cp "$RK_TEST_INST/libexec/rk/rk-outside" \
  "$T/i/libexec/rk"
chmod 0711 "$T/i/bin/rk-idmap"
run as_user env PATH="$T/i/bin:$PATH" rk-userns rk-idmap -m subids true
is "$rc$err" 0 "an unreadable rk-idmap, which is not dumpable, has its ids mapped"
refuses "but not a single one by itself" I8 "unable to write /proc/self/setgroups: Permission denied" as_user env \
  PATH="$T/i/bin:$PATH" rk-userns rk-idmap -m single
is "$(ls "$T/done" 2>/dev/null)" "" "none of the refused programs ran"
done_testing
