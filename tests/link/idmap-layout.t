#!/bin/sh
# rk-idmap -u and -M: the maps that come out, what the chain's links make of them, what is refused, in which words
. "${RK_TEST_LIB:-tests/lib.sh}"
u=$(id -u) g=$(id -g) n=$(id -un)
first() { awk -F: -v n="$n" '$1 == n { print $2; exit }' "/etc/sub$1"; }
su=$(first uid) sg=$(first gid)
squeeze() { printf '%s\n' "$1" | tr -s ' ' | sed 's/^ //' | tr '\n' ','; }
# shellcheck disable=SC2016
show='id -u; id -g; cat /proc/self/uid_map; echo --; cat /proc/self/gid_map; cat /proc/self/setgroups'
maps() { # NAME UIDMAP GIDMAP OPTION...
  name=$1 uids=$2 gids=$3; shift 3
  run rk-userns rk-idmap "$@" sh -c "$show"
  is "$rc $err" "0 " "$name: works in silence"
  is "$(squeeze "$out")" "0,0,$uids--,${gids}allow," "$name"
}
maps "-u 1000" "1000 $u 1,0 $su 1000,1001 $((su + 1000)) 64536," \
  "1000 $g 1,0 $sg 1000,1001 $((sg + 1000)) 64536," -u 1000
maps "-u 5:65536" "5 $u 1,0 $su 5,6 $((su + 5)) 65531," "65536 $g 1,0 $sg 65536," -u 5:65536
maps "-u 0:1" "0 $u 1,1 $su 65536," "1 $g 1,0 $sg 1,2 $((sg + 1)) 65535," -u 0:1
maps "-u far above" "4294967294 $u 1,0 $su 65536," "70000 $g 1,0 $sg 65536," -u 4294967294:70000
maps "-u, all ids counted" "7 $u 1,0 $su 7,8 $((su + 7)) 65529," "7 $g 1,0 $sg 7,8 $((sg + 7)) 65529," -u 7 -n 65537
maps "-M of both kinds" "0 $su 1000,1000 $((su + 1000)) 1," "0 $su 1000,1000 $((su + 1000)) 1," \
  -M 0:"$su":1000 -M "1000:$((su + 1000)):1"
maps "-M u: and g:, several ranges" "$u $u 1,0 $((su + 40)) 10,100 $su 5," "$g $g 1,0 $((sg + 9)) 3," \
  -M "u:$u:$u:1" -M "g:$g:$g:1" -M "u:0:$((su + 40)):10" -M "u:100:$su:5" -M "g:0:$((sg + 9)):3"
maps "-M of uids only: gids as usual" "0 $su 10," "0 $g 1,1 $sg 65536," -M "u:0:$su:10"
maps "-M without the own id, 65536 of them" "0 $su 65536," "0 $sg 65536," -M "0:$su:65536" -n 65536

refused() { # CODE ERE OPTION...
  code=$1 re=$2; shift 2
  run rk-userns rk-idmap "$@" touch "$T/done"
  is "$rc" "$code" "$*: $code"
  like "$err" "^rk-idmap: fatal: $re" "$*: $re"
}
refused 100 '-u x is not UID or UID:GID$' -u x
refused 100 '-u 1: is not UID or UID:GID$' -u 1:
refused 100 '-u 4294967295 is past the last id' -u 4294967295
refused 100 '-M 0:1 is not .u:.g:.INSIDE:OUTSIDE:COUNT$' -M 0:1
refused 100 '-M 0:1:0 has no ids$' -M 0:1:0
refused 100 '-M 2:9:5 overlaps an earlier -M, inside or outside$' -M 0:1:3 -M 2:9:5
refused 100 '-M 9:3:5 overlaps an earlier -M' -M 0:1:3 -M 9:3:5
refused 100 '-u and -M exclude each other' -u 1000 -M "0:$su:3"
refused 100 'no -M maps uid 0 and gid 0 inside$' -M "1:$su:3"
refused 100 'no -M maps uid 0 and gid 0 inside$' -M "u:0:$su:3" -M "g:1:$sg:3"
refused 100 '-u and -M need -m subids$' -m single -u 1000
refused 100 '-u and -M need -m subids$' -m direct -M "0:$su:1"
refused 102 "unable to map ids: only 3 ids can be mapped, -n asks for 4$" -M "0:$su:3" -n 4
for line in "0:$u:2 $u" "0:$((su - 1)):5 $((su - 1))" "0:$su:65537 $((su + 65536))" "0:0:1 0"; do
  refused 102 "unable to map ids: -M names the uid ${line#* }, which is not delegated to $n, who has $su-" \
    -M "${line% *}"
  like "$err" '^rk-idmap: info: I15: let -M name these ids only, or delegate more in /etc/subuid$' "and the way out"
done
refused 102 "unable to map ids: -M names the gid 0, which is not delegated to $n" -M "u:0:$su:1" -M g:0:0:1
run env PATH="$RK_TEST_INST/bin" "$(command -v rk-userns)" rk-idmap -u 1000 /bin/true
is "$rc" 102 "-u without newuidmap: no lower rung takes its place"
like "$err" 'newuidmap is not in PATH' "and the reason is named"
not_ok "none of the programs ran" test -e "$T/done"

# root inside is a subordinate id, and has the files of the user nevertheless: both ids are mapped
mkdir "$T/private"; chmod 0700 "$T/private"; echo mine > "$T/private/file"; chmod 0600 "$T/private/file"
run rk-userns rk-idmap -u 1000 sh -c 'cd "$0" && cat file && stat -c %u:%g file && touch new && chown 1000:1000 new' \
  "$T/private"
is "$rc$err $(squeeze "$out")" "0 mine,1000:1000," "root inside reads and gives away"
is "$(stat -c %u:%g "$T/private/new")" "$u:$g" "what it gives to the own number is the user's"
run rk-userns rk-idmap -M "0:$su:65536" cat "$T/private/file"
is "$rc" 1 "without the own id root inside has no access to them"
run rk-userns rk-idmap -u 1000 sh -c 'kill -0 "$0"' $$
is "$rc" 1 "it cannot signal the user's processes outside"
run rk-userns rk-idmap -u 1000 rk-setid 1000 sh -c 'kill -0 "$0"' $$
is "$rc" 0 "the user inside can, without a pid namespace"
run rk-userns rk-idmap -u 1000 rk-userns rk-idmap -m direct sh -c 'id -u; cat /proc/self/uid_map'
is "$rc $(squeeze "$out")" "0 0,1000 1000 1,0 0 1000,1001 1001 64536," "a chain inside takes all ids, line by line"
done_testing
