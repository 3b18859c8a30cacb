#!/bin/sh
# rk-pidns where the kernel refuses a new /proc: read-only if that is allowed, or the outer one; said in one line. No
# /proc at all: an error
. "${RK_TEST_LIB:-tests/lib.sh}"
need pivot_root mount busybox
plan 9
said() { printf '%s\n' "$err" | grep '^rk-'; } # the sanitizers complain about a missing /proc as well
# the outer container: a user and mount namespace that hides something; what it hides is locked for a user namespace
# inside
outer() { rk-userns rk-idmap unshare -m sh -c "$@"; }
# shellcheck disable=SC2016 # for the inner shells, here and below
run outer 'mount -t tmpfs none /proc/sys; exec rk-userns rk-idmap -m single rk-pidns sh -c "echo \$\$; grep -c ^Name: /proc/self/status; exit 4"'
is "$rc/$out" "4/2
1" "masked: the outer /proc stays"
is "$err" "rk-pidns: warning: unable to mount procfs on /proc: the outer one stays, and shows outer numbers, because parts of it are masked (D9)" "and is said"
mkfifo "$T/mapped" "$T/go"
# shellcheck disable=SC2016
run outer 'rk-userns rk-idmap -m single sh -c "echo > $0/mapped; read x < $0/go; exec rk-pidns sh -c \"echo \\\$\\\$; cat /proc/2/comm; echo x > /proc/self/comm\"" &
  read x < "$0/mapped"; mount -o remount,bind,ro /proc; echo > "$0/go"; wait $!' "$T"
is "$out" "2
sh" "read-only outside: a new one, of the namespace"
like "$err" '^rk-pidns: warning: unable to mount procfs on /proc for writing: it is read-only, as the one below it \(D9\)$' "said"
like "$err" 'Read-only file system' "and true"
# shellcheck disable=SC2016
run outer 'cd "$(mktemp -d)" && mount -t tmpfs none . && cd "$PWD" && mkdir -p usr etc tmp old proc ".$1" && mount --rbind /usr usr && mount --rbind "$1" ".$1" &&
  for d in bin sbin lib lib64; do ln -s "usr/$d" "$d"; done && pivot_root . old && busybox umount -l /old && exec rk-pidns true' sh "$RK_TEST_STAGE"
is "$rc" 102 "no procfs to be seen: an error" || diag "$err"
is "$(said)" "rk-pidns: fatal: unable to mount procfs on /proc: the kernel allows it only where one can be seen already
rk-pidns: info: D9: mount procfs on /proc before entering the user namespace; in a container, let its runtime leave /proc unmasked" "in one line, and the fix"
# shellcheck disable=SC2016
run outer 'cd "$(mktemp -d)" && mount -t tmpfs none . && cd "$PWD" && mkdir -p usr tmp old ".$1" && mount --rbind /usr usr && mount --rbind "$1" ".$1" &&
  for d in bin sbin lib lib64; do ln -s "usr/$d" "$d"; done && pivot_root . old && busybox umount -l /old && exec rk-pidns true' sh "$RK_TEST_STAGE"
is "$rc" 111 "no directory /proc"
is "$(said)" "rk-pidns: fatal: unable to make the mount at /proc private: No such file or directory" "in one line"
