#!/bin/sh
# BuildKit under rootlesskit (compat/callers section 3): a daemon and an image with RUN steps, with every snapshotter
# that is here, the network detached or not, and buildctl-daemonless.sh. buildkitd is the one in PATH, or what
# package/engines has built.
. "${RK_TEST_LIB:-tests/lib.sh}"
need runc slirp4netns busybox curl
cache=$HOME/.cache/rk-buildkit
if command -v buildkitd > /dev/null && command -v buildctl > /dev/null; then from=$(dirname "$(command -v buildkitd)")
else
  # package/check builds it in the background, at the lowest priority: give it the time that there is
  [ ! -e "$cache/lock" ] || flock -w 100 "$cache/lock" true || skip_all "BuildKit is still being built"
  [ -e "$cache/version" ] || [ ! -e "$cache/log" ] || skip_all "BuildKit could not be built: $(tail -n 1 "$cache/log")"
  [ -e "$cache/version" ] || skip_all "no BuildKit here, and no Go to build it with (package/engines)"
  from=$cache
fi
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
mkdir "$H/bin" "$H/ctx"; cp "$from"/build* "$H/bin/"; cp "$T/image.tar" "$H/ctx/"; mkdir -m 755 "$H/www"; echo fetched \
  > "$H/www/page"
ln -s busybox "$T/root/bin/wget"; chmod 1777 "$T/root/tmp"; tar -C "$T/root" -cf "$H/ctx/image.tar" .
cat > "$H/ctx/Dockerfile" <<'D'
FROM scratch AS base
ADD image.tar /
RUN ["/bin/sh", "-c", "echo built by $(/bin/id -u) > /made; /bin/wget -qO /page http://192.0.2.1:8931/page"]
USER 1000:1000
RUN ["/bin/sh", "-c", "/bin/id -u > /tmp/user"]
FROM scratch
COPY --from=base /made /page /tmp/user /out/
COPY Dockerfile /out/
D
chmod -R a+rX "$H/ctx" "$H/bin" "$H/www"
spawn python3 -m http.server --bind 192.0.2.1 -d "$H/www" 8931
wait_until curl -s http://192.0.2.1:8931/page
A=unix://$H/x/bk.sock
bk() { engine env PATH="$H/bin:$PATH" timeout 60 "$@"; }
right() { # NAME: what was built is right
  is "$rc $(cd "$H/x/out" 2> /dev/null && cat made page user && cmp Dockerfile ../../ctx/Dockerfile)" "0 built by 0
fetched
1000" "$1" || diag "$(printf '%s\n' "$err" | tail -n 12)" "$(tail -n 5 "$T/spawn.$p.err")"
  rm -rf "$H/x/out" 2> /dev/null || as_user rm -rf "$H/x/out"
}
build() { run bk buildctl --addr "$A" build --frontend dockerfile.v0 --local context="$H/ctx" --local \
  dockerfile="$H/ctx" --output type=local,dest="$H/x/o"; mv "$H/x/o/out" "$H/x/out" 2> /dev/null; rm -rf "$H/x/o"; }

snapshotters=native
[ ! -c /dev/fuse ] || ! command -v fuse-overlayfs > /dev/null || snapshotters="native fuse-overlayfs"
for snapshotter in $snapshotters overlayfs; do
  for flags in "" --detach-netns; do
    [ "$snapshotter$flags" != overlayfs--detach-netns ] || continue
    # shellcheck disable=SC2086 # a word or none
    spawn_engine env PATH="$H/bin:$PATH" rootlesskit --state-dir="$H/x/s" --net=slirp4netns --copy-up=/etc \
      --disable-host-loopback $flags \
      buildkitd --addr "$A" --root "$H/home/$snapshotter$flags" --oci-worker-snapshotter="$snapshotter" \
      --oci-worker-no-process-sandbox; p=$pid
    wait_until bk buildctl --addr "$A" debug workers || { diag "$(tail -n 20 "$T/spawn.$p.err")"; bail "no buildkitd"; }
    build; right "$snapshotter $flags: built"
    child=$(cat "$H/x/s/child_pid")
    kill -TERM "$p"; ok "SIGTERM reaches buildkitd" wait_gone "$p"
    wait "$p"; not_ok "which has ended, and the state directory" test -e "/proc/$child" -o -e "$H/x/s"
  done
done
run bk env ROOTLESSKIT="rootlesskit --net=slirp4netns --copy-up=/etc --copy-up=/run --disable-host-loopback" \
  BUILDKITD_FLAGS="--root $H/home/native --oci-worker-no-process-sandbox --oci-worker-snapshotter=native" \
  USER=user XDG_RUNTIME_DIR="$H/x" sh "$H/bin/buildctl-daemonless.sh" build --frontend dockerfile.v0 --local \
  context="$H/ctx" --local dockerfile="$H/ctx" --output type=local,dest="$H/x/o"
mv "$H/x/o/out" "$H/x/out"; right "buildctl-daemonless.sh, from the cache"
done_testing
