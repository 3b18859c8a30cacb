#!/bin/sh
# rootlesskit --state-dir empties a directory: only one that a chain has used, only the user's own, and nothing beyond a
# mount
. "${RK_TEST_LIB:-tests/lib.sh}"
U=$RK_TEST_XDG/emptied; as_user mkdir -m 700 "$U"
at_exit 'rm -rf "$U"'
at_exit 'for m in "$U"/st/more "$U"/st/net/data "$U"/st/.old-* "$U"/st/.old-*/data; do umount "$m" 2>/dev/null; done'

# A mount namespace of this test, for mounts that the user cannot remove.
[ -n "${RK_TEST_MOUNTS:-}" ] || { rm -rf "$U" "$T"; trap - EXIT; RK_TEST_MOUNTS=1 exec unshare -m sh "$0"; }

as_user sh -c 'mkdir -p "$1/src" && echo precious > "$1/src/main.c" && : > "$1/lock"' - "$U/project"
run as_user rootlesskit --state-dir="$U/project" true
is "$rc" 1 "a project with a file called lock is refused"
like "$err" "the state directory $U/project has content that no chain made: it is not a state directory, and would be emptied\$" "and told so"
is "$(cat "$U/project/src/main.c")" precious "nothing of it is gone"
as_user sh -c 'echo made > "$1/victim"; ln "$1/victim" "$1/project/.made"; rm "$1/project/.made"; ln -s ../victim "$1/project/.made"' - "$U"
run as_user rootlesskit --state-dir="$U/project" true
is "$rc $(cat "$U/project/src/main.c")" "1 precious" "a mark that is a link is none"

mkdir -m 0777 "$T/theirs"; chmod 0777 "$T/theirs"; : > "$T/theirs/api.sock"; mkdir -m 0777 "$T/theirs/net"; chmod 0777 \
  "$T/theirs/net"; echo keep > "$T/theirs/net/file"
: > "$T/theirs/.owner"
run as_user rootlesskit --state-dir="$T/theirs" true
is "$rc" 1 "another user's directory is refused"
like "$err" "the state directory $T/theirs belongs to another user, and would be emptied\$" "and told so"
is "$(cat "$T/theirs/net/file")" keep "before anything is removed"

# What killed servers leave has no mark: names that only a state directory has will do. So will what RootlessKit left.
as_user sh -c 'mkdir -p "$1/ports.status" "$1/ports" && : > "$1/ports.status/1" && : > "$1/api.sock"' - "$U/left"
run as_user rootlesskit --state-dir="$U/left" true
is "$rc" 0 "what killed servers left is emptied" || diag "$err"
not_ok "and gone at the end" test -e "$U/left"
as_user sh -c 'mkdir -p "$1/gvisortapvsock" && : > "$1/lock" && : > "$1/.bp.sock" && : > "$1/child_pid"; mkfifo "$1/.bp-ready.pipe"' - "$U/kit"
run as_user rootlesskit --state-dir="$U/kit" true
is "$rc" 0 "what RootlessKit left is emptied" || diag "$err"
not_ok "and gone at the end" test -e "$U/kit"

# Bind mounts are of the same file system: st_dev would not tell.
as_user sh -c 'mkdir -p "$1/st/net/data" "$1/st/more" "$1/disk/deep" && echo precious > "$1/disk/deep/file" && echo made > "$1/st/.made"' - "$U"
mount --bind "$U/disk" "$U/st/net/data"; mount --bind "$U/disk" "$U/st/more"
run as_user rootlesskit --state-dir="$U/st" true
is "$(cat "$U/disk/deep/file")" precious "nothing beyond a mount is removed"
like "$err" "unable to remove what a chain left in $U/st: " "what is left is told"
done_testing
