#!/usr/bin/env python3
# attack.py PID: as root of a user namespace, try everything that could give a process's memory or fds. One line each: NAME verdict
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
def call(name, *a):
    ctypes.set_errno(0)
    r = libc.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in a])
    print(name, "ALLOWED" if r >= 0 else errno.errorcode[ctypes.get_errno()])
    return r
def path(name, f):
    try: f(); print(name, "ALLOWED")
    except OSError as e: print(name, errno.errorcode[e.errno])
p = "/proc/%d/" % pid
call("ptrace-attach", 101, 16, pid, 0, 0)
call("ptrace-seize", 101, 0x4206, pid, 0, 0)
fd = os.pidfd_open(pid)
for n in range(16): call("pidfd_getfd-%d" % n, 438, fd, n, 0)
buf = ctypes.create_string_buffer(64); iov = (ctypes.c_size_t * 2)(ctypes.addressof(buf), 64); there = (ctypes.c_size_t * 2)(0x400000, 64)
call("process_vm_readv", 310, pid, ctypes.byref(iov), 1, ctypes.byref(there), 1, 0)
call("process_vm_writev", 311, pid, ctypes.byref(iov), 1, ctypes.byref(there), 1, 0)
call("kcmp-files", 312, os.getpid(), pid, 0, 0, 0)
call("setns-pidfd-mnt", 308, fd, 0x00020000)
call("process_madvise", 440, fd, ctypes.byref(iov), 1, 20, 0)
for n in ("mem", "maps", "environ", "auxv", "stack", "syscall", "io"): path("read-" + n, lambda: open(p + n, "rb").read(1))
path("write-mem", lambda: open(p + "mem", "r+b"))
path("list-fd", lambda: os.listdir(p + "fd"))
path("list-map_files", lambda: os.listdir(p + "map_files"))
for n in range(16): path("open-fd-%d" % n, lambda: os.open(p + "fd/%d" % n, os.O_RDWR))
for n in ("root", "cwd"): path("enter-" + n, lambda: os.listdir(p + n + "/"))
for n in ("mnt", "net", "user"): path("open-ns-" + n, lambda: os.open(p + "ns/" + n, os.O_RDONLY))
for n in ("oom_score_adj", "coredump_filter", "clear_refs"): path("write-" + n, lambda: open(p + n, "w"))
