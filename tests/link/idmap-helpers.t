#!/bin/sh
# newuidmap, newgidmap and getsubids as they should not be: missing, broken, slow, talkative. Fake ones are in a PATH of
# the test's own.
. "${RK_TEST_LIB:-tests/lib.sh}"
bin=$RK_TEST_INST/bin:$RK_TEST_INST/libexec/rk
u=$(id -u)
mkdir "$T/p"
fake() { # NAME SCRIPT
  printf '#!/bin/sh\n%s\n' "$2" > "$T/p/$1.new"
  chmod "${3:-755}" "$T/p/$1.new"
  mv "$T/p/$1.new" "$T/p/$1"
}
real() { ln -sf "$(command -v "$1")" "$T/p/$1"; }
chain() { run env PATH="$T/p:$bin" RK_HELPER_TIMEOUT=1 rk-userns rk-idmap "$@"; }
refuses() { # NAME ID ERE
  chain -m subids /usr/bin/touch "$T/done"
  is "$rc" 102 "$1: 102"
  like "$err" "^rk-idmap: fatal: unable to map ids: $3" "$1: $3"
  like "$err" "^rk-idmap: info: $2: ." "$1: $2"
  is "$(printf '%s\n' "$err" | wc -l)" 2 "$1: in two lines"
}
refuses "no newuidmap" I13 'newuidmap is not in PATH'
real newuidmap
refuses "no newgidmap" I13 'newgidmap is not in PATH'
chain /bin/cat /proc/self/uid_map
is "$rc $(echo "$out" | tr -s ' ')" "0  0 $u 1" "auto takes the own id: nothing was half done"
is "$err" "rk-idmap: info: only the own id is mapped (I13: newgidmap is not in PATH)" "and says so in one line"
real newgidmap
chain /bin/cat /proc/self/gid_map
is "$rc$err $(printf '%s\n' "$out" | wc -l)" "0 2" "with both in PATH all is well"

fake newuidmap 'exit 0' 644
refuses "not executable" I13 "$T/p/newuidmap is not executable"
fake newuidmap 'echo no luck >&2; echo second; exit 1'
refuses "neither setuid nor capable" I4 "$T/p/newuidmap is neither setuid root nor has the file capability cap_setuid"
fake newuidmap 'exit 1'; chmod u+s "$T/p/newuidmap"
refuses "setuid, but not root's" I4 "$T/p/newuidmap is setuid, but does not belong to root"
# shellcheck disable=SC2016
fake newuidmap 'echo $$ > "$0.pid"; exec /bin/sleep 600'
refuses "one that hangs" I9 'newuidmap did not end in time and was killed'
ok "it is gone" wait_gone "$(cat "$T/p/newuidmap.pid")" 1
# shellcheck disable=SC2016
fake newuidmap 'while :; do echo x; done'
refuses "one that writes without end" I9 'newuidmap did not end in time and was killed'
real newuidmap
fake newgidmap 'exit 1'
chain /usr/bin/touch "$T/done"
is "$rc" 102 "one map written, the other not: auto does not go on"
like "$err" "unable to map ids: $T/p/newgidmap is neither" "the one that failed is named"

for bad in '' 0 x -1 3601 1.5; do
  run env RK_HELPER_TIMEOUT=$bad rk-userns rk-idmap true
  is "$rc $err" "100 rk-idmap: fatal: RK_HELPER_TIMEOUT is a number of seconds, 1 to 3600" "RK_HELPER_TIMEOUT='$bad'"
done
real newgidmap
run setpriv --nnp rk-userns rk-idmap -m subids true
is "$rc" 102 "no_new_privs: 102"
like "$err" 'fatal: unable to map ids: no_new_privs is set, so newuidmap' "says so"
like "$err" 'info: I4: start the chain without no_new_privs' "and the fix"
run setpriv --nnp rk-userns rk-idmap cat /proc/self/uid_map
is "$rc $(echo "$out" | tr -s ' ')" "0  0 $u 1" "no_new_privs, auto: the own id"

# shellcheck disable=SC2016
fake getsubids '[ "$1" = -g ] && shift; [ "$1" = '"$u"' ] && exit 1; echo "0: $1 '"$(awk -F: -v n="$(id -un)" '$1 == n { print $2; exit }' /etc/subuid)"' 5"'
chain -s dynamic /bin/cat /proc/self/uid_map
is "$rc$err $(printf '%s\n' "$out" | awk 'NR == 2 { print $3 }')" "0 5" "-s dynamic: what getsubids answers"
GETSUBIDS=$T/p/getsubids run rk-userns rk-idmap cat /proc/self/gid_map
is "$rc$err $(printf '%s\n' "$out" | awk 'NR == 2 { print $3 }')" "0 5" "GETSUBIDS names another one"
fake getsubids 'echo "Error fetching ranges" >&2; exit 1'
refuse_dynamic() { run env PATH="$T/p:$bin" RK_HELPER_TIMEOUT=1 rk-userns rk-idmap -s dynamic -m subids /usr/bin/touch \
  "$T/done"; is "$rc" 102 "$1: 102"; like "$err" "$2" "$1: $2"; }
refuse_dynamic "getsubids knows nobody" 'getsubids names no uids for'
fake getsubids 'echo nonsense'
refuse_dynamic "getsubids talks nonsense" 'line 1 of getsubids is malformed'
fake getsubids 'exec /bin/sleep 600'
refuse_dynamic "getsubids hangs" 'info: I9: find out what getsubids waits for'
rm "$T/p/getsubids"
refuse_dynamic "no getsubids" 'info: I13: install getsubids'
# shellcheck disable=SC2016
run perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' rk-userns rk-idmap -s dynamic grep SigIgn /proc/self/status
is "$rc$err" 0 "works with SIGCHLD ignored"
like "$out" 'SigIgn:.*1[0-9a-f]{4}$' "and leaves it so"
# shellcheck disable=SC2016
run perl -e 'use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGCHLD)); exec @ARGV' rk-userns rk-idmap -s dynamic \
  grep -E "ShdPnd|SigPnd|SigBlk" /proc/self/status
is "$rc$err $(printf '%s\n' "$out" | tr -d '\t' | tr '\n' ' ')" \
  "0 SigPnd:0000000000000000 ShdPnd:0000000000000000 SigBlk:0000000000010000 " \
  "with SIGCHLD blocked: none is left pending"
is "$(ls "$T/done" 2>/dev/null)" "" "none of the refused programs ran"
done_testing
