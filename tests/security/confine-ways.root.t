#!/bin/sh
# Each known way to make a listening or accepted socket of the host connect: without rk-confine it reaches the host's
# loopback (if the kernel has that way), under rk-confine it does not
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3
case $(as_user rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
cat > "$T/host.py" <<'E2'
"""argv, then each way, with a listener of the host as fd 7 and a client in its queue: WAY HITS SAID"""
import os
import socket
import subprocess
import sys
victim = socket.create_server(("127.0.0.1", 0))
ways = subprocess.run(["rk-t-turn"], capture_output=True, text=True, check=True).stdout.split()
for way in ways:
    listener = socket.create_server(("192.0.2.1", 0))
    os.dup2(listener.fileno(), 7, inheritable=True)
    client = socket.create_connection(listener.getsockname())
    chain = sys.argv[1:] + ["rk-t-turn", way, "7", str(victim.getsockname()[1])]
    said = subprocess.run(chain, pass_fds=[7], capture_output=True, text=True)
    # what came before this one is before it in the queue
    last = socket.create_connection(victim.getsockname())
    hits = 0
    while victim.accept()[1] != last.getsockname():
        hits += 1
    print(way, hits, said.stdout.strip() or said.stderr.strip())
    os.close(7)
    listener.close()
E2
chmod 0644 "$T/host.py"
as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 > "$T/open" 2>&1
for how in rk-confine 'rk-confine rk-pidns' 'rk-confine rk-userns rk-idmap rk-unshare -u'; do
  # shellcheck disable=SC2086 # words
  as_user python3 "$T/host.py" rk-userns rk-idmap rk-net -d none -f 7 $how > "$T/closed" 2>&1
  while read -r way hits said; do
    read -r _ hits_open said_open <<E2
$(grep "^$way " "$T/open")
E2
    is "$hits" 0 "$way: does not under $how"
    if [ "$said_open" != ok ]; then # absent, switched off, or killed for a 32-bit call
      note "this kernel has no way $way: $said_open"
      continue
    fi
    [ "$how" != rk-confine ] || is "$hits_open" 1 "$way: arrives without rk-confine"
    like "$said" '^(EACCES|EOPNOTSUPP|absent)$' "$way: and is refused as such"
  done < "$T/closed"
done
ok "several ways were tried" test "$(grep -c ' ok$' "$T/open")" -ge 5
done_testing
