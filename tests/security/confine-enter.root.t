#!/bin/sh
# A process that rk-enter brings into a confined chain is confined as the chain: it cannot turn the chain's listening
# socket round, however it gets it, and no forged answer makes it unconfined
. "${RK_TEST_LIB:-tests/lib.sh}"
outer
need python3
case $(as_user rk-userns rk-idmap rk-confine true 2>&1) in
  *L1:* | *L2:*) skip_all "this kernel's Landlock has no network part" ;;
esac
turn=$RK_TEST_STAGE/rk/tests/security/turn.py
forge=$RK_TEST_STAGE/rk/tests/security/forge.py
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"
A=$T/u/a
# a service on the host's loopback: its port on the first line; 127.0.0.2 is told how many others came since it asked
cat > "$T/victim.py" <<'E2'
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
others = []
while True:
    c, peer = s.accept()
    if peer[0] == "127.0.0.2":
        c.sendall(b"%d" % len(others))
        others = []
    else:
        others.append(c)
E2
spawn python3 "$T/victim.py"; victim=$pid
wait_until test -s "$T/spawn.$victim.out"
port=$(cat "$T/spawn.$victim.out")
hits() {
  python3 -c 'import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=("127.0.0.2", 0))
print(c.recv(9).decode())' "$port"
}
start() { # LINKS...: a chain in $A with a listener of the host at 3
  spawn as_user "$@" rk-hold; chain=$pid
  wait_until test -s "$A/child_pid" || bail "$(cat "$T/spawn.$chain.err")"
  program=$(cat "$A/child_pid")
}
over() { end "$chain"; wait_until test ! -e "$A"; }
steal() { # HOW to enter
  run as_user rk-enter "$@" python3 "$turn" "$port" steal "$program" 3
}

as_user mkdir "$T/u/d"
given() { # a listener of the host is sent to a process that was brought in
  rm -f "$T/u/d/s"
  spawn as_user rk-enter -s "$A" python3 "$turn" "$port" given "$T/u/d/s"; thief=$pid
  wait_until grep -q waits "$T/spawn.$thief.out"
  as_user python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
l = socket.create_server(("127.0.0.1", 0))
socket.send_fds(s, [b"x"], [l.fileno()])' "$T/u/d/s"
  wait_gone "$thief"
}

start rk-listen -u 127.0.0.1:8080:80/tcp rk-state "$A" rk-userns rk-idmap rk-net -d none
steal -s "$A"
is "$rc/$out" 0/stolen "without rk-confine a thief takes the listener"
isnt "$(hits)" 0 "and reaches the host's loopback: this test can see it"
given
isnt "$(hits)" 0 "so it does with one that it is given"
run as_user rk-listen 127.0.0.1:8081:81/tcp rk-enter -s "$A" true
is "$rc/$err" "100/rk-enter: fatal: put rk-confine before true: it gets sockets of the host (or give rk-listen -u)" \
  "sockets of rk-listen are not brought into an unconfined chain"
over

start rk-listen 127.0.0.1:8080:80/tcp rk-state "$A" rk-userns rk-idmap rk-net -d none rk-confine -b 9999
steal -s "$A"
is "$rc/$out" "0/not stolen" "confined: a process outside of the program's domain cannot fetch its fds (landlock(7))"
is "$(hits)" 0 "and nothing arrives"
given
is "$(hits)" 0 "nor from a listener of the host that somebody gives it"
run as_user rk-enter -s "$A" sh -c 'grep -E "^(Seccomp|NoNewPrivs)" /proc/self/status | tr -d "\t"'
is "$out" "NoNewPrivs:0
Seccomp:2
Seccomp_filters:3" "the filters are the chain's, and that of the terminal"
run as_user rk-enter -s "$A" python3 -c 'import errno, socket
for port in 9999, 9998:
    try:
        socket.socket().bind(("127.0.0.1", port)); print("bound")
    except OSError as e:
        print(errno.errorcode[e.errno])'
is "$out" "bound
EACCES" "the ports that rk-confine allows are allowed here too, and no others"
run as_user rk-listen 127.0.0.1:8081:81/tcp rk-enter -s "$A" python3 -c 'import socket
print(*socket.socket(fileno=3).getsockname())'
is "$rc/$out" "0/127.0.0.1 8081" "sockets of rk-listen are brought into a confined chain"
run as_user rk-enter -p "$program" true
is "$rc/$err" "0/rk-enter: warning: process $program may be confined by rk-confine, and the program here will not be: \
its number does not tell; -s instead of -p asks rk-outside" "-p cannot know, and says so"
run rk-enter -s "$A" python3 "$turn" "$port" steal "$program" 3
is "$rc/$out $(hits)" "0/not stolen 0" "entered by root of the host: as much"
over

# by RootlessKit's command line
start rk-run --net=none --state-dir="$A" rk-confine
run as_user rk-enter -s "$A" grep Seccomp_filters /proc/self/status
is "$out/$(cat "$T/spawn.$chain.err")" "Seccomp_filters:	3/" "rk-run with rk-confine before the command: as much"
over

# files
as_user mkdir "$T/u/rw" "$T/u/other"
start rk-state "$A" rk-userns rk-idmap rk-pidns rk-confine -r / -w "$T/u/rw" -w /dev/null
run as_user rk-enter -s "$A" sh -c 'for d in rw other; do echo x > "$0/$d/f" && echo "$d"; done' "$T/u"
is "$out" rw "the files of rk-confine -r and -w, in a pid namespace"
over

# Root inside answers at .child itself, for a namespace that it has made below its own, and says that this is not
# confined, or gives a ruleset that allows all: its own /bin/sh would then be executed without a domain.
for how in free loose; do
  spawn as_user rk-state "$A" rk-userns rk-idmap rk-confine python3 "$forge" "$how"; chain=$pid
  wait_until grep -q forged "$T/spawn.$chain.out" || bail "not forged: $(cat "$T/spawn.$chain.err")"
  for who in '' as_user; do
    run ${who:-env} rk-enter -s "$A" echo executed
    like "$rc/$out$err" "^111/rk-enter: fatal: unable to tell whether process [0-9]* is confined by rk-confine" \
      "a forged answer, $how, does not make ${who:-root}'s program unconfined"
  done
  over
done

# told where rk-outside cannot know
run as_user rk-state "$A" rk-userns rk-idmap env rk-confine true
is "$rc/$err" "0/rk-confine: warning: programs that rk-enter brings into this chain will not be confined: rk-outside \
cannot be told (give -k to the link before the program that is no link)" "without the control socket"
run as_user rk-state "$A" rk-userns rk-idmap -k env rk-confine true
is "$rc/$err" "0/" "with -k it can be told"
run as_user rk-userns rk-idmap env rk-confine true
is "$rc/$err" "0/" "a chain without a state directory is not entered by one"
run as_user rk-userns rk-idmap rk-confine -r / rk-confine true
is "$rc/$err" "100/rk-confine: fatal: rk-confine stands twice in this chain: give one all options" "once a chain"
run as_user rk-userns rk-idmap rk-confine rk-net -d none true
is "$rc/$err" "100/rk-net: fatal: put rk-confine after rk-net, whose test of the host's loopback it would hide" \
  "not before rk-net"
done_testing
