# catch.py SESSION END: as root inside, until the file END is there: look at every process of the session whose number
# is in the file SESSION, again and again, and try to get into it; prints what was got of which, and which were tried
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
SEIZE, DETACH = 0x4206, 17
while not os.path.exists(sys.argv[1]):
    pass
session = open(sys.argv[1]).read().strip()
tried, got = set(), set()


def attack(pid):
    stat = open("/proc/%s/stat" % pid).read()
    comm, fields = stat[stat.index("(") + 1 : stat.rindex(")")].split(".")[0], stat[stat.rindex(")") + 2 :].split()
    if fields[3] != session:
        return
    tried.add((pid, comm))
    if libc.ptrace(SEIZE, int(pid), None, None) == 0:
        libc.ptrace(DETACH, int(pid), None, None)
        got.add("traced " + comm)
    for link in ("ns/user", "ns/net", "ns/mnt", "root", "cwd", "exe", "fd/3"):
        try:
            os.readlink("/proc/%s/%s" % (pid, link))
            got.add("%s of %s" % (link, comm))
        except OSError:
            pass
    for name in ("mem", "environ", "maps"):
        try:
            if os.read(os.open("/proc/%s/%s" % (pid, name), os.O_RDONLY), 1):
                got.add("%s of %s" % (name, comm))
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
