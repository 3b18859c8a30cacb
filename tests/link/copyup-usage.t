#!/bin/sh
# rk-copyup: bad input is one line, the right code, and nothing done
. "${RK_TEST_LIB:-tests/lib.sh}"
mkdir "$T/dir"; : > "$T/file"; mkfifo "$T/pipe"
long=$(head -c 4096 /dev/zero | tr '\0' a)
bad() { # CODE TEXT ARGS...
  want=$1 text=$2; shift 2
  run rk_chain rk-copyup "$@" sh -c 'echo ran'
  is "$rc $out" "$want " "$text: $want"
  like "$err" "^rk-copyup: (fatal|usage): .*" "$text: said"
  is "$(printf '%s\n' "$err" | grep -vc '^rk-copyup: usage: ')" 1 "$text: in one line, before the usage if any"
}
bad 100 "unknown mode" -m link "$T/dir"
run rk_chain rk-copyup -m tmpfs+symlink "$T/dir" true; is "$rc/$err" 0/ "RootlessKit's name for the mode"
bad 100 "unknown propagation" -p shard "$T/dir"
bad 100 "unknown option" -x "$T/dir"
bad 100 "a dot" . --
bad 100 "a relative path" etc
bad 100 "an empty element in front" ":$T/dir"
bad 100 "an empty element behind" "$T/dir:"
bad 100 "an empty element between" "$T/dir::$T/dir"
bad 100 "the root" /
bad 100 "the root by another name" "$T/../$(echo "$T" | sed 's|/[^/]*|../|g')."
bad 100 "a pipe" "$T/pipe"
bad 100 "a device" /dev/null
bad 100 "a path too long" "/$long"
bad 111 "a name too long" "/$(head -c 300 /dev/zero | tr '\0' a)"
bad 111 "a directory that is missing" "$T/dir:$T/none"
bad 111 "a file as a directory" "$T/file/x"
run rk_chain rk-copyup "$T/dir"; is "$rc" 100 "no program: 100"
run rk_chain rk-copyup; is "$rc" 100 "nothing: 100"
run rk_chain rk-copyup "" rk-not-there; is "$rc" 127 "a program that is not there: 127"
run rk-copyup "$T/dir" true
is "$rc" 100 "without a user namespace: 100"
like "$err" 'not permitted: put rk-userns rk-idmap before rk-copyup' "and what is missing"
run rk_chain rk-copyup "" sh -c "mount -t tmpfs none /proc && exec rk-copyup '' rk-copyup $T/dir sh -c 'echo > $T/dir/x; rk-copyup -m copy $T/dir:$T/file echo ran'"
is "$rc $out" "0 ran" "/proc is not needed; an empty list is a new mount namespace"
run rk_chain sh -c 'echo 0 > /proc/sys/user/max_mnt_namespaces; rk-copyup "" true'
is "$rc" 102 "the limit of mount namespaces: 102"
like "$err" 'U7: ' "with its number and fix"
is "$(ls "$T/dir")" "" "nothing was done"
done_testing
