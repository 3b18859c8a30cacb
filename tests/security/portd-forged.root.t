#!/bin/sh
# rk-portd serves the chain of its directory and no other, whatever root inside makes of the directory; it and rk-apid
# act on no directory of another user's; nothing that lies at DIR/netns keeps it from ending
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need python3
forge=$RK_TEST_STAGE/rk/tests/security/forge.py
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
A=$T/u/a B=$T/u/b
# a chain with a server on its own loopback only: nobody but itself may reach that
cat > "$T/serve.py" <<'P'
import socket, sys
s = socket.socket(); s.bind(('127.0.0.1', 5432)); s.listen(8)
print('serving', flush=True)
while True:
    c, _ = s.accept(); c.sendall(sys.argv[1].encode()); c.close()
P
cat > "$T/ask.py" <<'P'
import socket, sys
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5); c.settimeout(float(sys.argv[2]))
try: print(c.recv(99).decode())
except OSError: print('nothing')
P
chmod a+r "$T"/*.py
spawn as_user rk-state "$B" rk-userns rk-idmap rk-net -d none python3 "$T/serve.py" secret; other=$pid
wait_until grep -q serving "$T/spawn.$other.out"
port=$(free_port)
as_user mkdir -p -m 0700 "$A" "$A/ports"
echo "127.0.0.1:$port:5432/tcp" > "$T/web"; as_user cp "$T/web" "$A/ports/web"
reason() { status_is "$A" web chain failed; }
over() { end "$chain"; wait_until test ! -e "$A/lock"; }
follow() { spawn as_user rk-portd -d 1 "$A"; portd=$pid; wait_until test -s "$T/spawn.$portd.out"; }
refused() { # TEXT NAME
  ok "$2: not served" wait_until reason
  like "$(status "$A" web reason)" "$1" "... and the status says why"
  is "$(python3 "$T/ask.py" "$port" 0.3)" nothing "... nor reached"
}

for how in file socket; do
  spawn as_user rk-state "$A" rk-userns rk-idmap rk-net -d none python3 "$forge" $how "$other"; chain=$pid
  wait_until grep -q forged "$T/spawn.$chain.out"
  follow
  refused "unable to find the chain's process: (.child is no socket|what answers at .child is no rk-outside)" \
    "another chain of the same user's, named by a $how"
  end "$portd"; over
done
spawn as_user rk-state "$A" rk-userns rk-idmap rk-net -d none python3 "$forge" hard "$B"; chain=$pid
wait_until grep -q forged "$T/spawn.$chain.out"
follow
refused "the rk-outside at .child is that of another directory" "another chain of the same user's, by its socket"
end "$portd"; over
spawn as_user rk-state "$A" rk-userns rk-idmap rk-net -d none python3 "$forge" silent; chain=$pid
wait_until grep -q forged "$T/spawn.$chain.out"
follow
refused "no answer at .child" "a socket that says nothing"
kill -TERM "$portd"; ok "SIGTERM ends it all the same" wait_gone "$portd"
over

for what in fifo device directory fuse; do
  spawn as_user rk-state "$A" rk-userns rk-idmap rk-copyup '' rk-net -d none python3 "$forge" netns $what; chain=$pid
  wait_until grep -q forged "$T/spawn.$chain.out" || bail "not forged: $(cat "$T/spawn.$chain.err")"
  follow
  refused "unable to open the chain's network namespace: (invalid argument|[A-Za-z]* timed out)" "a $what at DIR/netns"
  [ $what != fuse ] || ok "(the file system had been asked)" grep -q asked "$T/spawn.$chain.out"
  kill -TERM "$portd"; ok "SIGTERM ends it" wait_gone "$portd"
  over
done

# an honest chain on the same directory, with the program in a user namespace below the chain's as well
for below in '' 'unshare -U --map-root-user'; do
  # shellcheck disable=SC2086 # words
  spawn as_user rk-state "$A" rk-userns rk-idmap rk-net -d none $below python3 "$T/serve.py" mine; chain=$pid
  wait_until grep -q serving "$T/spawn.$chain.out"
  follow
  served() { [ "$(python3 "$T/ask.py" "$port" 5)" = mine ]; }
  ok "an honest chain is served${below:+, $below}" wait_until served
  spawn as_user rk-apid -d 1 "$A"; apid=$pid
  wait_until test -s "$T/spawn.$apid.out"
  child() { as_user rootlessctl --socket "$A/api.sock" info --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["childPID"])'; }
  is "$(child)" "$chain" "the API names its process"
  # what is forged while it is served changes nothing
  as_user sh -c 'echo 1 > "$0/new"; mv "$0/new" "$0/child_pid"' "$A"
  is "$(child)" "$chain" "also when child_pid has been changed"
  as_user rm "$A/.child"
  is "$(child)" 0 "or none, when nothing proves it"
  ok "and stays so" served
  end "$apid"; end "$portd"; over
done

# directories of others
fix="info: T7: name a directory that belongs to the user who runs this, and take the others' right to write away: chmod go-w DIRECTORY"
run rk-portd "$A"
is "$rc/$err" "102/rk-portd: fatal: state directory $A belongs to another user
rk-portd: $fix" "root's rk-portd, a user's directory"
run rk-apid "$A"
is "$rc/$err" "102/rk-apid: fatal: state directory $A belongs to another user
rk-apid: $fix" "root's rk-apid"
mkdir -m 0755 "$T/root"
for p in rk-portd rk-apid; do
  run as_user $p "$T/root"
  is "$rc/$err" "102/$p: fatal: state directory $T/root belongs to another user
$p: $fix" "a user's $p, root's directory"
done
is "$(ls -A "$T/root")" "" "nothing was made there"
as_user mkdir "$T/u/open"; chmod 0777 "$T/u/open"
for p in rk-portd rk-apid; do
  run as_user $p "$T/u/open"
  is "$rc/$err" "102/$p: fatal: state directory $T/u/open is writable by others
$p: $fix" "$p: a directory that others can write to"
done
is "$(ls -A "$T/u/open")" "" "nothing was made there, either"
done_testing
