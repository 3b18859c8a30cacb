#!/bin/sh
# published ports: memory and time of rk-portd with its relay
. tests/bench/lib.sh
cd "$TMPDIR" || exit 1
ulimit -n 30000 2>/dev/null || :
# A state directory is on tmpfs wherever there is a /run.
if [ -w /dev/shm ]; then D=$(mktemp -d /dev/shm/rk-bench.XXXXXX); else D=$TMPDIR/st; mkdir "$D"; fi
chown "$RK_TEST_USER" "$D"; chmod 700 "$D"
ip=127.77.77.1
mkfifo -m 0666 ready
as_user sh -c 'exec 9>ready; exec rk-portd -d 9 "$1"' sh "$D" & portd=$!
read -r _ < ready
as_user rk-state "$D" rk-userns rk-idmap rk-net -d none rk-t-hold > /dev/null 2>&1 & chain=$!
trap 'kill $portd $chain 2>/dev/null; wait; rm -rf "$D"' EXIT
relay() { pgrep -P "$portd" -x rk-relay; }
both() { pss "$portd" "$(relay)"; }
port() { as_user rk-port "$@"; }
publish() { # FIRST COUNT: that many files, one port each, renamed into place
  as_user python3 - "$D" "$ip" "$1" "$2" <<'P'
import os, sys
d, ip, first, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for p in range(first, first + n):
    with open(d + "/ports/.new", "w") as f: f.write(f"{ip}:{p}:127.0.0.1:{p}/tcp\n")
    os.rename(d + "/ports/.new", f"{d}/ports/{p}")
P
}
ms() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", (b - a) / 1e6 }'; }
timed() { timed_a=$(date +%s%N); "$@" > /dev/null; timed_ms=$(ms "$timed_a" "$(date +%s%N)"); }

echo "## Published ports: memory and time"
echo
echo "\`rk-portd\` and \`rk-relay\` together; the kernel's share (sockets) is not in it."
echo
echo "| published | PSS KiB |"
echo "| --- | ---: |"
port add -n one "$D" "$ip:5000:127.0.0.1:80/tcp" > /dev/null
port wait -c "$D" one
sleep 0.3
echo "| 1 port | $(both) |"
publish 10000 999
timed port wait -c -t 30 "$D"; thousand=$timed_ms
sleep 1
echo "| 1 000 ports in 1 000 files | $(both) |"
timed port add -n range -t 30 "$D" "$ip:20000-29999:127.0.0.1:20000-29999/tcp"; range=$timed_ms
sleep 1
echo "| and 10 000 more in one range | $(both) |"
r=$(relay)
a=$(date +%s%N); kill -KILL "$r"
until [ -n "$(relay)" ] && [ "$(relay)" != "$r" ] && port wait -c -t 5 "$D"; do :; done
again=$(ms "$a" "$(date +%s%N)")
echo
echo "| what | ms |"
echo "| --- | ---: |"
echo "| \`rk-port add\` of a range of 10 000 ports, until all listen | $range |"
echo "| 999 port files, after the last was written, until all are served | $thousand |"
echo "| relay killed, until 11 000 ports are served again | $again |"
for n in 1 2 3 4 5; do
  timed port add -n "x$n" "$D" "$ip:$((6000 + n)):127.0.0.1:80/tcp"; echo "$timed_ms"
done | sort -n | sed -n '3s/.*/| `rk-port add` of one port among them, median of 5 | & |/p'
sleep 10 # the relay's patience with servers that are still starting is over
a=$(awk '{ print $14 + $15 }' "/proc/$portd/stat" "/proc/$(relay)/stat" | awk '{ n += $1 } END { print n }')
sleep 10
b=$(awk '{ print $14 + $15 }' "/proc/$portd/stat" "/proc/$(relay)/stat" | awk '{ n += $1 } END { print n }')
echo "| CPU time of both in 10 s without a client | $(( (b - a) * 10 )) |"
