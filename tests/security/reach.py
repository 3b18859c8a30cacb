# reach.py: as root inside, try for the network namespace in which the driver is, and for the user namespace above, by
# every call that gives a namespace without its name: handles of nsfs, pidfds, sockets, netlink, owners and parents.
# Prints what was got of a namespace that is not this process's own, and how many attempts there were
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
NET, USER = 0x40000000, 0x10000000
GET_USERNS, GET_PARENT = 0xB701, 0xB702
PIDFD_OPEN = 434
NSFS_ROOT = -10003
got, tried = set(), 0
mine = {os.readlink("/proc/self/ns/" + n) for n in ("net", "user", "mnt", "pid", "uts", "ipc", "cgroup", "time")}


def enter(how, fd, flags):
    if libc.setns(fd, flags) == 0 and not {os.readlink("/proc/self/ns/" + n) for n in ("net", "user")} <= mine:
        got.add("%s: entered" % how)


def found(how, fd):
    try:
        name = os.readlink("/proc/self/fd/%d" % fd)
        if name in mine:
            return
        got.add("%s: %s" % (how, name.split(":")[0]))
        for flags in (NET, USER):
            enter(how, fd, flags)
    finally:
        os.close(fd)


def relatives(path):
    fd = os.open(path, os.O_RDONLY)
    for call in (GET_USERNS, GET_PARENT):
        try:
            found("relative of " + path, fcntl.ioctl(fd, call))
        except OSError:
            pass
    os.close(fd)


def handle(path):
    h = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    if libc.name_to_handle_at(-100, path.encode(), h, ctypes.byref(mount), 0x400):
        return None
    size, kind = struct.unpack_from("Ii", h.raw)
    return kind, h.raw[8 : 8 + size]


# Owned by, or below, this process's user namespace: the kernel names the owner of no other (ioctl_ns(2)). One that
# rk-pidns had made to lock /proc is freed a moment later.
def below(fd):
    try:
        os.close(fcntl.ioctl(fd, GET_USERNS))
        return True
    except OSError:
        return False


def handles():
    global tried
    base = handle("/proc/self/ns/net")
    if not base or len(base[1]) < 16:
        return
    kind, (number, _, inum) = base[0], struct.unpack_from("QII", base[1])
    for ns_type in (NET, USER, 0x20000):
        for i in range(max(number - 40, 1), number + 40):
            for j in [0] + list(range(inum - 12, inum + 12)):
                h = ctypes.create_string_buffer(struct.pack("IiQII", 16, kind, i, ns_type, j))
                fd = libc.open_by_handle_at(NSFS_ROOT, h, os.O_RDONLY)
                tried += 1
                if fd == -1:
                    continue
                if below(fd):
                    os.close(fd)
                else:
                    found("handle", fd)


def processes():
    global tried
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        tried += 1
        for name in ("net", "user", "mnt", "pid"):
            try:
                found("/proc", os.open("/proc/%s/ns/%s" % (pid, name), os.O_RDONLY))
            except OSError:
                pass
        fd = libc.syscall(PIDFD_OPEN, int(pid), 0)
        if fd == -1:
            continue
        for call in range(1, 11):
            try:
                found("pidfd", fcntl.ioctl(fd, 0xFF00 | call, 0))
            except OSError:
                pass
        for flags in (NET, USER | NET, USER):
            enter("pidfd", fd, flags)
        os.close(fd)


def netlink():
    global tried
    commands = ["ip link set tap0 netns %s" % pid for pid in os.listdir("/proc") if pid.isdigit()]
    commands += ["ip link add a%d type veth peer name b netns %s" % (os.getpid(), os.getppid())]
    commands += ["ip link show target-netnsid 0", "ip link set lo up target-netnsid 0", "ip link show netns 0"]
    commands += ["ip link add link-netnsid 0 name c type macvlan"]
    commands += ["ip link add d link-netnsid 0 link lo type vlan id 3"]
    for command in commands:
        tried += 1
        before = os.listdir("/sys/class/net")
        subprocess.call(command, shell=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if "tap0" in before and "tap0" not in os.listdir("/sys/class/net"):
            got.add(command)
            return


for ns in ("net", "user", "mnt", "pid", "uts", "ipc", "cgroup"):
    relatives("/proc/self/ns/" + ns)
handles()
processes()
netlink()
print("reached:", ", ".join(sorted(got)) or "nothing")
print("tried", "enough" if tried > 20 else tried)
