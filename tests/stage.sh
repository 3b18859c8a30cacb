# shellcheck shell=sh
# tests/stage.sh: sourced by tests/run and package/bench, as root, with $top and $mode set: build, and stage an install,
# the test programs and the tree in a fresh directory $stage that the test user $user can read (a clone may sit under a
# 0700 directory).
# It goes at exit. Without root, the user is whoever runs it. staged CMD...: run CMD there with a clean environment, the
# staged programs first in PATH.
make -s -C "$top" -j2 MODE="$mode" programs test-programs
if [ "$(id -u)" = 0 ]; then user=$("$top/tests/user"); else user=$(id -un); fi
stage=$(mktemp -d /tmp/rk-t.XXXXXX)
trap 'cd /; [ -n "${keep:-}" ] || rm -rf "$stage"; [ -z "${progress:-}" ] || kill "$progress" 2>/dev/null || :' EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
chmod 0755 "$stage"
mkdir -p "$stage/rk" "$stage/inst" "$stage/test" "$stage/tap" "$stage/tmp" "$stage/xdg"
chmod 1777 "$stage/tmp"
[ "$(id -u)" != 0 ] || chown "$user": "$stage/xdg"
chmod 0700 "$stage/xdg"
(cd "$top" && tar cf - --exclude=./build --exclude=./.git .) | (cd "$stage/rk" && tar xf - --no-same-owner)
for d in bin libexec; do
  if [ -d "$top/build/$mode/$d" ]; then cp -R "$top/build/$mode/$d" "$stage/inst/"; fi
done
if [ -d "$top/build/$mode/test" ]; then cp -R "$top/build/$mode/test/." "$stage/test/"; fi
chmod -R go+rX "$stage/rk" "$stage/inst" "$stage/test"
cd "$stage/rk" || exit 111

staged() {
  env -i PATH="$stage/inst/bin:$stage/test:$stage/rk/tests/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    HOME="$HOME" USER="$(id -un)" LOGNAME="$(id -un)" LC_ALL=C TERM=dumb TMPDIR="$stage/tmp" CI="${CI:-}" \
    ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:exitcode=99" UBSAN_OPTIONS="print_stacktrace=1:exitcode=99" \
    RK_TEST_LIB="$stage/rk/tests/lib.sh" RK_TEST_MODE="$mode" RK_TEST_STAGE="$stage" RK_TEST_INST="$stage/inst" \
    RK_TEST_TOP="$top" \
    RK_TEST_USER="$user" RK_TEST_UID="$(id -u "$user")" RK_TEST_GID="$(id -g "$user")" RK_TEST_XDG="$stage/xdg" \
    RK_TEST_HOME="$(getent passwd "$user" | cut -d: -f6)" RK_TEST_TIMEOUT="${RK_TEST_TIMEOUT:-180}" \
    RK_SOAK_SECONDS="${RK_SOAK_SECONDS:-}" RK_SOAK_SEED="${RK_SOAK_SEED:-}" RK_INJECT_RUNS="${RK_INJECT_RUNS:-}" \
    RK_TEST_KEEP="${RK_TEST_KEEP:-}" RK_TEST_TRACE="${RK_TEST_TRACE:-}" \
    RK_BENCH_PEER="${RK_BENCH_PEER:-}" ROUNDS="${ROUNDS:-}" COLUMNS_ONLY="${COLUMNS_ONLY:-}" \
    FORWARDERS="${FORWARDERS:-}" "$@"
}
