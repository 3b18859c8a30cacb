#!/bin/sh
# rk-pidns: the outer /proc, below the new one, cannot be uncovered by root inside, nor is any process of outside to be
# seen
. "${RK_TEST_LIB:-tests/lib.sh}"
need unshare mount umount pivot_root
spawn sleep 600; outside=$pid
many() { # a chain's link, then what to try: how many processes are seen at the end, in a directory that may be another /proc
  run rk-userns rk-idmap rk-copyup /etc "$@"
}
# shellcheck disable=SC2016 # for the inner shells, here and below
count='set -- /proc/[0-9]*; [ $# -le 8 ] && echo few || echo "many: $#"'
lay_bare() { # TEXT SHELL: root inside tries, then counts
  for net in "" "rk-net -d none"; do
    # shellcheck disable=SC2086 # words
    many $net rk-pidns sh -c "{ $2; } >/dev/null 2>&1; $count"
    is "$rc $out" "0 few" "$1${net:+, after $net}" || diag "$err"
  done
  many rk-pidns -R sh -c "{ $2; } >/dev/null 2>&1; $count"
  is "$rc $out" "0 few" "$1, rk-pidns -R" || diag "$err"
}
lay_bare "as it is" :
lay_bare "umount" 'umount /proc'
lay_bare "umount, many times" 'umount /proc; umount /proc; umount /proc; umount -l /proc; umount -f /proc; umount -l /proc'
lay_bare "by another name" 'ln -s /proc /etc/p; umount /etc/p; umount /proc/.; umount /proc/self/root/proc; cd /proc && umount .'
lay_bare "lazily, of all that there is" \
  'cut -d " " -f 5 /proc/self/mountinfo | while read -r m; do umount -l "$m"; done; umount -l /; umount -R /proc'
lay_bare "after making it shared, a slave, private, unbindable" \
  'for p in shared slave private unbindable rshared rprivate; do mount --make-$p /proc; umount -l /proc; mount --make-$p /; umount -l /proc; done'
lay_bare "moved away" 'mkdir -p /etc/m; mount --move /proc /etc/m; umount /proc'
lay_bare "mounted over, and that undone" \
  'mount -t tmpfs none /proc; umount /proc; umount /proc; mount -t proc proc /proc; umount /proc; umount -l /proc'
lay_bare "in a mount namespace of its own" \
  'unshare -m sh -c "umount /proc; umount -l /proc; mount --make-rshared /; umount -l /proc"'
lay_bare "from /proc as working directory" 'cd /proc; umount -l /proc; cd ..; umount -l proc'
# copies of the tree: there, too, the outer one stays covered
for how in "--bind" "--rbind"; do
  many rk-pidns sh -c "mkdir /etc/m; mount $how / /etc/m 2>/dev/null; umount /etc/m/proc 2>/dev/null; umount -l /etc/m/proc 2>/dev/null
    set -- /etc/m/proc/[0-9]*; [ \$# -le 8 ] && echo few || echo many"
  is "$rc $out" "0 few" "in a copy of the tree, $how"
done
many rk-pidns sh -c 'mkdir /etc/m; mount --rbind / /etc/m && cd /etc/m && pivot_root . etc && cd / && umount -l /proc; umount -l /etc/proc
  set -- /proc/[0-9]* /etc/proc/[0-9]*; [ $# -le 12 ] && echo few || echo many' 2> /dev/null
is "$rc $out" "0 few" "in a tree of its own, and in what was put away"
many rk-pidns unshare -U --map-root-user -m sh -c "umount -l /proc 2>/dev/null; $count"
is "$rc $out" "0 few" "in a user namespace of its own"
many rk-pidns sh -c "umount /proc; umount -l /proc; cat /proc/$outside/cmdline; echo 1000 > /proc/$outside/oom_score_adj" 2> /dev/null
is "$out" "" "a process of outside has no file"
isnt "$(cat "/proc/$outside/oom_score_adj")" 1000 "nor is it changed"
run sh -c "cd /proc/$outside && exec rk-userns rk-idmap rk-pidns sh -c 'set -- ../[0-9]*; [ \$# -le 8 ] && echo few || echo many'"
is "$rc $out" "0 few" "nor does a working directory in the outer /proc lead there"

# root inside loses nothing
many rk-pidns sh -c 'mount -t proc proc /proc && umount /proc && unshare -n true && unshare -m mount -t tmpfs none /mnt && unshare -fp --mount-proc true && echo able'
is "$rc $out" "0 able" "it may mount another procfs, and make namespaces" || diag "$err"
many rk-pidns sh -c 'echo $$; sh -c "echo \$\$"'
is "$out" "2
3" "the numbers are the first ones"
end "$outside"
done_testing
