#!/bin/sh
# Socket activation and readiness through a chain, as sd_listen_fds(3) and sd_notify(3) do them: the sockets are usable,
# LISTEN_PID names the program, the notification arrives and says which process it comes from
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
cat > "$T/start.py" <<'END'
import os, socket, struct, sys
d, cmd = sys.argv[1], sys.argv[2:]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
notify.bind(d + '/notify')
listener = socket.socket(socket.AF_UNIX)
listener.bind(d + '/listen')
listener.listen(5)
pid = os.fork()
if not pid:
    os.dup2(listener.fileno(), 3, inheritable=True)
    os.closerange(4, 64)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='web', WATCHDOG_PID=str(os.getpid()), WATCHDOG_USEC='9',
                      NOTIFY_SOCKET=d + '/notify')
    os.execvp(cmd[0], cmd)
notify.settimeout(20)
text, control, _, _ = notify.recvmsg(100, 100)
sender = struct.unpack('3i', control[0][2])[0]
parent = int(open('/proc/%d/stat' % sender).read().rpartition(')')[2].split()[1])
listener.close()
client = socket.socket(socket.AF_UNIX)
client.connect(d + '/listen')
print(text.decode(), 'itself' if sender == pid else 'child' if parent == pid else 'stranger', client.recv(100).decode(), os.waitpid(pid, 0)[1] >> 8)
END
cat > "$T/prog.py" <<'END'
import os, socket
e = os.environ
assert e['LISTEN_PID'] == e['WATCHDOG_PID'] == str(os.getpid()), e
assert e['LISTEN_FDS'] == '1' and e['LISTEN_FDNAMES'] == 'web'
listener = socket.socket(fileno=3)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', e['NOTIFY_SOCKET'])
client, _ = listener.accept()
client.sendall(b'served')
client.close()
raise SystemExit(4)
END
try() { # WHO LINK...
  try_who=$1; shift
  rm -rf "$T/d"; mkdir "$T/d"
  run timeout 60 python3 "$T/start.py" "$T/d" "$@" python3 "$T/prog.py"
  is "$rc/$out" "0/READY=1 $try_who served 4" "$*" || diag "$err"
}
try itself env
try itself rk-state "$T/state" rk-userns rk-idmap rk-copyup /etc rk-unshare -uic
try itself rk-userns rk-idmap rk-net -d none
try child rk-state "$T/state" rk-userns rk-idmap rk-copyup /etc rk-pidns
try child rk-userns rk-idmap rk-pidns -R
rm -f "$T/ready"; mkfifo "$T/ready"
rk-state "$T/held" rk-userns rk-idmap rk-pidns rk-hold -d 3 3> "$T/ready" & tap_pids="$tap_pids $!"
read -r line < "$T/ready"
try child rk-enter -s "$T/held"
done_testing
