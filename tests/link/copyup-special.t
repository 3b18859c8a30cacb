#!/bin/sh
# rk-copyup: a socket and a FIFO in a covered directory, or deep below it, lead to their servers outside in every mode
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3 mkfifo
D=$T/run
mkdir -p "$D/a/b"
cat > "$T/serve.py" <<'E2'
import socket, sys, threading
def serve(l):
    while True:
        c = l.accept()[0]
        c.sendall(b"outside")
        c.close()
for path in sys.argv[1:]:
    l = socket.socket(socket.AF_UNIX)
    l.bind(path)
    l.listen(9)
    threading.Thread(target=serve, args=(l,)).start()
print("ready", flush=True)
E2
cat > "$T/ask.py" <<'E2'
import socket, sys
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    print(s.recv(9).decode())
E2
spawn python3 "$T/serve.py" "$D/s" "$D/a/b/s"
wait_until grep -q ready "$T/spawn.$pid.out"
mkfifo "$D/a/fifo"
for mode in symlink copy overlay; do
  run rk_chain rk-copyup -m $mode "$D" python3 "$T/ask.py" "$D/s" "$D/a/b/s"
  is "$rc $out" "0 outside
outside" "$mode: sockets"
  (echo written > "$D/a/fifo") & writer=$!
  run rk_chain rk-copyup -m $mode "$D" timeout 30 cat "$D/a/fifo"
  is "$rc $out" "0 written" "$mode: a FIFO"
  wait "$writer"
  run rk_chain rk-copyup -m $mode "$D" sh -c "echo x > $D/a/new && echo x > $D/other && ls $D/a"
  is "$rc $out" "0 b
fifo
new" "$mode: and all around them can be written"
  rm -f "$D/a/new"
done
is "$(ls "$D" "$D/a" "$D/a/b" | tr '\n' ' ' | sed "s|$D|D|g")" "D: a s  D/a: b fifo  D/a/b: s " \
  "outside all is as it was"
done_testing
