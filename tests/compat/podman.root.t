#!/bin/sh
# podman inside rootlesskit: build and run a small image
. "${RK_TEST_LIB:-tests/lib.sh}"
need podman crun busybox slirp4netns
outer
. tests/compat/engine.sh
home
image "$T/image.tar"
mkdir "$H/ctx"; cp "$T/image.tar" "$H/ctx/"; printf \
  'FROM scratch\nADD image.tar /\nRUN echo built > /made\nCMD ["/bin/cat", "/made"]\n' > "$H/ctx/Containerfile"; chmod \
  -R a+rX "$H/ctx"
# shellcheck disable=SC2016 # for the inner shell
cat > "$H/in" <<'E'
set -e
# crun refuses a hybrid cgroup tree, and podman wants crun for containers without cgroups: show it an empty one
mount -t tmpfs none /sys/fs/cgroup
p() { podman --runtime crun --root "$HOME/p" --runroot "$HOME/r" --storage-driver "${DRIVER:-vfs}" --cgroup-manager=cgroupfs --events-backend=file "$@"; }
p import "$1/ctx/image.tar" base > /dev/null 2>&1
p run --rm --cgroups=disabled --network=none base echo ran
p build --isolation=chroot -q --network=host -t made "$1/ctx" > /dev/null
p run --rm --cgroups=disabled --network=none made
p run --rm --cgroups=disabled --network=host base id -u
E
run engine timeout 170 rootlesskit --net=slirp4netns --disable-host-loopback --copy-up=/etc --copy-up=/run \
  --copy-up=/var/lib --copy-up=/var/cache --pidns sh "$H/in" "$H"
is "$rc $out" "0 ran
built
0" "import, run, build, run" || diag "$(printf '%s\n' "$err" | tail -n 8)"
done_testing
