#!/bin/sh
# the test library itself: what it says is true, also about failures
. "${RK_TEST_LIB:-tests/lib.sh}"
RK_TEST_KEEP='' # what is removed is looked at here
plan 18
is "$(id -un)" "$RK_TEST_USER" "a .t file runs as the test user"
is "$(as_user id -un)" rktest "as_user is harmless there"
ok "the fresh directory is there and empty" test -z "$(ls "$T")"
run sh -c 'echo a; echo b >&2; exit 7'
is "$rc/$out/$err" 7/a/b "run gives status, stdout, stderr"
run_in hello cat
is "$out" hello "run_in feeds stdin"
like "one
two" '^two$' "like looks at lines"
unlike one '^two$' "unlike too"
cat > "$T/bad.t" <<'END'
. "$RK_TEST_LIB"
is a b "differs"
done_testing
END
run sh "$T/bad.t"
is "$rc" 1 "a failed check fails the file"
like "$out" '^not ok 1 - differs$' "and says which"
run sh -c '. "$RK_TEST_LIB"; ok fine true'
is "$rc" 1 "a test without a plan fails"
run sh -c '. "$RK_TEST_LIB"; skip_all because'
is "$rc/$out" "0/1..0 # SKIP because" "skip_all"
dir=$(sh -c '. "$RK_TEST_LIB"; echo "$T"; exit 3' 2>/dev/null)
not_ok "the directory goes also after a failure" test -e "$dir"
spawn rk-t-hold 1
ok "a spawned process runs under \$pid" kill -0 "$pid"
wait_until grep -q ^rk-t-hold "/proc/$pid/cmdline"
is "$(tr '\0' ' ' < "/proc/$pid/cmdline")" "rk-t-hold 1 " "it is the program itself"
not_ok "wait_gone fails while it lives" wait_gone "$pid" 0.05
held=$pid
end "$held"
ok "wait_gone when it is gone" wait_gone "$held"
out=$(sh -c '. "$RK_TEST_LIB"; spawn rk-t-hold; echo $pid' 2>/dev/null)
ok "what is left at exit is ended" wait_gone "$out"
ok "wait_until" wait_until test -d "$T"
