#!/bin/sh
# rk-enter by the owner: which namespaces, ids, working directory, fds; refusals
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/state
start() { # DIR LINKS...
  start_dir=$1; shift
  rm -f "$T/ready"; mkfifo "$T/ready"
  rk-state "$start_dir" rk-userns rk-idmap "$@" rk-hold -d 3 3> "$T/ready" &
  pid=$! tap_pids="$tap_pids $pid"
  read -r line < "$T/ready"
}
start "$D" rk-copyup '' rk-unshare -ui
chain=$pid
is "$(rk-enter "$D" sh -c 'readlink /proc/self/ns/*' | sort)" "$(readlink "/proc/$chain/ns"/* | sort)" \
  "all namespaces, by state directory"
is "$(rk-enter -p "$chain" sh -c 'readlink /proc/self/ns/*' | sort)" "$(readlink "/proc/$chain/ns"/* | sort)" \
  "and by pid"
run rk-enter -s "$D" id -u; is "$rc/$out" 0/0 "-s DIR means the same"
changes rk-enter "$D"
is "$(echo "$changed" | tr ' ' '\n' | grep -vE '^(mount\.|CapBnd)' | tr '\n' ' ')" \
  "CapEff CapPrm Gid Groups Seccomp Uid gid_map ns.ipc ns.mnt ns.user ns.uts uid_map " "what it changes" || diag "$diff"
is "$(attr Uid)/$(attr Gid)" "0 0 0 0/0 0 0 0" "root"
is "$(attr dumpable)" "$(rk-t-probe | sed -n 's/^dumpable=//p')" "dumpable as before"
run rk-enter "$D" sh -c 'echo $$ $PPID; exit 7' ; is "$rc" 7 "status"
sh -c 'echo $$ > "$0"; exec rk-enter -s "$1" sh -c "echo \$\$"' "$T/a" "$D" > "$T/b"
is "$(cat "$T/b")" "$(cat "$T/a")" "the same pid, where the pid namespace is shared"
mkdir "$T/here"; cd "$T/here" || exit
run rk-enter "$D" pwd; is "$out/$err" "$T/here/" "the working directory stays"
start "$T/two" rk-copyup /usr/share rk-unshare -t
is "$(rk-enter -p "$pid" sh -c 'readlink /proc/self/ns/*' | sort)" "$(readlink "/proc/$pid/ns"/* | sort)" \
  "the time namespace too"
two=$pid
mkdir "$T/gone"; cd "$T/gone" || exit; rmdir "$T/gone"
run rk-enter "$D" pwd
is "$out/$err" "//rk-enter: warning: unable to stay in $T/gone (deleted) (now in /): No such file or directory" \
  "or it says so"
cd "$T" || exit

# refusals
usage="rk-enter: usage: rk-enter [ -p pid ] [ -n ] [ -f fd,...|all ] [ -K ] [ -T ] [ -k ] [ dir ] prog..."
refused() { # CODE TEXT NAME ARGS...
  refused_code=$1 refused_text=$2 refused_name=$3; shift 3
  run rk-enter "$@" true
  is "$rc/$err" "$refused_code/rk-enter: $refused_text" "$refused_name"
}
wrong() { # TEXT NAME ARGS...
  wrong_text=$1 wrong_name=$2; shift 2
  run rk-enter "$@"
  is "$rc/$err" "100/rk-enter: fatal: $wrong_text
$usage" "$wrong_name"
}
unset RK_STATE_DIR
wrong "no program given" "neither a directory nor a program"
wrong "no program given" "a pid and no program" -p 1
wrong "-s and -p exclude one another" "both -s and -p" -s "$D" -p 1 true
wrong 'option -p needs a number from 1 to 2147483647: got "1x"' "no number" -p 1x true
wrong "which chain? Give its state directory before the program, or -p pid" "a directory or a program alone" true
wrong "-n needs the state directory: give dir, or set RK_STATE_DIR" "-n without a directory" -n -p "$chain" true
refused 100 "fatal: nothing to enter: process $$ has the same namespaces as this one" "ourselves" -p $$
refused 100 "fatal: not allowed to enter process 1: it belongs to another user, or to a chain beside this one, which is entered from outside" "another user's" -p 1
refused 111 "fatal: no chain is running in $T/nothing: there is no such directory" "no directory" "$T/nothing"
refused 100 "fatal: the state directory must not be empty" "an empty name" ""
mkdir "$T/empty"; refused 111 "fatal: no chain is running in $T/empty" "an empty directory" -s "$T/empty"
run rk-enter "$D" rk-enter -p "$two" true
is "$rc/${err##*: it }" "100/belongs to another user, or to a chain beside this one, which is entered from outside" \
  "a chain beside it, from inside"
run rk-enter -n "$D" true
like "$err" "there is no $D/netns: the chain was not started with rk-net -D" "-n, and no detached network namespace"
rk-userns rk-t-hold > "$T/o" 2>&1 & raw=$!; tap_pids="$tap_pids $raw"
wait_until grep -q rk-t-hold "/proc/$raw/comm"
refused 111 "fatal: the chain of process $raw is not ready yet: its ids are not mapped" "ids not mapped yet" -p "$raw"
rk-state "$T/slow" rk-userns rk-idmap -k sh -c 'echo; exec sleep 1000' > "$T/f" 2>&1 & slow=$!; \
  tap_pids="$tap_pids $slow"
wait_until test -s "$T/f"
refused 111 "fatal: the chain in $T/slow is not ready yet" "not ready yet" -s "$T/slow"
# dead, and the number given to a stranger
kill -KILL "$chain"; wait "$chain" 2> /dev/null
refused 111 "fatal: process $chain is gone" "a dead pid" -p "$chain"
ok "its directory goes" wait_until test ! -e "$D"
refused 111 "fatal: no chain is running in $D: there is no such directory" "then it says so" -s "$D"
# what the directory says is not believed: tests/security/enter-forged.root.t
: > "$T/f"; mv "$T/f" "$T/two/.child"
refused 111 "fatal: the rk-outside of the chain in $T/two is gone (.child is no socket), and child_pid proves nothing: name a process of the chain with -p" "a .child of somebody else's" -s "$T/two"
rm "$T/two/.child"
refused 111 "fatal: the rk-outside of the chain in $T/two is gone (.child is missing), and child_pid proves nothing: name a process of the chain with -p" "none at all" -s "$T/two"
run rk-enter -p "$two" id -u; is "$rc/$out" 0/0 "by number it can still be entered"
done_testing
