# shellcheck shell=sh
# tests/compat/engine.sh: what the tests of container engines share.   . tests/compat/engine.sh  after lib.sh
# image FILE: a tar of busybox with what it needs, and a page to serve docker_archive FILE ARCHIVE: that as an image
# bb:latest which `ctr image import` and `nerdctl load` take home: a home, a runtime directory (short: sockets must fit)
# and a data directory of the test user, in $H; removed at the end by its own root
image() {
  mkdir -p "$T/root/bin" "$T/root/etc" "$T/root/tmp" "$T/root/www" "$T/root/proc" "$T/root/sys" "$T/root/dev" \
    "$T/root/data"
  for b in busybox rk-t-echo; do
    cp "$(command -v $b)" "$T/root/bin/$b"
    for l in $(ldd "$(command -v $b)" 2>/dev/null | grep -o '/lib[^ ]*'); do
      mkdir -p "$T/root${l%/*}"; cp "$l" "$T/root$l"
    done
  done
  for a in sh httpd sleep cat echo ls id ip touch true; do ln -s busybox "$T/root/bin/$a"; done
  echo hello > "$T/root/www/index.html"
  echo root:x:0:0::/:/bin/sh > "$T/root/etc/passwd"
  tar -C "$T/root" -cf "$1" .
  chmod 644 "$1"
}
docker_archive() {
  python3 - "$1" "$2" <<'P'
import hashlib, io, json, sys, tarfile
layer = open(sys.argv[1], 'rb').read()
config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Env': ['PATH=/bin']}, 'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]}}).encode()
with tarfile.open(sys.argv[2], 'w') as t:
    for n, b in (('layer.tar', layer), ('config.json', config), ('manifest.json', json.dumps([{'Config': 'config.json', 'RepoTags': ['bb:latest'], 'Layers': ['layer.tar']}]).encode())):
        i = tarfile.TarInfo(n); i.size = len(b); t.addfile(i, io.BytesIO(b))
P
  chmod 644 "$2"
}
home() {
  H=$(mktemp -d /tmp/e.XXXXXX); mkdir -m 700 "$H/x" "$H/home"
  [ "$(id -u)" != 0 ] || chown -R "$RK_TEST_USER" "$H"
  at_exit "as_user rootlesskit rm -rf '$H/home' '$H/x' > /dev/null 2>&1; rm -rf '$H'"
}
# engine CMD..., spawn_engine CMD...: as the test user in that home
engine() { as_user env -u RK_TEST_LIB HOME="$H/home" XDG_RUNTIME_DIR="$H/x" XDG_DATA_HOME="$H/home/data" "$@"; }
spawn_engine() { spawn as_user env -u RK_TEST_LIB HOME="$H/home" XDG_RUNTIME_DIR="$H/x" XDG_DATA_HOME="$H/home/data" \
  "$@"; }
