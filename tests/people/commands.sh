# shellcheck shell=sh
# tests/people/commands.sh: what the commands of the tables may use
# CMD...: while an rk-portd serves $D
served() {
  rk-portd "$D" 2> /dev/null &
  served_pid=$!
  served_rc=0
  "$@" || served_rc=$?
  kill "$served_pid"
  wait "$served_pid" 2> /dev/null
  return $served_rc
}
# CMD...: in a chain with one id and mounts of its own, before its network
within() { rk-userns rk-idmap -m single rk-copyup -k "" "$@"; }
# CALL CMD...: with a system call that a seccomp filter answers with EPERM, as an outer container does. Numbers: of
# asm/unistd.h, for x86-64 and for the architectures that share the generic table
forbidden() {
  python3 -c '
import ctypes, os, platform, struct, sys
x86 = platform.machine() == "x86_64"
numbers = {"mount": 165 if x86 else 40, "unshare": 272 if x86 else 97, "setns": 308 if x86 else 268, "pidfd_open": 434}
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, numbers[sys.argv[1]]), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)]
code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
text = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(22, 2, ctypes.byref(program), 0, 0):
    sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
' "$@"
}
