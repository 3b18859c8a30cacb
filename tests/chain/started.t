#!/bin/sh
# a chain runs the same from s6-supervise, runsv, a login shell, an empty environment as in cron, setsid, and inside a
# chain
# shellcheck disable=SC2086 # a chain is words
. "${RK_TEST_LIB:-tests/lib.sh}"
bin=$RK_TEST_INST/bin
D=$T/state
# what every start must give: root, pid 2 of its own, the state directory, nothing but the standard fds
cat > "$T/say" <<'END'
#!/bin/sh
echo "$(id -u) $$ ${RK_STATE_DIR##*/} $(cd /proc/self/fd && echo *)"
END
chmod +x "$T/say"
CHAIN="$bin/rk-state $D $bin/rk-userns $bin/rk-idmap $bin/rk-copyup /run $bin/rk-pidns"
WANT="0 2 state 0 1 2 3"
gone() { wait_until test ! -e "$D" || diag "left: $(ls -la "$D")"; }

run $CHAIN "$T/say"; is "$rc/$out/$err" "0/$WANT/" "a shell"; gone
run env -i $CHAIN /bin/sh "$T/say"; is "$rc/$out/$err" "0/$WANT/" "no environment at all"; gone
run env -i HOME=/ LOGNAME=x SHELL=/bin/sh PATH=/usr/bin:/bin sh -c "$CHAIN $T/say"; is "$rc/$out/$err" "0/$WANT/" \
  "cron's environment and sh -c"; gone
run env -i HOME="$T" PATH=/usr/bin:/bin sh -lc "exec $CHAIN $T/say"; is "$rc/$out" "0/$WANT" "a login shell"; gone
run setsid -w $CHAIN "$T/say"; is "$rc/$out/$err" "0/$WANT/" "setsid"; gone
run nohup $CHAIN "$T/say"; is "$rc/$out" "0/$WANT" "nohup"; gone
run timeout 30 $CHAIN "$T/say"; is "$rc/$out/$err" "0/$WANT/" "timeout, in a process group of its own"; gone
(cd / && run setsid -w sh -c "$CHAIN $T/say < /dev/null > $T/daemon 2>&1 &"); wait_until test -s "$T/daemon"
is "$(cat "$T/daemon")" "$WANT" "orphaned, without terminal, in /"; gone
# the end of an outer pid namespace may kill the inner rk-outside before it has cleaned up: then the next start does
D=$T/inner/state CHAIN="$bin/rk-state $T/inner/state ${CHAIN#* * }"
run rk-userns rk-idmap rk-pidns $CHAIN "$T/say"
is "$rc/$out" "0/$WANT" "inside a chain" || diag "$err"
run rk-state "$T/outer" rk-userns rk-idmap rk-copyup /etc:/run rk-unshare -uic rk-pidns -R $CHAIN "$T/say"
is "$rc/$out" "0/$WANT" "inside a chain with everything, as pid 1 of it" || diag "$err"
run $CHAIN "$T/say"; is "$rc/$out/$err" "0/$WANT/" "and the next one in the same place"
D=$T/state CHAIN="$bin/rk-state $T/state ${CHAIN#* * }"
ok "whose state directory goes too" wait_until test ! -e "$T/outer"

# a supervised chain: the supervisor's child is the chain, readiness reaches it, signals and the end are passed on
service() { # PROG-LINE
  mkdir -p "$T/service"
  printf '#!/bin/sh\nexec 2>&1\nexec %s sh -c %s\n' "$CHAIN" \
    "'trap \"echo TERM; exit 3\" TERM; trap \"echo HUP\" HUP; echo up; echo >&3; while :; do sleep 0.1; done' 3>&$1" > \
    "$T/service/run"
  chmod +x "$T/service/run"
}
logged() { grep -qx "$1" "$T/log"; }
if command -v s6-supervise > /dev/null; then
  service 5
  echo 5 > "$T/service/notification-fd"
  printf '#!/bin/sh\necho "finish $1 $2"\n' > "$T/service/finish"; chmod +x "$T/service/finish"
  s6-supervise "$T/service" > "$T/log" 2>&1 & super=$! tap_pids="$tap_pids $!"
  wait_until s6-svok "$T/service"
  ok "s6-supervise: ready" s6-svwait -U -t 30000 "$T/service"
  chain=$(s6-svstat -o pid "$T/service")
  is "$(tr '\0' ' ' < "/proc/$chain/cmdline" | cut -d' ' -f1)" "$bin/rk-pidns" "its pid is the chain's"
  s6-svc -h "$T/service"; ok "s6-supervise: SIGHUP is passed on" wait_until logged HUP
  s6-svc -wr -T 30000 -r "$T/service"; ok "s6-supervise: restarted, SIGTERM and status 3 are passed on" logged TERM
  like "$(cat "$T/log")" '^finish 3 ' "to the finish script"
  isnt "$(s6-svstat -o pid "$T/service")" "$chain" "by another process"
  s6-svwait -U -t 30000 "$T/service"
  chain=$(s6-svstat -o pid "$T/service")
  s6-svc -wD -T 30000 -xd "$T/service"; wait "$super"
  ok "s6-supervise: down, nothing is left" wait_gone "$chain"; gone
else skip 7 "no s6 on this machine"; fi
rm -rf "$T/service"
if command -v runsv > /dev/null; then
  service 1
  rm "$T/log"
  runsv "$T/service" > "$T/log" 2>&1 & super=$! tap_pids="$tap_pids $!"
  ok "runsv: up" wait_until logged up
  chain=$(cat "$T/service/supervise/pid")
  is "$(tr '\0' ' ' < "/proc/$chain/cmdline" | cut -d' ' -f1)" "$bin/rk-pidns" "its pid is the chain's"
  sv hup "$T/service" > "$T/out"; ok "runsv: SIGHUP is passed on" wait_until logged HUP
  sv -w 10 restart "$T/service" > "$T/out"; ok "runsv: restarted, SIGTERM is passed on" wait_until logged TERM
  wait_until eval '[ "$(grep -cx up "$T/log")" = 2 ]'
  chain=$(cat "$T/service/supervise/pid")
  sv -w 10 force-stop "$T/service" > "$T/out"
  ok "runsv: down" wait_gone "$chain"; gone
  sv exit "$T/service" > "$T/out"; wait "$super"
else skip 5 "no runit on this machine"; fi
not_ok "nothing is left of any" test -e "$D"
done_testing
