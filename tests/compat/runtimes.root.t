#!/bin/sh
# crun and runc with an OCI bundle of several mapped ids; fuse-overlayfs: under rootlesskit
. "${RK_TEST_LIB:-tests/lib.sh}"
need busybox python3
. tests/compat/engine.sh
home
image "$T/image.tar"
engine rootlesskit sh -c 'mkdir "$1/bundle" "$1/bundle/rootfs" && tar -C "$1/bundle/rootfs" -xf "$2" &&
  chown 33:33 "$1/bundle/rootfs/data" && chmod 700 "$1/bundle/rootfs/data"' - "$H/home" "$T/image.tar"
is "$(stat -c %u "$H/home/bundle/rootfs/data")" \
  $(($(awk -F: -v u="$RK_TEST_USER" '$1 == u { print $2; exit }' /etc/subuid) + 32)) "files of another id"
cat > "$T/config.py" <<'E'
import json, sys
ns = [{"type": t} for t in ("pid", "ipc", "uts", "mount")] + ([{"type": "network"}] if sys.argv[2] == "net" else [])
args = ["sh", "-c", "id -u; touch /data/made; ls -ln /data/made; cat /proc/self/uid_map"]
json.dump({"ociVersion": "1.0.2", "hostname": "c", "root": {"path": "rootfs"}, "linux": {"namespaces": ns},
  "process": {"terminal": False, "user": {"uid": 33, "gid": 33}, "args": args, "cwd": "/", "env": ["PATH=/bin"], "noNewPrivileges": True},
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}]},
  open(sys.argv[1], "w"))
E
python3 "$T/config.py" "$T/config.json" net
as_user cat "$T/config.json" > /dev/null 2>&1 || chmod 644 "$T/config.json"
engine rootlesskit cp "$T/config.json" "$H/home/bundle/config.json"
for r in crun runc; do
  command -v $r > /dev/null || { skip 2 "no $r on this machine"; continue; }
  # cgroups that are not the user's: crun must not manage them, and refuses even to look at a hybrid tree (an empty one
  # is none)
  case $r in crun) f="--cgroup-manager=disabled" hide="mount -t tmpfs none /sys/fs/cgroup" ;; *) f="" hide=: ;; esac
  # shellcheck disable=SC2086 # words
  run engine timeout 60 rootlesskit --net=none --copy-up=/run --pidns sh -c \
    "$hide"' && cd "$1/bundle" && exec $2 $3 --root="$1/$2" run c$$' - "$H/home" $r "$f"
  is "$rc $(printf '%s\n' "$out" | head -n 1)" "0 33" "$r runs it as another id" || diag "$err"
  like "$out" "33 +33 +0 .*/data/made" "$r: and its files are its own"
done
if command -v fuse-overlayfs > /dev/null && [ -c /dev/fuse ]; then
  run engine timeout 60 rootlesskit sh -c 'cd "$1" && mkdir l u w m && echo low > l/f && fuse-overlayfs -o lowerdir=l,upperdir=u,workdir=w m && cat m/f &&
    echo new > m/f && chown 5:6 m/f && stat -c %u:%g u/f && cat l/f && grep -c fuse /proc/mounts && umount m' - "$H/home"
  is "$rc $out" "0 low
5:6
low
1" "fuse-overlayfs mounts inside" || diag "$err"
else skip 1 "no fuse-overlayfs or no /dev/fuse"; fi
run engine rootlesskit sh -c 'cd "$1" && mkdir l2 u2 w2 m2 && mount -t overlay -o "lowerdir=$1/l2,upperdir=$1/u2,workdir=$1/w2" overlay "$1/m2"' - "$H/home"
is "$rc" 0 "the kernel's overlay too, as nerdctl's set-up tool tries it" || diag "$err"
run engine rootlesskit rm -rf "$H/home/bundle"; is "$rc" 0 "rootlesskit rm -rf removes files of mapped ids"
not_ok "indeed" test -e "$H/home/bundle"
done_testing
