#!/bin/sh
# rk-state -t, rootlesskit: what a chain forges beside its own temporary directory keeps no later one from starting
. "${RK_TEST_LIB:-tests/lib.sh}"
XDG_RUNTIME_DIR=$T/run; export XDG_RUNTIME_DIR
R=$XDG_RUNTIME_DIR
forge() { # NAME CODE, in $XDG_RUNTIME_DIR
  rm -rf "$R"; mkdir -m 700 "$R"
  (cd "$R" && eval "$2")
  run timeout 60 rk-state -t '' rk-userns rk-idmap true
  is "$rc" 0 "$1: rk-state -t" || diag "$err"
  run timeout 60 rootlesskit true
  is "$rc" 0 "$1: rootlesskit" || diag "$err"
  chmod -R u+rwx "$R"
}
# shellcheck disable=SC2016 # for forge
{
dead='mkdir -p -m 700 rk/rk.evil; echo "999999999 1 x" > rk/rk.evil/.owner; '
forge "a lock that is a FIFO" "$dead mkfifo rk/rk.evil/lock"
not_ok "its directory is swept" test -e "$R/rk/rk.evil"
forge "a lock that is a directory" "$dead mkdir -p rk/rk.evil/lock/x"
not_ok "its directory is swept" test -e "$R/rk/rk.evil"
forge "an owner that is a FIFO" "$dead rm rk/rk.evil/.owner; mkfifo rk/rk.evil/.owner"
not_ok "its directory is swept" test -e "$R/rk/rk.evil"
forge "directories without permissions" "$dead mkdir -p rk/rk.evil/a/b; chmod 0 rk/rk.evil/a/b rk/rk.evil/a rk/rk.evil"
forge "rk/ without permissions" 'mkdir -m 0 rk'
forge "rk/ that others may write" 'mkdir rk; chmod 777 rk'
forge "rk a file" 'echo precious > rk'
is "$(cat "$R"/rk.old-*)" precious "which is kept under another name"
forge "rk a link" 'mkdir victim; mkdir -m 700 victim/rk.x; echo "999999999 1 x" > victim/rk.x/.owner; ln -s victim rk'
ok "which is not followed" test -e "$R/victim/rk.x/.owner"
}
# What stays is named, whatever its name does to a terminal.
rm -rf "$R/rk"; d=$R/rk/$(printf 'rk.\033]0;x\007'); mkdir -m 700 "$R/rk" "$d"; echo "999999999 1 x" > "$d/.owner"
rk-userns rk-idmap sh -c 'mkdir "$1/sub"; : > "$1/sub/f"; chown -R 33:33 "$1/sub"' - "$d"
run timeout 60 rk-state -t '' true
is "$rc" 0 "files of a subordinate id"
ok "with the command that removes them" sh -c "$(printf '%s\n' "$err" | sed -n 's/^rk-state: .*; run: //p')"
is "$(ls "$R/rk" | grep -c ';')" 0 "which does"
unlike "$err" "$(printf '\033')" "and names them as a shell reads them"

# A directory below one in which everybody may replace it is not taken.
mkdir "$T/shared"; chmod 0777 "$T/shared"
run rk-state "$T/shared/st" rk-userns rk-idmap true
is "$rc $err" "102 rk-state: fatal: state directory $T/shared/st lies below a directory that everybody may write and that is not sticky" \
  "a directory below one that everybody may write is refused"
not_ok "and not left there" test -e "$T/shared/st"
chmod 1777 "$T/shared"
run rk-state "$T/shared/st" rk-userns rk-idmap true
is "$rc" 0 "below a sticky one it is taken"

# Who looks at a directory is not made to wait by it either.
mkdir -m 700 "$T/st"; mkfifo "$T/st/lock" "$T/st/.child"; echo '999999999 1 x' > "$T/st/.owner"
run timeout 60 rk-enter -s "$T/st" true
is "$rc" 111 "rk-enter ends at once" || diag "$err"
done_testing
