#!/bin/sh
# setcap cap_net_bind_service=ep rootlesskit: rk-portd alone has it, by rk-run, and nobody inside can get it
. "${RK_TEST_LIB:-tests/lib.sh}"
need setcap getcap curl busybox python3 setpriv
outer
echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start
mkdir "$T/u" "$T/www"; chown "$RK_TEST_USER" "$T/u"; echo hello > "$T/www/index.html"; chmod -R go+rX "$T/www"
cp -R "$RK_TEST_INST" "$T/inst"; chmod -R go-w "$T/inst"
bin=$T/inst/bin D=$T/u/st
none="Inh=0 Prm=0 Eff=0 Amb=0 "
sets() {
  for set in Inh Prm Eff Amb; do
    printf '%s=%x ' $set "0x$(sed -n "s/^Cap$set:[[:space:]]*//p" "/proc/$1/status")"
  done
}
child() { # PID NAME: the child of that name
  for c in $(cat "/proc/$1/task/$1/children"); do
    if [ "$(cat "/proc/$c/comm")" = "$2" ]; then echo "$c"; return 0; fi
  done
  return 1
}
publish() { # PROGRAM ARGS...
  as_user env TMPDIR="$T/u" LD_LIBRARY_PATH="$T/u" "$@" --state-dir="$D" --net=none \
    --port-driver=builtin \
    -p 127.0.0.1:80:80/tcp \
    sh -c 'env > "$0/env"; exec busybox httpd -f -p 80 -h "$1"' "$T/u" "$T/www" \
    > "$T/u/out" 2> "$T/u/err" & p=$!
  tap_pids="$tap_pids $p"
}
publish "$bin/rootlesskit"; wait "$p"
like "$(cat "$T/u/err")" "failed to expose port \{tcp 127.0.0.1 80 80 \}: cannot expose privileged port 80, \
you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf \(currently 1024\), or set \
CAP_NET_BIND_SERVICE on rootlesskit binary" \
  "without it port 80 fails, with RootlessKit's words"
setcap cap_net_bind_service=ep "$bin/rootlesskit" 2> "$T/err" || skip_all "file capabilities cannot be set here"
like "$(getcap "$bin/rootlesskit")" 'cap_net_bind_service' "rootlesskit is a file that setcap takes"

publish "$bin/rootlesskit"
wait_until test -e "$D/child_pid"; wait_until curl -sS -m 5 -o "$T/got" http://127.0.0.1:80/
is "$(cat "$T/got")" hello "with it port 80 is published"
is "$(sets "$p")" "Inh=0 Prm=400 Eff=0 Amb=0 " "rootlesskit has it, but not effective"
portd=$(child "$p" rk-portd)
is "$(sets "$portd")" "Inh=0 Prm=400 Eff=400 Amb=0 " "rk-portd has it, and does not pass it on"
relay=$(child "$portd" rk-relay)
is "$(sets "$relay")" "Inh=0 Prm=3400 Eff=3400 Amb=0 " "rk-relay has those of the chain's own namespace"
isnt "$(readlink "/proc/$relay/ns/user")" "$(readlink /proc/self/ns/user)" "which are not the host's"
as_user curl -sS -m 10 --unix-socket "$D/api.sock" http://x/v1/info > "$T/info"
is "$(sets "$(child "$p" rk-apid)")" "$none" "rk-apid has none"
is "$(sets "$(outside_of "$(cat "$D/child_pid")")")" "$none" "rk-outside has none"
cmd=$(cat "$D/child_pid")
isnt "$(readlink "/proc/$cmd/ns/user")" "$(readlink /proc/self/ns/user)" "the command is in its own user namespace"
if [ "$RK_TEST_MODE" = static ]; then
  is "$(grep -c "^TMPDIR=$T/u\$\|^LD_LIBRARY_PATH=$T/u\$" "$T/u/env")" 2 "a static rootlesskit takes no variable away"
else skip 1 "ld.so of glibc takes variables away from a privileged program (ld.so(8))"; fi
kill -KILL "$portd"
again() { portd2=$(child "$p" rk-portd) && [ "$portd2" != "$portd" ] && curl -sS -m 5 http://127.0.0.1:80/; }
ok "another rk-portd binds port 80 again" wait_until again
kill -KILL "$p"; wait "$p" 2> "$T/killed"
gone() { ! kill -0 "$cmd" 2> "$T/killed" && ! kill -0 "$portd2" 2> "$T/killed"; }
ok "rootlesskit killed: the command and rk-portd are gone as well" wait_until gone

# on the host's network no process of the chain has the right that rk-portd has
cp "$(command -v python3)" "$T/python"; setcap cap_net_bind_service=ep "$T/python"
bind='import socket
s = socket.socket()
try: s.bind(("127.0.0.1", 81)); print("bound")
except PermissionError: print("refused")'
for net in --net=host '--net=none --detach-netns'; do
  # shellcheck disable=SC2086 # words
  run as_user "$bin/rootlesskit" $net --state-dir="$D" python3 -c "$bind"
  is "$out" refused "inside, with $net, nobody binds port 81"
  # shellcheck disable=SC2086 # words
  run as_user "$bin/rootlesskit" $net --state-dir="$D" setpriv --reuid 1 --clear-groups \
    "$T/python" -c "$bind"
  is "$out" refused "nor by a file with the same capability"
done
run as_user "$bin/rootlesskit" --net=none --port-driver=builtin -p 127.0.0.1:80:80/tcp --state-dir="$D" \
  python3 "$RK_TEST_STAGE/rk/tests/relay/attack.py" "$p"
unlike "$out" ALLOWED "root inside takes nothing from the processes that have it"

# another rk-portd beside a link to this file does not get it
mkdir "$T/u/bin"; chown "$RK_TEST_USER" "$T/u/bin"
for f in "$bin"/*; do ln "$f" "$T/u/bin/"; done
rm "$T/u/bin/rk-portd"
printf '#!/bin/sh\ngrep CapPrm /proc/self/status > "%s"\n' "$T/u/caps" > "$T/u/bin/rk-portd"
chmod 755 "$T/u/bin/rk-portd"
ln -s "$T/inst/libexec" "$T/u/libexec"
publish "$T/u/bin/rootlesskit"; wait "$p"
like "$(cat "$T/u/err")" 'warning: CAP_NET_BIND_SERVICE of this file is not used: rk-portd beside it' \
  "a directory of the user: said"
is "$(sed 's/.*[[:space:]]//' "$T/u/caps")" 0000000000000000 "and a false rk-portd there has no capability"
chmod o+w "$bin/rk-portd"; run as_user "$bin/rootlesskit" --net=host true; chmod o-w "$bin/rk-portd"
like "$err" 'warning: .*is not used' "nor one that others can write"

setcap cap_sys_admin,cap_setuid=ep "$bin/rootlesskit"
publish "$bin/rootlesskit"; wait "$p"
like "$(cat "$T/u/err")" 'cannot expose privileged port 80' "any other capability is of no use"
setcap -r "$bin/rootlesskit"; setcap cap_net_bind_service=ep "$bin/rk-portd"
publish "$bin/rootlesskit"
ok "on rk-portd it works as before" wait_until curl -sS -m 5 http://127.0.0.1:80/
end "$p"
setcap cap_net_bind_service=ep "$bin/rootlesskit"
publish "$bin/rootlesskit"
ok "and on both" wait_until curl -sS -m 5 http://127.0.0.1:80/
end "$p"
done_testing
