#!/bin/sh
# rk-run --service: what it writes, run by the real supervisors; the unit, judged by systemd's own tool
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
export XDG_RUNTIME_DIR="$T"
mkdir "$T/www"; echo 'hello from inside' > "$T/www/index.html"
serves() { [ "$(curl -sS -m 5 "http://127.0.0.1:$port/" 2>&1)" = 'hello from inside' ]; }
listed() { rootlessctl --socket "$D/api.sock" list-ports | grep -q "^1 *tcp *127.0.0.1 *$port "; }
service() { # KIND
  kind=$1 port=$(free_port) D=$T/$1.state
  mkdir "$T/$kind"; cd "$T/$kind" || exit 1
  ok "$kind: three services" rk-run --service="$kind" --state-dir="$D" --net=none --port-driver=builtin --copy-up=/etc \
    --pidns --utsns -p "127.0.0.1:$port:80/tcp" web \
    busybox httpd -f -p 80 -h "$T/www"
}
lives() { # PID NAME: it is the chain's
  ok "$kind: the page is served" wait_until serves
  wait_until test -e "$D/child_pid"
  is "$(cat "/proc/$1/comm")" rk-pidns "$kind: the supervised process is the chain"
  ok "$kind: the API lists the port" wait_until listed
}
gone() { # PID...
  for p in "$@"; do ok "$kind: process $p is gone" wait_gone "$p"; done
  wait_until test ! -e "$D/lock" # rk-outside takes it away last
  # .made: rk-apid's socket or another file of somebody's was there when rk-outside left
  is "$(cd "$D" && ls -A | grep -vxE 'ports|ports\.status|\.port-ids|\.made' | tr '\n' ' ')" "" \
    "$kind: of the state only the ports and their ids are left"
  not_ok "$kind: the port is free" serves
}
if command -v s6-svscan > /dev/null && command -v busybox > /dev/null && command -v execlineb > /dev/null; then
  service s6
  spawn s6-svscan .; scan=$pid
  wait_until s6-svok web; wait_until s6-svok web-portd; wait_until s6-svok web-apid
  ok "s6: rk-portd and rk-apid notify readiness" s6-svwait -a -U -t 30000 web-portd web-apid
  lives "$(s6-svstat -o pid web)"
  was=$(s6-svstat -o pid web); portd=$(s6-svstat -o pid web-portd)
  s6-svc -wr -T 30000 -r web
  ok "s6: after a restart of the chain it is served again" wait_until serves
  is "$(s6-svstat -o pid web-portd)" "$portd" "s6: by the same rk-portd"
  isnt "$(s6-svstat -o pid web)" "$was" "s6: and another chain"
  s6-svc -wr -T 30000 -r web-portd; ok "s6: after a restart of rk-portd" wait_until serves
  s6-svc -wr -T 30000 -r web-apid; ok "s6: after a restart of rk-apid" wait_until listed
  s6-svc -wD -T 30000 -d web; ok "s6: down" test "$(s6-svstat -o up web)" = false
  s6-svc -u web; ok "s6: up" wait_until serves
  s6-svc -wD -T 30000 -d web; s6-svc -wD -T 30000 -d web-apid; s6-svc -wD -T 30000 -d web-portd
  rm -rf "$D" # as a reboot does it
  s6-svc -u web-portd; s6-svc -u web-apid; s6-svc -u web
  ok "s6: after a reboot the port is published again" wait_until serves
  ok "s6: and listed" wait_until listed
  set -- "$(s6-svstat -o pid web)" "$(s6-svstat -o pid web-portd)" "$(s6-svstat -o pid web-apid)"
  s6-svscanctl -t .; wait_gone "$scan"
  gone "$@"
else skip 19 "no s6 on this machine"; fi
if command -v runsvdir > /dev/null && command -v busybox > /dev/null; then
  service runit
  spawn runsvdir -P .; scan=$pid
  wait_until test -s web/supervise/pid
  lives "$(cat web/supervise/pid)"
  was=$(cat web/supervise/pid)
  run sv -w 10 restart ./web; is "$rc" 0 "runit: restart"
  ok "runit: it is served again" wait_until serves
  isnt "$(cat web/supervise/pid)" "$was" "runit: by another chain"
  run sv -w 10 down ./web; like "$out" '^ok: down' "runit: down"
  run sv -w 10 up ./web; ok "runit: up" wait_until serves
  set -- "$(cat web/supervise/pid)" "$(cat web-portd/supervise/pid)" "$(cat web-apid/supervise/pid)"
  run sv -w 10 exit ./web ./web-portd ./web-apid; end "$scan"
  gone "$@"
else skip 14 "no runit on this machine"; fi
if command -v systemd-analyze > /dev/null; then
  ok "systemd: a unit" rk-run --service=systemd --net=slirp4netns --port-driver=builtin --copy-up=/etc -p \
    "127.0.0.1:$port:80/tcp" "$T/unit" "$(command -v busybox)" httpd -f -h "/a b \$c %d\"e\\"
  run systemd-analyze verify --man=no "$T/unit/busybox.service"
  if printf '%s\n' "$err" | grep -q 'Failed to .* manager'; then skip 1 "systemd-analyze does not run on this machine"
  else is "$rc $(printf '%s\n' "$err" | grep busybox.service)" "0 " "systemd-analyze verify has nothing to say of it"; \
    fi
else skip 2 "no systemd on this machine"; fi
done_testing
