#!/bin/sh
# rk-copyup: directories in directories, the same twice, links to directories, file systems below, the working directory
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir -p "$T/base/etc/ssl/sub" "$T/base/var" "$T/base/run"; D=$T/base/etc
echo ca > "$T/base/var/ca"; ln -s ../../var/ca "$D/ssl/link"; echo p > "$D/plain"; ln -s run "$T/base/lrun"; echo r > \
  "$T/base/run/r"
for m in symlink overlay copy; do
  for dirs in "$D:$D/ssl" "$D/ssl:$D" "$D:$D" "$D:$D/ssl/sub:$D/ssl"; do
    case $m,$dirs in overlay,"$D/ssl:$D" | overlay,*sub:*) continue ;; esac # refused: copyup-overlay.t
    run rk_chain rk-copyup -m $m "$dirs" sh -c \
      "cd $D && echo x > new && echo x > ssl/sub/new 2> /dev/null; cat plain ssl/link"
    is "$rc $out" "0 p
ca" "$m: $dirs"
  done
done
is "$(find "$T/base" -name new -path '*/etc/new')" "" "nothing was made outside"
rm -f "$D/ssl/sub/new"
run rk_chain rk-copyup "$D:$D/ssl" sh -c "echo x > $D/ssl/new && ls $D/ssl/"
is "$out" "link
new
sub" "the inner one is writable by its outer name"
run rk_chain rk-copyup "$T/base/lrun:$T/base/run/" sh -c "echo x > $T/base/run/new && ls $T/base/lrun/"
is "$out" "new
r" "a link to a directory covers the directory"
run rk_chain rk-copyup "" sh -c \
  "mount -t tmpfs none $D/ssl/sub && echo m > $D/ssl/sub/m && rk-copyup $D cat $D/ssl/sub/m"
is "$rc $out" "0 m" "symlink: what is mounted below stays reachable"
run rk_chain rk-copyup "" sh -c \
  "mount -t tmpfs none $D/ssl/sub && echo m > $D/ssl/sub/m && rk-copyup -m copy $D cat $D/ssl/sub/m"
is "$rc $out" "0 m" "copy: what is mounted below is mounted there again"
is "$err" "rk-copyup: warning: $D: 1 file systems mounted below it stay as they are: ssl/sub" "and named"
cd "$D/ssl" || exit
run rk_chain rk-copyup -m copy "$D" sh -c "pwd; echo x > inside; ls $D/ssl/inside"
is "$rc $out" "0 $D/ssl
$D/ssl/inside" "a working directory in the directory is entered again"
not_ok "so that nothing is written outside" test -e "$D/ssl/inside"
mkdir "$T/gone"; cd "$T/gone" || exit; rmdir "$T/gone"
run rk_chain rk-copyup "$D" readlink "$D/plain"
is "$rc $out" "0 .ro1/plain" "a working directory that is gone is no obstacle"
cd / || exit
for o in symlink overlay copy; do
  for m in symlink copy; do
    run rk_chain rk-copyup -m $o "$D" sh -c "echo outer > $D/outer; exec rk-userns rk-idmap rk-copyup -m $m $D sh -c 'cat $D/plain $D/outer; echo x > $D/inner; rm $D/outer; ls $D/inner'"
    is "$rc $out" "0 p
outer
$D/inner" "$m in a chain inside a chain with $o"
  done
done
changes rk_chain rk-copyup ""; a=$changed; changes rk_chain
# shellcheck disable=SC2086 # words
is "$(printf '%s\n' $a | grep -vxF "$(printf '%s\n' $changed)" | grep -v '^mount\.' | tr '\n' ' ')" "ns.mnt " \
  "with no directory, only the mount namespace changes (and how its mounts propagate)"
done_testing
