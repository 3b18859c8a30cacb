#!/bin/sh
# the probe: same process, same answer; and it sees what a program before it changed
. "${RK_TEST_LIB:-tests/lib.sh}"
plan 16
changes env
is "$changed" "" "nothing changed, nothing seen"
is "$rc/$err" 0/ "and it worked"
changes env A=1
is "$changed" env.A "a variable"
is "$(attr env.A)" 1 "its value"
changes sh -c 'umask 027; exec "$@"' sh
is "$changed" umask "umask"
changes sh -c 'ulimit -n 77; exec "$@"' sh
is "$changed" limit.nofile "a limit"
changes sh -c 'trap "" USR1; exec "$@"' sh
is "$changed" SigIgn "an ignored signal"
changes sh -c 'exec 7</dev/null; exec "$@"' sh
is "$changed" "fd.7 fdflags.7" "an open fd"
is "$(attr fd.7)" /dev/null "where it leads"
changes sh -c 'cd /usr; exec "$@"' sh
is "$changed" "cwd cwd.inode env.OLDPWD env.PWD" "the working directory"
changes nice -n 3
is "$changed" nice "nice"
changes setsid -w
is "$changed" "pgid sid" "session"
changes setpriv --no-new-privs
is "$changed" NoNewPrivs "no_new_privs"
changes unshare -U
like "$changed" '^(CapBnd )?Gid Groups Uid gid_map ns\.user uid_map$' "a user namespace" \
  # CapBnd: if the host's is not full
changes unshare -Ur --mount sh -c 'mount -t tmpfs new /mnt; exec "$@"' sh
like "$changed" 'mount\./mnt ' "a mount"
like "$changed" 'ns\.mnt ns\.user ' "and its namespace"
