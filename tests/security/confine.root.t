#!/bin/sh
# A listening socket of the host in the program's hands: turned round it reaches the host's loopback, under rk-confine
# it does not
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3
case $(as_user rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
cat > "$T/host.py" <<'E2'
"""A service on the host's 127.0.0.1 counts its clients; a listener of the host goes to the chain as fd 7."""
import os
import socket
import subprocess
import sys
victim = socket.create_server(("127.0.0.1", 0))
victim.settimeout(0.5)
listener = socket.create_server(("192.0.2.1", 0))
os.dup2(listener.fileno(), 7, inheritable=True)
chain = sys.argv[1:] + ["python3", os.environ["ATTACK"], str(victim.getsockname()[1])]
done = subprocess.run(chain, pass_fds=[7])
hits = 0
try:
    while True:
        victim.accept()
        hits += 1
except OSError:
    pass
print("rc", done.returncode, "hits", hits)
E2
cat > "$T/attack.py" <<'E2'
"""Turn fd 7 round in each way that is known, then try what a fresh copy allows."""
import ctypes
import socket
import struct
import sys
port = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
to = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton("127.0.0.1"))
unspec = struct.pack("=H14x", socket.AF_UNSPEC)
FASTOPEN = 0x20000000
libc.connect(7, unspec, len(unspec))
libc.shutdown(7, 2)
libc.connect(7, to, len(to))
libc.connect(7, unspec, len(unspec))
libc.sendto(7, b"x", 1, FASTOPEN, to, len(to))
libc.connect(7, unspec, len(unspec))
libc.connect(7, to, len(to))
E2
chmod 0644 "$T"/*.py
ATTACK=$T/attack.py; export ATTACK
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7
like "$out" '^rc 0 hits [1-9]' "without rk-confine the attack arrives, so this test can see it"
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 rk-confine
is "$out" "rc 0 hits 0" "under rk-confine it does not"
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 rk-confine rk-pidns
is "$out" "rc 0 hits 0" "nor before rk-pidns"
done_testing
