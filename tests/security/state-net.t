#!/bin/sh
# net/ of the state directory: rk-outside writes into the directory that it made, whatever root inside puts in its place
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/st; mkdir "$T/drivers" "$T/victim"; export RK_NET_PATH="$T/drivers" OUT="$T/driver" D
for f in status ip driver ifname; do echo precious > "$T/victim/$f"; done
cp -r "$T/victim" "$T/was"
cat > "$T/drivers/stays" <<'E2'
#!/bin/sh
echo $$ >> "$OUT"
printf 'ifname=tap0\nip=10.0.2.50\n\n' >&5
exec cat <&6
E2
chmod +x "$T/drivers/stays"
# Root inside runs CODE in the state directory and kills the driver (it sees the same pids); the next one is up when
# this returns.
payload() { # CODE
  : > "$OUT"
  cat > "$T/payload" <<E2
cd "$D"
victim=$T/victim
$1
kill -KILL "\$(tail -n 1 "$OUT")"
i=0
until [ "\$(wc -l < "$OUT")" = 2 ] && [ "\$(cat net.old/status net/status 2>/dev/null | tail -n 1)" = up ]; do i=\$((i + 1)); [ \$i -lt 1500 ] || exit 9; sleep 0.02; done
E2
  run timeout 60 rk-state "$D" rk-userns rk-idmap -m single rk-copyup /etc rk-net -l -d stays sh "$T/payload"
}
ended() {
  ok "$1: rk-outside ends and lets go" wait_until test ! -e "$D/lock"
  run timeout 60 rk-state "$D" rk-userns rk-idmap -m single true
  is "$rc" 0 "$1: the next chain starts" || diag "$err"
  wait_until test ! -e "$D/lock"; rm -rf "$D"
}
intact() { diff -r "$T/was" "$T/victim" >&2; }

# shellcheck disable=SC2016 # for the payload
payload 'mv net net.old; ln -s "$victim" net; sh -c "until [ \$(wc -l < $OUT) = 2 ]; do sleep 0.02; done; until [ \"\$(cat net.old/status)\" = up ]; do sleep 0.02; done; rm net; cp -r net.old net" &'
is "$rc" 0 "net/ is a link: the driver starts again" || diag "$err"
ok "net/ is a link: what it leads to is as it was" intact
ended "net/ is a link"
# shellcheck disable=SC2016
payload 'cd net; for f in driver ifname ip prefix gateway dns mtu status; do mkfifo .new-$f; done; cd ..; mkfifo .new-resolv.conf .new-hosts .new-child_pid'
is "$rc" 0 "FIFOs under the old names of temporary files: the driver starts again" || diag "$err"
ended "FIFOs"
# shellcheck disable=SC2016
payload 'cd net; for f in driver ifname ip status; do ln "$victim/$f" .new-$f; ln -f "$victim/$f" $f; done; cd ..'
is "$rc" 0 "hard links: the driver starts again" || diag "$err"
ok "hard links: the files are as they were" intact
ended "hard links"
# shellcheck disable=SC2016
payload 'cd net; for f in driver ifname ip; do rm $f; mkfifo $f; done; cd ..'
is "$rc" 0 "FIFOs in the place of facts: the driver starts again" || diag "$err"
ended "FIFOs in the place of facts"
done_testing
