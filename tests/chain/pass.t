#!/bin/sh
# Values pass through every link untouched: from a process with something unusual in each attribute (rk-t-odd), a link
# changes what its page says, and nothing else
if [ -z "${RK_T_ODD:-}" ]; then
  RK_T_ODD=$(mktemp -d) && export RK_T_ODD && cd "$RK_T_ODD" || exit
  trap 'rm -rf "$RK_T_ODD"' EXIT
  command -v python3 > /dev/null || { echo "1..0 # SKIP no python3 on this machine"; exit; }
  case $0 in /*) self=$0 ;; *) self=$OLDPWD/$0 ;; esac
  rk-t-odd sh "$self"
  exit
fi
. "$RK_TEST_LIB"
IDS="CapEff CapPrm Gid Groups Uid env.RK_GID env.RK_UID gid_map ns.user uid_map"
STATE="env.RK_STATE_DIR env.ROOTLESSKIT_PARENT_EGID env.ROOTLESSKIT_PARENT_EUID env.ROOTLESSKIT_STATE_DIR"
PIDNS="Seccomp ns.mnt ns.pid ns.pid_for_children pgid sid"
# the mounts are in the namespaces' own tests; a bounding set that is not full outside is inside
passes() { # NAME KEYS LINK...
  passes_name=$1 passes_keys=$2; shift 2
  changes "$@"
  # shellcheck disable=SC2086 # words
  is "$rc/$err/$(echo "$changed" | tr ' ' '\n' | grep -vE '^(mount\.|CapBnd$|cgroup$|env\._$)')" \
    "0//$(printf '%s\n' $passes_keys | sort -u)" "$passes_name" || diag "$diff"
}
if [ -z "${INSIDE:-}" ]; then
  like "$(rk-t-probe)" '^SigBlk=8000000200000200$' "the probe sees the odd world"
  passes "rk-userns rk-idmap" "$IDS" rk-userns rk-idmap
  passes "rk-userns rk-idmap -m single" "$IDS setgroups" rk-userns rk-idmap -m single
  passes "rk-state" "$IDS $STATE" rk-state "$T/state" rk-userns rk-idmap
  passes "a whole chain" "$IDS $STATE $PIDNS ns.ipc ns.uts ns.cgroup" rk-state "$T/state" rk-userns rk-idmap rk-copyup \
    /etc:/run rk-unshare -uic rk-pidns -f 101
  passes "with a network" "$IDS $STATE $PIDNS ns.net" rk-state "$T/state" rk-userns rk-idmap rk-net -d none -f \
    4,33,34,101 rk-pidns -f all
  # a death signal set by a supervisor survives the whole chain, as long as the pid does
  passes "a death signal" "$IDS $STATE ns.mnt ns.uts pdeathsig" setpriv --pdeathsig TERM rk-state "$T/state" rk-userns \
    rk-idmap rk-copyup /etc rk-unshare -u
  is "$(attr pdeathsig)" 15 "is kept"
  # fds 0 to 2 closed: nothing else takes their numbers for prog
  closed() { sh -c 'exec "$@" 0<&- 1>&- 2>&-' sh "$@"; }
  closed rk-t-probe -o "$T/a"
  closed rk-state "$T/state" rk-userns rk-idmap rk-copyup '' rk-pidns -f 101 rk-t-probe -o "$T/b"
  is "$(grep '^fd' "$T/b")" "$(grep '^fd' "$T/a")" "with 0, 1 and 2 closed"
  # entering passes the caller's values, not the chain's
  rm -f "$T/ready"; mkfifo "$T/ready"
  env -i "PATH=$PATH" rk-state "$T/held" rk-userns rk-idmap rk-pidns -f 101 rk-hold -d 5 5> "$T/ready" &
  tap_pids="$tap_pids $!"
  read -r line < "$T/ready"
  passes "rk-enter" "CapEff CapPrm Gid Groups Uid gid_map uid_map ns.user pdeathsig $PIDNS" rk-enter -s "$T/held" -f all
  INSIDE=1 rk-userns rk-idmap sh "$0" > "$T/inside"
  is $? 0 "and each link inside, below" || cat "$T/inside" >&2
  sed 's/^ok [0-9]*/#/; /^1\.\./d' "$T/inside"
  done_testing
  exit
fi
passes "rk-pidns" "$PIDNS" rk-pidns -f 101
passes "rk-pidns -R" "$PIDNS pdeathsig" rk-pidns -R -f 101
passes "rk-unshare -uic" "ns.uts ns.ipc ns.cgroup" rk-unshare -uic
passes "rk-unshare -t" "ns.time ns.time_for_children" rk-unshare -t
passes "rk-copyup" "ns.mnt" rk-copyup ''
passes "rk-copyup symlink" "ns.mnt" rk-copyup /etc:/run
mkdir "$RK_T_ODD/dir"
passes "rk-copyup copy" "ns.mnt" rk-copyup -m copy "$RK_T_ODD/dir"
passes "rk-copyup overlay" "ns.mnt" rk-copyup -m overlay "$RK_T_ODD/dir"
# a chain inside a chain, twice
NESTED="env.RK_GID env.RK_UID gid_map ns.user uid_map"
passes "a nested chain" "$NESTED $PIDNS ns.uts" rk-userns rk-idmap -m direct rk-unshare -u rk-pidns -f 101
passes "one more in that" "$NESTED $PIDNS" rk-userns rk-idmap -m direct rk-pidns -f 101 rk-userns rk-idmap -m direct \
  rk-pidns -f 101
passes "a chain with state in a chain with state" "$NESTED $PIDNS $STATE" rk-state "$T/one" rk-userns rk-idmap -m \
  direct rk-pidns -f 101 rk-state "$T/two" rk-userns rk-idmap -m direct rk-pidns -f 101
done_testing
