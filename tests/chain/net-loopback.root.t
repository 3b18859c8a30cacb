#!/bin/sh
# the host's loopback: closed, tested at every start, and a driver that opens it is found out; -l opens it
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns pasta socat
outer
mkdir "$T/drivers"; RK_NET_PATH=$T/drivers; export RK_NET_PATH; chmod 0755 "$T/drivers"
spawn socat -t 20 TCP-LISTEN:7777,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo host-loopback'
spawn socat -t 20 'TCP6-LISTEN:7777,bind=[::1],fork,reuseaddr' SYSTEM:'echo host-loopback'
wait_until sh -c 'echo | socat -t 0 - TCP:127.0.0.1:7777'
net() { as_user timeout 60 rk-userns rk-idmap rk-copyup /etc rk-net "$@"; }
reach() { driver=$1 to=$2; shift 2; net -d "$driver" "$@" sh -c \
  'socat -u -T "$2" "TCP:$1:7777,connect-timeout=$2" - 2>&1' sh "$to" "${seconds:-1}" 2>&1; }
for d in slirp4netns pasta; do
  for to in 10.0.2.2 127.0.0.1 '[::1]' '[fd00::2]'; do
    unlike "$(reach $d "$to" -6)" host-loopback "$d: $to is not the host's loopback"
  done
  like "$(seconds=20; reach $d 10.0.2.2 -l)" host-loopback "$d -l: the gateway is"
done

# drivers that leave a hole
leaky() { # NAME SLIRP-OPTION...
  n=$1; shift
  printf '#!/bin/sh\nexec slirp4netns %s -m 1500 --userns-path=/proc/self/fd/4 --netns-type=path -r 5 -e 6 /proc/self/fd/3 tap0\n' "$*" > "$T/drivers/$n"
  chmod 0755 "$T/drivers/$n"
}
leaky gateway
leaky sealed --disable-host-loopback
for i in 1 2 3; do
  run net -d gateway true
  is "$rc" 111 "a driver that maps the gateway to the host's loopback is refused, $i"
  like "$err" "^rk-net: fatal: the host's loopback can be reached from inside: (TCP|UDP) to 127\.0\.0\.1 \(-l allows it\)$" "and the way is named"
done
# the host's resolver may be behind the address of the driver's: for port 53, nothing else
cat > "$T/drivers/resolver" <<'END'
#!/bin/sh
printf 'gateway=10.0.2.3\ndns=10.0.2.2\n' >&5
exec slirp4netns -m 1500 --userns-path=/proc/self/fd/4 --netns-type=path -r 5 -e 6 /proc/self/fd/3 tap0
END
chmod 0755 "$T/drivers/resolver"
for wall in "" -u; do
  # shellcheck disable=SC2086 # none, or one word
  run net $wall -d resolver true
  is "$rc" 111 "a driver that leads from its resolver's address to the host's loopback is refused $wall"
  like "$err" 'can be reached from inside: (TCP|UDP) to 127\.0\.0\.1' "and the way is named"
done
run net -l -d gateway true
is "$rc" 0 "-l allows it"
run net -d sealed true
is "$rc" 0 "the same driver, sealed, passes"
# pasta with its defaults opens the host's listeners on the namespace's own loopback, from time to time
cat > "$T/drivers/splice" <<'END'
#!/bin/sh
pasta -f -q --ns-ifname tap0 --mtu 1500 -a 10.0.2.100 -n 24 -g 10.0.2.2 -4 --no-map-gw -t none -u none -T "$SPLICE" -U "$SPLICE" \
  --userns "/proc/$RK_NET_PID/ns/user" --netns "/proc/$RK_NET_PID/ns/net" -P "$FIFO" &
read pid < "$FIFO"
echo "$pid" >&5
wait
END
chmod 0755 "$T/drivers/splice"
mkdir "$T/u"; chown "$RK_TEST_USER" "$T/u"; as_user mkfifo "$T/u/fifo"
echo "40000 40003" > /proc/sys/net/ipv4/ip_local_port_range # so that the test can know where the listeners will be
SPLICE=40000-40003 FIFO=$T/u/fifo; export SPLICE FIFO
run net -u -d splice true
is "$rc" 111 "without the wall: a driver that re-opens the host's ports on 127.0.0.1 inside is refused"
like "$err" "can be reached from inside: (TCP|UDP) to 127\.0\.0\.1" "and the way is named"

# a driver that seals at its first start only: what is started again is tested again
as_user sh -c 'echo --disable-host-loopback > "$1"' sh "$T/u/options"
cat > "$T/drivers/turncoat" <<END
#!/bin/sh
exec slirp4netns \$(cat "$T/u/options") -m 1500 --userns-path=/proc/self/fd/4 --netns-type=path -r 5 -e 6 /proc/self/fd/3 tap0
END
chmod 0755 "$T/drivers/turncoat"
D=$T/u/st
hop_of() { # RK-OUTSIDE: its fd of the hop
  for f in "/proc/$1/fd"/*; do
    case $(readlink "$f") in net:*) echo "$f"; return ;; esac
  done
}
spawn as_user rk-state "$D" rk-userns rk-idmap rk-copyup /etc rk-net -d turncoat rk-t-hold; p=$pid
wait_until test -s "$D/child_pid"; o=$(outside_of "$p")
h=$(hop_of "$o")
rules="$(nsenter --net="$h" ip rule | wc -l) $(nsenter --net="$h" ip -6 rule | wc -l)"
d=$(pgrep -P "$o"); kill -KILL "$d"
another() { new=$(pgrep -P "$o" -x slirp4netns) && [ "$new" != "$d" ] && [ "$(cat "$D/net/status")" = up ]; }
ok "still sealed, it comes back" wait_until another
h=$(hop_of "$o")
is "$(nsenter --net="$h" ip rule | wc -l) $(nsenter --net="$h" ip -6 rule | wc -l)" "$rules" \
  "the test leaves no rule in the hop"
run as_user rk-enter -p "$p" sh -c 'ip route add blackhole 10.0.2.2 && ip link set tap0 mtu 68 && ip link set tap0 down'
is "$rc" 0 "root inside lets nothing through to the driver" || diag "$err"
d=$new; kill -KILL "$d"
ok "sealed as it is, it comes back again" wait_until another
: > "$T/u/options"
kill -KILL "$new"
ok "unsealed, it fails, whatever root inside has done to its own network" wait_until grep -q \
  "^failed: turncoat was ended: the host's loopback can be reached from inside: \(TCP\|UDP\) to 127\.0\.0\.1" \
  "$D/net/status"
is "$(pgrep -P "$o")" "" "and does not run on"
end "$p"
done_testing
