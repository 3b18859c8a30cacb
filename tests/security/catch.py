# catch.py SESSION END: as root inside, until the file END is there: look at every process of the session whose number
# is in the file SESSION (the word rk: every process of this toolkit's), again and again, and try to get into it; prints
# what was got of which, and which were tried
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
while not os.path.exists(sys.argv[1]):
    pass
session = open(sys.argv[1]).read().strip()
tried, got = set(), set()


def caught(pid, comm, what):
    # what a link becomes by exec is the program's own affair
    if open("/proc/%s/comm" % pid).read().split(".")[0].strip() == comm:
        got.add(what + comm)


def attack(pid):
    stat = open("/proc/%s/stat" % pid).read()
    comm, fields = stat[stat.index("(") + 1 : stat.rindex(")")].split(".")[0], stat[stat.rindex(")") + 2 :].split()
    if session == "rk" and (not comm.startswith("rk-") or comm.startswith("rk-t-")):
        return
    if session not in ("rk", fields[3]):
        return
    tried.add((pid, comm))
    if libc.ptrace(SEIZE, int(pid), None, None) == 0:
        # only a stopped process can be let go, and one that ends meanwhile is ours to reap, before its parent can
        libc.ptrace(INTERRUPT, int(pid), None, None)
        os.waitpid(int(pid), WALL)
        libc.ptrace(DETACH, int(pid), None, None)
        caught(pid, comm, "traced ")
    for link in ("ns/user", "ns/net", "ns/mnt", "root", "cwd", "exe", "fd/3"):
        try:
            os.readlink("/proc/%s/%s" % (pid, link))
            caught(pid, comm, link + " of ")
        except OSError:
            pass
    for name in ("mem", "environ", "maps"):
        try:
            if os.read(os.open("/proc/%s/%s" % (pid, name), os.O_RDONLY), 1):
                caught(pid, comm, name + " of ")
        except OSError:
            pass


while not os.path.exists(sys.argv[2]):
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            attack(pid)
        except OSError:
            pass
print("caught:", ", ".join(sorted(got)) or "nothing")
print("tried:", " ".join(sorted({comm for _, comm in tried})), len(tried))
