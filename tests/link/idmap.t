#!/bin/sh
# rk-idmap: each rung, each source, what the program gets, what is refused
. "${RK_TEST_LIB:-tests/lib.sh}"
u=$(id -u) g=$(id -g) n=$(id -un)
first() { awk -F: -v n="$n" '$1 == n { print $2; exit }' "/etc/sub$1"; }
want() { printf '0 %s 1\n1 %s 65536' "$1" "$(first "$2")"; }
map() { printf '%s\n' "$out" | sed -n "s/^$1 *//p" | tr -s ' ' | sed 's/^ //'; }
# shellcheck disable=SC2016
show='sed "s/^/u /" /proc/self/uid_map; sed "s/^/g /" /proc/self/gid_map; echo "s $(cat /proc/self/setgroups)"'

for how in '' '-m subids' '-s static' '-s dynamic' '-s auto -n 65537'; do
  # shellcheck disable=SC2086
  run rk-userns rk-idmap $how sh -c "$show"
  is "$rc$err" 0 "rk-idmap $how: works in silence"
  is "$(map u)" "$(want "$u" uid)" "rk-idmap $how: all subordinate uids"
  is "$(map g)" "$(want "$g" gid)" "rk-idmap $how: and gids"
  is "$(map s)" allow "rk-idmap $how: setgroups stays allowed"
done
run rk-userns rk-idmap -m single sh -c "$show"
is "$rc $(map u) $(map g) $(map s)$err" "0 0 $u 1 0 $g 1 deny" "-m single: the own ids, setgroups denied"

changes rk-userns rk-idmap
like "$changed" '^(CapBnd )?CapEff CapPrm Gid Groups Uid env.RK_GID env.RK_UID gid_map ns.user uid_map$' \
  "nothing but ids, capabilities and the namespace changes"
like "$(attr CapEff) $(attr CapPrm) $(attr CapBnd)" '^000001ffffffffff 000001ffffffffff 000001ffffffffff$' \
  "the program has all capabilities"
like "$(attr CapInh) $(attr CapAmb)" '^0000000000000000 0000000000000000$' "none of them inheritable or ambient"

changes setpriv --pdeathsig USR1 rk-userns rk-idmap
is "$(attr pdeathsig) $(attr dumpable)" "10 1" "the parent death signal and the dumpable flag stay"

run rk-userns rk-idmap -m direct true
is "$rc" 102 "-m direct without privilege: 102"
like "$err" '^rk-idmap: info: I4: ' "and the setting's id"
run rk-userns -k env RK_OUTSIDE_CAPS=1ffffffffff rk-idmap -m direct true
is "$rc" 102 "nor with a claim to it"
like "$err" 'fatal: unable to map ids: unable to write uid_map from outside: Operation not permitted' \
  "the kernel asks rk-outside for it"
run rk-userns rk-idmap -n 65538 true
is "$rc" 102 "-n more than there are: 102"
like "$err" 'only 65537 ids can be mapped, -n asks for 65538' "says how many there are"
like "$err" '^rk-idmap: info: I10: ' "and the setting's id"
run rk-userns rk-idmap -m single -n 2 true; is "$rc" 100 "-m single -n 2: 100"
run rk-userns rk-idmap -n 0 true; is "$rc" 100 "-n 0: 100"
run rk-userns rk-idmap -n x true; is "$rc" 100 "-n x: 100"
run rk-userns rk-idmap -m no true; is "$rc" 100 "unknown mode: 100"
run rk-userns rk-idmap -s no true; is "$rc" 100 "unknown source: 100"
run rk-userns rk-idmap -g no true; is "$rc" 100 "unknown treatment of groups: 100"
run rk-userns rk-idmap; is "$rc" 100 "no program: 100"
run rk-userns rk-idmap rk-not-there; is "$rc" 127 "a program that is not there: 127"
run rk-idmap true
is "$rc $err" "100 rk-idmap: fatal: RK_UID is not set: rk-userns comes before rk-idmap" "without rk-userns: 100"
run rk-userns rk-idmap rk-idmap true
is "$rc" 100 "a second time: 100"
like "$err" 'mapped already' "and told why"
run env RK_UID=0 rk-idmap true
is "$rc" 100 "outside of any chain, with a stray RK_UID: 100"
done_testing
