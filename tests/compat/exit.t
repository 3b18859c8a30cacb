#!/bin/sh
# rootlesskit: exit status and last words (compat section 4); the command's environment, ids and descriptors (7.2, 7.4,
# 15)
. "${RK_TEST_LIB:-tests/lib.sh}"
ends() { # STATUS "LINE\nLINE" WHAT ARGS...
  s=$1 e=$2 w=$3; shift 3
  run rootlesskit "$@"
  is "$rc $err" "$s $e" "$w"
}
c='[rootlesskit:child ] error: command'; p='[rootlesskit:parent] error: child exited'
for flags in '' '--pidns' '--pidns --reaper=false' '--reaper=true'; do
  ends 0 "" "$flags 0" $flags true
  for n in 1 42 125 126 127 128 143 254 255; do ends $n "$c [sh -c exit $n] exited: exit status $n
$p: exit status $n" "$flags $n" $flags sh -c "exit $n"; done
  ends 255 "$c [sh -c kill -9 \$\$] exited: signal: killed
$p: exit status 255" "$flags KILL" $flags sh -c 'kill -9 $$'
  ends 1 "$c [nonesuch] exited: exec: \"nonesuch\": executable file not found in \$PATH
$p: exit status 1" "$flags not found" $flags nonesuch
done
ends 255 "$c [sh -c kill -TERM \$\$] exited: signal: terminated
$p: exit status 255" TERM sh -c 'kill -TERM $$'
ends 255 "$c [sh -c kill -USR1 \$\$] exited: signal: user defined signal 1
$p: exit status 255" USR1 sh -c 'kill -USR1 $$'
ends 1 "$c [./nonesuch a b] exited: fork/exec ./nonesuch: no such file or directory
$p: exit status 1" "no such path" ./nonesuch a b
ends 1 "$c [/tmp] exited: fork/exec /tmp: permission denied
$p: exit status 1" "a directory" /tmp
echo 'no magic' > "$T/text"; chmod 755 "$T/text"
ends 1 "$c [$T/text] exited: fork/exec $T/text: exec format error
$p: exit status 1" "no program" "$T/text"

run rootlesskit sh -c 'id -u; id -g; umask; ulimit -n; pwd; grep -E "Cap(Prm|Eff|Bnd|Inh|Amb)|NoNewPrivs" /proc/self/status | tr -d "\t\n"; echo; cat /proc/self/uid_map | tr -s " "'
full=$(rk-userns rk-idmap sh -c 'sed -n "s/^CapBnd:.//p" /proc/self/status')
is "$out" "0
0
$(umask)
$(ulimit -n)
$(pwd)
CapInh:0000000000000000CapPrm:${full}CapEff:${full}CapBnd:${full}CapAmb:0000000000000000NoNewPrivs:0
 0 $(id -u) 1
 1 $(awk -F: -v u="$(id -un)" '$1 == u { print $2, $3; exit }' /etc/subuid)" "root with every capability and the subordinate ids; the rest is unchanged"
run env -i PATH="$PATH" HOME=/h USER=u FOO=bar LISTEN_FDNAMES=x NOTIFY_SOCKET=/n XDG_RUNTIME_DIR="$T" rootlesskit env
is "$(printf '%s\n' "$out" | grep -v '^RK_' | sed 's,=/.*/rk\..*,=DIR,' | sort)" "FOO=bar
HOME=/h
LISTEN_FDNAMES=x
NOTIFY_SOCKET=/n
PATH=$PATH
ROOTLESSKIT_PARENT_EGID=$(id -g)
ROOTLESSKIT_PARENT_EUID=$(id -u)
ROOTLESSKIT_STATE_DIR=DIR
USER=u
XDG_RUNTIME_DIR=$T" "the environment, and three variables"
before=$(ls -1 /proc/self/fd | sort | tr '\n' ' ')
run rootlesskit ls -1 /proc/self/fd
is "$(printf '%s\n' "$out" | sort | tr '\n' ' ')" "$before" "no descriptor of ours leaks"
run_in 'through stdin' rootlesskit cat; is "$out" "through stdin" "stdin"
exec 5> "$T/five"; rootlesskit sh -c 'echo here >&5'; exec 5>&-
is "$(cat "$T/five")" here "other descriptors are passed on"
run sh -c "ulimit -n 64; exec rootlesskit true"
is "$rc $err" "0 " "64 files are enough"
run sh -c "ulimit -n 12; exec rootlesskit true"
is "$rc $err" "1 [rootlesskit:parent] error: dup: too many open files" "a limit of files that leaves no room"

# The chain is at the gate, "go" is said, and then rk-outside cannot write child_pid: a rk-portd of ours sees to it.
stage=$(dirname "$(command -v rootlesskit)")
mkdir "$T/prefix"; cp -R "$stage" "$T/prefix/bin"; cp -R "${stage%/*}/libexec" "$T/prefix/libexec"
rm "$T/prefix/bin/rk-portd"
cat > "$T/prefix/bin/rk-portd" <<'E'
#!/bin/sh
# -d FD -P DRIVER DIR
mkdir "$5/ports.status" && echo state=listening > "$5/ports.status/1" && chmod 500 "$5" && eval "echo >&$2"
exec rk-t-hold
E
chmod 755 "$T/prefix/bin/rk-portd"
run "$T/prefix/bin/rootlesskit" --state-dir="$T/st" --net=none --port-driver=builtin -p 127.0.0.1:1:1/tcp touch "$T/ran"
is "$rc $err" "1 rk-gate: fatal: unable to write the state directory: Permission denied" \
  "what fails between the word and the command is not called the command's"
not_ok "the command was not started" test -e "$T/ran"
not_ok "the state directory is gone" test -e "$T/st"
done_testing
