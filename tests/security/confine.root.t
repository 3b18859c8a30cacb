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
chmod 0644 "$T"/*.py
ATTACK=$RK_TEST_STAGE/rk/tests/security/turn.py; export ATTACK
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7
like "$out" '^rc 0 hits [1-9]' "without rk-confine the attack arrives, so this test can see it"
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 rk-confine
is "$out" "rc 0 hits 0" "under rk-confine it does not"
run as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 rk-confine rk-pidns
is "$out" "rc 0 hits 0" "nor before rk-pidns"
done_testing
