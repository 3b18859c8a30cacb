#!/bin/sh
# ports/ and ports.status/: what root inside puts there keeps nobody waiting, and leads nobody elsewhere
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3 curl
D=$T/st p=$(free_port)
mkdir "$T/victim"; echo "127.0.0.1:$p:80/tcp" > "$T/victim/1"; echo precious > "$T/victim/x"; cp -r "$T/victim" "$T/was"
intact() { diff -r "$T/was" "$T/victim" >&2; }
# The file of a hostile chain may still be there: a FIFO would keep sed waiting for ever.
listening() { [ ! -L "$D/ports.status/x" ] && [ -f "$D/ports.status/x" ] && status_is "$D" x state listening; }
terminated() { # NAME
  kill -TERM "$portd"
  ok "$1: SIGTERM ends rk-portd" wait_gone "$portd"
}

# CODE is run in a new state directory, before and then after rk-portd has started.
portd() { # NAME CODE
  rm -rf "$D"; mkdir -m 700 "$D" "$D/ports" "$D/ports.status"
  (cd "$D" && victim=$T/victim && eval "$2")
  portd_start "$D"
  echo "127.0.0.1:$p:80/tcp" > "$D/ports/x"
  ok "$1: rk-portd publishes" wait_until listening
  terminated "$1"
  rm -rf "$D"; mkdir -m 700 "$D"
  portd_start "$D"
  (cd "$D" && victim=$T/victim && eval "$2")
  echo "127.0.0.1:$p:80/tcp" > "$D/ports/x"
  ok "$1, later: rk-portd publishes" wait_until listening
  terminated "$1, later"
}
# shellcheck disable=SC2016 # for portd
{
portd "FIFOs under the old names of temporary files" 'mkfifo ports.status/.new-x ports/.new-x ports/.refresh'
portd "a status that is a directory" 'mkdir -p ports.status/x/y'
portd "a status that is a FIFO" 'mkfifo ports.status/x'
portd "a status that is a link" 'ln -s "$victim/x" ports.status/x'
portd "a status that is another name of a file" 'ln "$victim/x" ports.status/x; ln "$victim/x" ports.status/.new-x'
portd "port files that are none" \
  'mkfifo ports/pipe; ln -s "$victim/1" ports/link; mkdir ports/dir; ln -s /dev/zero ports/zero'
portd "ports.status a link" 'mv ports.status old; ln -s "$victim" ports.status'
portd "ports.status a file" 'rm -rf ports.status; echo x > ports.status'
portd "a netns that is a FIFO" 'mkfifo netns'
portd "facts that are FIFOs" 'mkdir net; mkfifo net/ip net/ifname child_pid .child'
}
ok "what the links lead to is as it was" intact

# .port-ids/last-0 comes and goes as a FIFO: whoever takes a number never waits for its other end.
rm -rf "$D"; mkdir -m 700 "$D" "$D/ports" "$D/.port-ids"
python3 -c '
import os, sys
os.chdir(sys.argv[1]); print("up", flush=True)
while True:
  try: os.mkfifo("last-0")
  except OSError: pass
  for name in os.listdir("."):
    try: os.unlink(name)
    except OSError: pass
' "$D/.port-ids" > "$T/toggle" & toggle=$!; tap_pids="$tap_pids $toggle"
wait_until grep -q up "$T/toggle"
waits=0
for i in $(seq 100); do
  timeout 60 rk-port add -N "$D" "127.0.0.1:$p:80/tcp" > "$T/out" 2>&1
  [ $? != 124 ] || { waits=1; break; }
done
is "$waits" 0 "a FIFO in the place of the last id keeps nobody waiting"
end "$toggle"

# ports a link: nothing that it leads to is published.
rm -rf "$D"; mkdir -m 700 "$D"; ln -s "$T/victim" "$D/ports"
portd_start "$D"
is "$(ls "$D/ports.status")" "" "ports a link: nothing is published"
like "$(cat "$T/portd.err")" "unable to follow $D/ports: Not a directory" "and that is said"
terminated "ports a link"

# rk-port asks for the counters by a file.
rm -rf "$D"; mkdir -m 700 "$D"
portd_start "$D"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/x"; wait_until listening
kill -STOP "$portd"; mkfifo "$D/ports/.refresh"
run timeout 60 rk-port ls "$D"
is "$rc" 0 "rk-port ls does not wait for a FIFO"
kill -CONT "$portd"
terminated "rk-port"

# rk-apid
api() { curl -sS --max-time 60 --unix-socket "$D/api.sock" -o "$T/answer" -w '%{http_code}' "$@" > "$T/code" 2> \
  "$T/curl.err"; cat "$T/code"; }
rm -rf "$D"; mkdir -m 700 "$D"; mkdir -p "$D/ports" "$D/api.sock/x"
mkfifo "$D/.new-api.sock" "$D/ports/.new-1" "$D/ports/pipe"
spawn rk-apid "$D"; apid=$pid
ok "rk-apid listens where a directory was" wait_until test -S "$D/api.sock"
spawn rk-portd "$D"; portd=$pid
is "$(api -d "{\"proto\":\"tcp\",\"parentIP\":\"127.0.0.1\",\"parentPort\":$p,\"childPort\":80}" http://x/v1/ports)" \
  201 "rk-apid publishes beside FIFOs" || diag "$(cat "$T/answer")"
mv "$D/ports" "$D/old"; ln -s "$T/victim" "$D/ports"
run api -X DELETE http://x/v1/ports/1
isnt "$out" 200 "ports a link: nothing is withdrawn"
ok "what it leads to is as it was" intact
kill -TERM "$apid"; ok "SIGTERM ends rk-apid" wait_gone "$apid"
end "$portd"
done_testing
