#!/bin/sh
# rk-userns: what a host can forbid. Each cause is made for real where that can be done in namespaces; else the system
# call's error is injected by strace and the setting that explains it is mounted over the real one, in a mount namespace
# of this test's own.
[ -n "${USERNS_PRIVATE:-}" ] || USERNS_PRIVATE=1 exec unshare -m sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
need strace python3
refuses() { # NAME ID ERE CMD...
  name=$1 id=$2 re=$3; shift 3
  run "$@" rk-idmap touch "$T/done"
  is "$rc" 102 "$name: 102"
  like "$err" "^rk-userns: fatal: unable to (create a|use the new) user namespace: $re" "$name: $re"
  like "$err" "^rk-userns: info: $id: ." "$name: $id"
  is "$(printf '%s\n' "$err" | grep -c '^rk-')" 2 "$name: in two lines"
}
inject() { e=$1; shift; as_user strace -qq -o /dev/null -e trace=unshare -e inject=unshare:error="$e" rk-userns "$@"; }

# for real
# shellcheck disable=SC2016
zero() { as_user rk-userns rk-idmap sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"' sh "$@"; }
refuses "max_user_namespaces 0" U5 "user.max_user_namespaces is 0" zero rk-userns
set -- ; i=0
while [ $i -lt 32 ]; do set -- "$@" rk-userns rk-idmap -m direct; i=$((i + 1)); done
refuses "33 deep" U5 "there are too many, or they are nested too deeply" as_user rk-userns rk-idmap "$@" rk-userns
cat > "$T/nounshare.py" <<'EOF'
import ctypes, struct, os, sys
unshare = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
code = b"".join(struct.pack("HBBI", *i) for i in
  ((0x20, 0, 0, 0), (0x15, 0, 1, unshare), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)))
buf = ctypes.create_string_buffer(code)
class prog(ctypes.Structure): _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, ctypes.byref(prog(4, ctypes.addressof(buf))), 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
EOF
chmod 0644 "$T/nounshare.py"
refuses "a seccomp filter" U2 "a seccomp filter forbids it" as_user python3 "$T/nounshare.py" rk-userns
mkdir "$T/root" && mount --rbind / "$T/root"
at_exit "umount -l $T/root"
refuses "a chroot" U2 "not permitted \\(in a chroot" chroot "$T/root" env PATH="$PATH" setpriv --reuid="$RK_TEST_UID" \
  --regid="$RK_TEST_GID" --clear-groups --inh-caps=-all rk-userns

# explained by a setting that this kernel may not have
mount -t tmpfs -o mode=0755 sysctl /proc/sys/kernel
refuses "EPERM" U2 "not permitted" inject EPERM
refuses "EACCES" U3 "a security module forbids it" inject EACCES
echo 0 > /proc/sys/kernel/unprivileged_userns_clone
refuses "unprivileged_userns_clone 0" U1 "kernel.unprivileged_userns_clone is 0" inject EPERM
rm /proc/sys/kernel/unprivileged_userns_clone
echo 1 > /proc/sys/kernel/apparmor_restrict_unprivileged_userns
refuses "AppArmor forbids it" U3 "AppArmor restricts it" inject EACCES
like "$err" "profile rk-userns $RK_TEST_INST/bin/rk-userns flags=" "the profile names the installed path"
umount /proc/sys/kernel
echo 'unprivileged_userns (enforce)' > "$T/label"; chmod 0644 "$T/label"
# shellcheck disable=SC2016
refuses "AppArmor lets it be created and forbids its use" U3 "AppArmor's profile unprivileged_userns refuses" \
  sh -c 'mount --bind "$0" /proc/$$/attr/current && exec as_user "$@"' "$T/label" rk-userns
# shellcheck disable=SC2016
refuses "a kernel without user namespaces" U6 "this kernel has none" \
  sh -c 'mount -t tmpfs none /proc/$$/ns && exec as_user "$@"' sh strace -D -qq -o /dev/null -e trace=unshare -e \
  inject=unshare:error=EINVAL rk-userns
run inject ENOMEM true
is "$rc" 111 "another error: 111"
like "$err" 'fatal: unable to create a user namespace: .*memory' "with its words"

mount -t tmpfs none /proc
run as_user rk-userns rk-idmap touch "$T/done"
umount /proc
is "$rc" 102 "no /proc: 102"
like "$err" 'is /proc mounted' "says so"
like "$err" '^rk-userns: info: D9: ' "and the id"
is "$(ls "$T/done" 2>/dev/null)" "" "none of the refused programs ran"
done_testing
