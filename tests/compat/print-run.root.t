#!/bin/sh
# rk-run --print means what a run means: command lines run, and printed and run in both languages, with the same result
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns python3 ip execlineb
outer
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; cd "$T/u" || exit 1
U=$T/u P=22100
cat > "$U/look" <<'E'
#!/bin/sh
# what a command can notice
id; umask
# execlineb puts its own directory first in PATH
env | grep -v '^_=\|^ROOTLESSKIT_STATE_DIR=\|^RK_STATE_DIR=\|^PWD=' |
  sed 's|^PATH=/usr/lib/execline/bin:|PATH=|' | sort
ip -o addr | sed 's/[0-9]*: //; s/valid_lft.*//; s/link-netnsid.*//; s/inet6 fe80:.*/link-local/'
ip route
cat /etc/resolv.conf; tail -n 2 /etc/hosts
for n in cgroup ipc mnt net pid user uts; do
  [ "$(readlink /proc/self/ns/$n)" = "$(sed -n "s/^$n=//p" host)" ]
  echo $n $?
done
grep -c . /proc/self/uid_map; stat -fc %T /etc /run; stat -c %a /etc /run
grep ' / ' /proc/self/mountinfo | sed 's/.* - //; s/ .*//'
[ ! -e "$ROOTLESSKIT_STATE_DIR/netns" ] || echo detached
printf '%s|' "$@"
exit 3
E
chmod 755 "$U/look"
for n in cgroup ipc mnt net pid user uts; do echo "$n=$(readlink /proc/self/ns/$n)"; done > "$U/host"
three() { # FLAGS...: run them with the script "look", printed and not
  name="$*"
  as_user rootlesskit "$@" ./look 'a b' "it's" '"$x"' '' > "$T/run.out" 2> "$T/run.err"
  echo "exit $?" >> "$T/run.out"
  for lang in sh execline; do
    as_user rootlesskit --print=$lang "$@" ./look 'a b' "it's" '"$x"' '' > "$U/script" 2> "$T/print.err"
    case $lang in sh) with='sh' ;; *) with='execlineb -P' ;; esac
    # shellcheck disable=SC2086 # words
    as_user $with "$U/script" > "$T/script.out" 2> "$T/script.err"
    echo "exit $?" >> "$T/script.out"
    if cmp -s "$T/run.out" "$T/script.out"; then pass "$lang: $name"
    else fail "$lang: $name" "$(diff "$T/run.out" "$T/script.out")" "$(cat "$T/script.err" "$T/run.err")"; fi
  done
}
three --net=host
three --net=none --copy-up=/etc
three --net=slirp4netns --copy-up=/etc --copy-up=/run --disable-host-loopback
three --net=slirp4netns --mtu=1400 --cidr=10.0.9.0/24 --ifname=eth7 --copy-up=/etc --ipv6
three --net=slirp4netns --detach-netns --copy-up=/etc --copy-up=/run --propagation=rslave
three --pidns --utsns --ipcns --cgroupns --net=none --copy-up=/etc
three --state-dir="$U/st" --subid-source=static --slirp4netns-seccomp=false --net=slirp4netns --copy-up=/etc
three --net=none --port-driver=builtin
three --state-dir="$U/st" --net=slirp4netns --copy-up=/etc --copy-up=/run --port-driver=slirp4netns
ok "no directory is left" wait_until test ! -e "$U/st"

ask() { # ADDRESS: what the service sees of a client
  python3 -c 'import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
s.settimeout(3); s.sendall(b"x"); print(s.recv(200).decode().split()[0])' "$1" $P 2> /dev/null
}
answers() { [ -n "$(ask 127.0.0.1)" ]; }
seen() { # COMMAND...: who the clients are, and what is left after the end
  spawn as_user env "XDG_RUNTIME_DIR=$U/x" "$@"
  wait_until answers || cat "$T/spawn.$pid.err" >&2
  ask 127.0.0.1
  nsenter --net="$RK_TEST_OUTER" python3 -c 'import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
s.settimeout(3); s.sendall(b"x"); print(s.recv(200).decode().split()[0])' 192.0.2.1 $P 2>&1
  kill -TERM "$pid"; wait_gone "$pid"; tap_forget "$pid"
  left() { [ -z "$(pgrep -u "$RK_TEST_UID" -f "rk-portd.*$U|rk-apid.*$U")" ]; }
  wait_until left || echo "left: $(pgrep -a -u "$RK_TEST_UID" -f "rk-portd.*$U|rk-apid.*$U")"
  gone() { [ ! -e "$U/st" ] && [ -z "$(find "$U/x" -mindepth 1 ! -path "$U/x/rk")" ]; }
  wait_until gone || echo "left: $(find "$U/st" "$U/x")"
}
as_user mkdir -m 700 "$U/x"
ports() { # FLAGS...
  seen rootlesskit "$@" rk-t-echo tcp 80 > "$T/run.out"
  for lang in sh execline; do
    as_user rootlesskit --print=$lang "$@" rk-t-echo tcp 80 > "$U/script" 2> "$T/print.err"
    case $lang in sh) with='sh' ;; *) with='execlineb -P' ;; esac
    # shellcheck disable=SC2086 # words
    seen $with "$U/script" > "$T/script.out"
    is "$(cat "$T/script.out")" "$(cat "$T/run.out")" "$lang, seen by the service: $*"
  done
  like "$(cat "$T/run.out")" '^[0-9.]+$' "which was served"
  unlike "$(cat "$T/run.out")" left "and nothing was left"
}
ports --state-dir="$U/st" --net=slirp4netns --disable-host-loopback --port-driver=builtin -p 0.0.0.0:$P:80/tcp
ports --net=none --port-driver=builtin --source-ip-transparent=false -p 0.0.0.0:$P:80/tcp
ports --net=slirp4netns --disable-host-loopback --port-driver=slirp4netns -p 0.0.0.0:$P:80/tcp

python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); time.sleep(100)' $P & tap_pids="$tap_pids $!"
taken() { [ -n "$(ss -Hltn "sport = :$P")" ]; }
wait_until taken
for driver in builtin slirp4netns; do
  set -- --state-dir="$U/st" --net=slirp4netns --disable-host-loopback --port-driver=$driver -p 127.0.0.1:$P:80/tcp
  run as_user rootlesskit "$@" echo started
  is "$rc $out" "1 " "$driver: a port in use ends a run"
  for lang in sh execline; do
    as_user rootlesskit --print=$lang "$@" echo started > "$U/script" 2> "$T/print.err"
    case $lang in sh) with='sh' ;; *) with='execlineb -P' ;; esac
    # shellcheck disable=SC2086 # words
    run as_user $with "$U/script"
    is "$rc $out" "1 " "$driver, $lang: and the script"
    like "$err" 'address already in use' "with the reason"
    nothing() { [ ! -e "$U/st" ]; }
    ok "nothing is left" wait_until nothing
  done
done
done_testing
