#!/bin/sh
# rk-portd: events lost, directories taken away, every way to write a file, too few fds, all ways to end
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
D=$T/st p=$(free_port) q=$(free_port)
portd_start "$D"
max=$(cat /proc/sys/fs/inotify/max_queued_events)
echo "127.0.0.1:$p:80/tcp" > "$D/ports/old"
ok "a file written in place" wait_until status_is "$D" old state listening
kill -STOP "$portd"
python3 - "$D/ports" "$max" <<'E2'
import os, sys
for i in range(int(sys.argv[2]) // 2 + 100): # two events each, and different from the one before
    os.rename(*(f"{sys.argv[1]}/{n}" for n in (("old", "older") if i % 2 == 0 else ("older", "old"))))
E2
rm -f "$D/ports/old" "$D/ports/older"
echo "127.0.0.1:$q:80/tcp" > "$D/ports/new"
kill -CONT "$portd"
ok "more events than the queue holds: a new file is found" wait_until status_is "$D" new state listening
ok "and what is gone is gone" wait_until test ! -e "$D/ports.status/old"
rm -r "$D/ports.status"
ok "ports.status removed: it is written again" wait_until status_is "$D" new state listening
echo "127.0.0.2:$q:80/tcp" > "$T/x"; ln "$T/x" "$D/ports/hard"; rm "$T/x"
ok "a hard link" wait_until status_is "$D" hard state listening
mv "$D/ports/hard" "$D/ports/renamed"
ok "renamed: the new name listens" wait_until status_is "$D" renamed state listening
ok "the old one is gone" wait_until test ! -e "$D/ports.status/hard"
m=$(status "$D" renamed mtime); echo "127.0.0.2:$q:80/tcp" > "$D/ports/renamed"
ok "written again with the same text: the status is about the new file" wait_until sh -c \
  '[ "$(sed -n s/^mtime=//p "$1")" != "$2" ]' sh "$D/ports.status/renamed" "$m"
printf '127.0.0.2:%s:81/tcp\nsrcip=no\n' "$q" > "$D/ports/renamed"
ok "another destination and option" wait_until status_is "$D" renamed target 127.0.0.2:81
is "$(status "$D" renamed srcip)" gateway "are taken over"
echo "127.0.0.3:$q:81/tcp" > "$D/ports/renamed"
ok "another address" wait_until status_is "$D" renamed listen "127.0.0.3:$q"
echo junk > "$D/ports/renamed"
ok "made malformed: in error" wait_until status_is "$D" renamed state error
: > "$D/ports/.hidden"; is "$(status "$D" new state)" listening "a dot file is nothing to it"
rm "$D/ports/renamed"; python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.4", int(sys.argv[1]))); print("ready", flush=True); sys.stdin.read()' "$q" < /dev/zero > "$T/taken" & taken=$!
wait_until test -s "$T/taken"
echo "127.0.0.4:$q:81/tcp" > "$D/ports/later"
ok "a port that is in use" wait_until status_is "$D" later state error
kill "$taken"; wait "$taken" 2>/dev/null
ok "is taken when it becomes free" wait_until status_is "$D" later state listening
end "$portd"; is "$(ls -A "$D/ports.status")" "" "SIGTERM: no status is left"
# shellcheck disable=SC3045
(ulimit -Sn 64; ulimit -Hn 300; exec rk-portd -d 7 "$D" 7> "$T/r" 2> "$T/few") & portd=$!; tap_pids="$tap_pids $portd"
wait_until test -s "$T/r"
echo "127.0.0.5:20000-20999:20000-20999/tcp" > "$D/ports/wide"
ok "a range larger than the hard limit" wait_until sh -c \
  'grep -q "^error=listen tcp 127.0.0.5:20[0-9]*: bind: too many open files" "$1"' sh "$D/ports.status/wide"
echo "127.0.0.5:20000-20199:20000-20199/tcp" > "$D/ports/narrow"
ok "leaves nothing: a smaller one is bound" wait_until status_is "$D" narrow state listening
is "$(status "$D" new state)" listening "the others were not touched"
kill -QUIT "$portd"; wait "$portd"; is $? 0 "SIGQUIT: 0"
run rk-portd -d 77 "$D"; is "$rc" 100 "-d of an fd that is not open: 100"
is "$(ls -A "$D/ports.status")" "" "and no status is left"
done_testing
