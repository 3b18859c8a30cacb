#!/bin/sh
# rk-root: what is in the new root, that nothing leads out of it, what a hostile directory cannot do, what is refused
. "${RK_TEST_LIB:-tests/lib.sh}"
need busybox
inside() { rk-userns rk-idmap rk-pidns rk-root "$@"; }
cd "$T" || exit 1
mkdir -p root/bin root/tmp host/sub
echo secret > host/sub/file
cp "$(command -v busybox)" root/bin/busybox
for lib in $(ldd root/bin/busybox 2>/dev/null | tr -s ' \t' '\n\n' | grep '^/'); do
  mkdir -p "root${lib%/*}"
  cp -L "$lib" "root$lib"
done
for name in sh ls cat mount umount stat ps env id mkdir rmdir echo readlink chroot sleep find; do
  ln -s busybox "root/bin/$name"
done
export PATH="$PATH:/bin"

run inside root sh -c 'echo $(ls /); echo $(ls /dev); echo x > /dev/null && echo $(ls /proc/1/root/); id -u; exit 7'
is "$rc$err" 7 "the exit status passes through, without a word"
libs=$(cd root && echo lib*)
is "$out" "bin dev $libs proc tmp
fd full null ptmx pts random shm stderr stdin stdout tty urandom zero
bin dev $libs proc tmp
0" "/, /dev and the root of pid 1"
is "$(inside root sh -c 'echo $PWD; cat /proc/self/mountinfo' | grep -c " $T ")" 0 "no mount of the host is left"
run inside root sh -c 'for p in /proc/[0-9]*; do for f in root cwd; do ls -d "$p/$f$0"; done; done' "$T/host"
unlike "$out" . "no process leads to the old root by its root or working directory"
run inside root sh -c 'umount /proc; umount /dev/null; umount -l /dev; cd ../../..
  ls -d "$0"; chroot . ls -d "$0"' "$T/host"
unlike "$out" . "nor does what can be unmounted"
is "$(inside root sh -c 'echo hi > /tmp/made'; cat root/tmp/made)" hi "what it writes stays in DIR"
run inside - true; is "$rc" 127 "-: an empty root"
run inside -b "$T/root:/" - true; isnt "$rc" 0 "a bind on / is not the root"

# binds
run inside -b "$T/host:/mnt/a" -b "$T/host/sub/file:/etc/file" root \
  sh -c 'cat /mnt/a/sub/file /etc/file; echo more > /mnt/a/new'
is "$rc/$out/$(cat host/new)" "0/secret
secret/more" "-b: a directory and a file; their places are made"
is "$(stat -c %a root/mnt root/mnt/a root/etc/file | tr '\n' ' ')" "755 755 644 " "for all to read"
run inside -b "$T/host:/mnt/a:ro" root sh -c 'echo x > /mnt/a/bad'
is "$rc $(ls host)" "1 new
sub" ":ro"
run rk-userns rk-idmap rk-copyup '' sh -c 'mount -t tmpfs none "$0/host/sub" &&
  exec rk-pidns rk-root -b "$0/host:/mnt/a:ro" root \
    sh -c "echo x > /mnt/a/sub/bad; echo x > /mnt/a/bad; ls /mnt/a/sub"' "$T"
is "$out" "" ":ro holds for what is mounted below, too"
run inside -r -b "$T/host:/mnt/a" root sh -c 'echo x > /tmp/bad; echo y > /mnt/a/good; echo z > /dev/shm/good'
is "$(ls root/tmp) $(cat host/good)" "made y" "-r: the root is read-only, a bind is not"
(umask 077; inside -b "$T/host:/deep/er" root id > /dev/null)
is "$(stat -c %a root/deep root/deep/er | tr '\n' ' ')" "755 755 " "whatever the umask"

# a directory that somebody else filled
rm -rf root/dev root/proc
mkdir -p "root$T/host" root/else
ln -s "$T/host" root/dev
ln -s ../../../../../../../../else root/proc
ln -s "$T/host" root/evil
before=$(find host | sort)
run inside -b "$T/root:/evil/x" root sh -c 'ls -d /dev/null "$0/host/null" /else/self' "$T"
is "$err$out" "/dev/null
/else/self
$T/host/null" "links to the host lead to places inside"
is "$(find host | sort)" "$before" "and nothing is made outside"
rm -rf "root$T/host"
run inside root id
is "$rc" 111 "a link to nowhere is refused"
like "$err" 'make dev in the new root: a symbolic link that leads to nothing there is in its place$' "and named"
rm root/dev root/proc root/evil
mkfifo root/fifo
run timeout 60 rk-userns rk-idmap rk-pidns rk-root -b "$T/host/sub/file:/fifo" root cat /fifo
is "$rc $out" "0 secret" "a FIFO as a place does not block"

# inherited directories lead out
exec 7< host
run rk-userns rk-idmap rk-pidns -f 7 rk-root root true
is "$rc" 100 "an inherited directory is refused"
like "$err" '^rk-root: fatal: .*7' "and named"
run rk-userns rk-idmap rk-pidns -f 7 rk-root -f 7 root sh -c 'ls /proc/self/fd/7/'
is "$rc" 0 "-f keeps it"
exec 7<&-

# order and usage
refused() {
  want=$1 text=$2
  shift 2
  run "$@"
  is "$rc" "$want" "$*"
  like "$err" "^rk-root: fatal: .*$text" "  its reason"
}
refused 100 'put rk-pidns directly before' rk-userns rk-idmap rk-copyup '' rk-root root true
refused 100 'rk-pidns' rk-root root true
run rk-userns rk-idmap rk-pidns sh -c 'rk-root root cat /proc/2/cwd/host/sub/file; exit $?'
is "$rc $out" "100 " "a shell between, whose directory leads to the old root"
like "$err" '^rk-root: fatal: .*to the old root: put rk-pidns directly' "  its reason"
refused 100 'is the root directory already' inside / true
refused 100 'dir is empty' inside '' true
refused 100 'not a directory' inside host/sub/file true
refused 111 'No such file' inside nowhere true
refused 100 'needs src:dst' inside -b /x root true
refused 100 'needs src:dst' inside -b /x:y root true
refused 100 'needs src:dst' inside -b /x:/y:rw root true
refused 100 'needs src:dst' inside -b :/y root true
refused 111 'clone the mount of /nowhere: No such file' inside -b /nowhere:/y root true
refused 111 'mount on /bin/busybox' inside -b "$T/host:/bin/busybox" root true
run inside root nowhere
is "$rc" 127 "a program that is not in the new root"

# rk-enter follows; the link's name in the new root is a stranger's
mkdir s
cp "$RK_TEST_INST/bin/rk-t-true" root/bin/rk-hold 2>/dev/null || cp root/bin/busybox root/bin/rk-hold
mkfifo ready
spawn rk-state s rk-userns rk-idmap rk-pidns rk-root root sh -c 'env; echo up > /tmp/up; exec sleep 1000'
wait_until test -e root/tmp/up
unlike "$(cat "$T/spawn.$pid.out")" '^RK_OUTSIDE' "the control socket is closed"
run rk-enter s /bin/ls /
like "$out" '^tmp$' "rk-enter comes into the new root"
unlike "$out" '^home$' "and not into the old one"
done_testing
