#!/bin/sh
# rk-copyup, mode overlay: the kernel's overlay on the directory; refused where a file system is mounted below it
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/d
mkdir -p "$D/sub"; chmod 0750 "$D"; echo one > "$D/one"; ln -s ../d/one "$D/sub/leaves"; ln -s ../../out "$D/sub/out"; \
  mkdir "$T/out"
run rk_chain rk-copyup -m overlay "$D" sh -c \
  "cd $D && stat -fc %T . && stat -c %a . && echo new > new && rm one && ls && stat sub/out/. > /dev/null"
case $err in *"not supported here"*) skip_all "no overlay in user namespaces on this kernel" ;; esac
is "$rc $out" "0 overlayfs
750
new
sub" "files can be made and removed at the top, mode and links are as they were"
is "$(ls "$D")" "one
sub" "nothing changed outside"
run rk_chain rk-copyup "" sh -c "mount -t tmpfs none $D/sub && mkdir '$D/sub/a b' && mount -t tmpfs none '$D/sub/a b' && rk-copyup -m overlay $D echo ran"
is "$rc $out" "100 " "a directory with a file system below it is refused"
is "$err" "rk-copyup: fatal: mode overlay cannot show $D/sub, which is mounted below $D: use mode symlink or copy" \
  "which one, and what works instead"
run rk_chain rk-copyup "" sh -c "mount -t tmpfs none $D/sub && mkdir '$D/sub/a b' && mount -t tmpfs none '$D/sub/a b' && rk-copyup -m overlay $D/sub echo ran"
like "$err" "cannot show $D/sub/a b, which" "a name with a blank, too"
run rk_chain rk-copyup -m copy "$D" sh -c \
  "mkdir $D/m && mount -t tmpfs none $D/m && rk-copyup -m copy $D rk-copyup -m overlay $D/sub echo ran"
is "$rc $out" "0 ran" "mounts beside it, or covered, do not matter"
run rk_chain rk-copyup -m overlay "$D/sub:$D" true
is "$rc" 100 "a mount that rk-copyup has made itself counts"
run rk_chain rk-copyup -m overlay "$D:$D" sh -c "echo x > $D/x && ls $D"
is "$rc $out" "0 one
sub
x" "twice works"
# before 6.13 the kernel takes layers by name only: fsconfig's fd command fails with EINVAL
if command -v strace > /dev/null; then
  run rk_chain strace -f -qq -o "$T/trace" -e trace=fsconfig -e inject=fsconfig:error=EINVAL:when=6..10+2 \
    rk-copyup -m overlay "$D" sh -c "echo x > $D/x && ls $D"
  is "$rc $out" "0 one
sub
x" "layers by name, for kernels that do not take them by fd"
  like "$(cat "$T/trace")" 'SET_FD.*INJECTED' "(the call was an fd's)"
else skip 2 "no strace on this machine"; fi
run rk_chain rk-copyup "" sh -c "mount -t tmpfs none /proc; exec rk-copyup -m overlay $D true"
is "$rc" 111 "without /proc it says that it cannot look"
done_testing
