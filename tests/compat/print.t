#!/bin/sh
# rk-run --print and --service: golden texts
. "${RK_TEST_LIB:-tests/lib.sh}"
is "$(rk-run --print yes 1)" '#!/usr/bin/execlineb -P
rk-state -t ""
rk-userns
rk-idmap -m subids
rk-copyup -p rprivate ""
yes 1' "the smallest chain"
is "$(rk-run --print=sh --state-dir=/s --net=slirp4netns --cidr=10.0.3.0/24 --mtu=1500 --ifname=eth7 --ipv6 --disable-host-loopback --copy-up=/etc \
  --copy-up=/run --propagation=rslave --pidns --utsns --ipcns --cgroupns --evacuate-cgroup2=e --subid-source=static sh \
  -c 'echo "it'\''s $1" \')" "#!/bin/sh -e
exec rk-state -r /s \\
  rk-userns \\
  rk-idmap -m subids -s static \\
  rk-unshare -u -i -c \\
  rk-copyup -p rslave /etc:/run \\
  rk-cgroup -w -e e -m /sys/fs/cgroup \\
  rk-net -n slirp4netns -m 1500 -a 10.0.3.0/24 -i eth7 -6 \\
  rk-pidns -s \\
  sh -c 'echo \"it'\\''s \$1\" \\'" "the longest, for the shell"
is "$(rk-run --print --net=slirp4netns --copy-up=/etc --copy-up=/run --utsns --pidns true)" '#!/usr/bin/execlineb -P
rk-state -t ""
rk-userns
rk-idmap -m subids
rk-net -s -n slirp4netns -l
rk-unshare -u
rk-copyup -p rprivate /etc:/run
rk-net -w
rk-pidns -s
true' "a driver starts while files are copied up"
is "$(rk-run --print=sh --net=slirp4netns --copy-up=/etc --detach-netns true 2> /dev/null | grep -c 'rk-net')" 1 \
  "not that of a detached network"
is "$(rk-run --print=sh --state-dir=/s --port-driver=relay --net=pasta --copy-up-mode=symlink --copy-up=/etc true)" \
  "$(rk-run --print=sh --state-dir=/s --port-driver=builtin --net=pasta --copy-up=/etc true)" \
  "relay and symlink, as rk-portd and rk-copyup call them"
is "$(rk-run --print=sh --net=lxc-user-nic --copy-up=/etc true 2> /dev/null | grep -c 'rk-net')" 1 \
  "nor one without a tap"
is "$(rk-run --print=sh --reaper=true true 2> /dev/null | tail -n 2)" "  rk-reap -s \\
  true" "a reaper without a pid namespace"
is "$(rk-run --print --state-dir=/s --net=none --detach-netns --reaper=false --pidns --port-driver=builtin -p '127.0.0.1:1:1/tcp,[::1]:2:2/udp' prog 'a"b\c')" \
'#!/usr/bin/execlineb -P
if { umask 077 mkdir -p /s/ports }
if { redirfd -w 1 /s/ports/1 printf "%s\\n" 127.0.0.1:1:1/tcp srcip=loopback }
if { redirfd -w 1 /s/ports/2 printf "%s\\n" "[::1]:2:2/udp" srcip=loopback }
background { rk-portd -P relay /s }
background { rk-apid -P builtin -o srcip=loopback /s }
ifelse -n { rk-port wait /s } { foreground { rk-state -r /s rk-userns true } exit 1 }
rk-state -r /s
rk-userns
rk-idmap -m subids
rk-copyup -p rprivate ""
rk-net -n none -D
rk-pidns -s
prog "a\"b\\c"' "ports, quoting"
is "$(rk-run --print=sh --net=slirp4netns --port-driver=slirp4netns --source-ip-transparent=false \
  -p 1.2.3.4:1:1/tcp true 2> /dev/null)" '#!/bin/sh -e
dir=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/rk.XXXXXX")
(umask 077 && mkdir -p "$dir"/ports)
printf '"'%s\n'"' 1.2.3.4:1:1/tcp srcip=loopback > "$dir"/ports/1
rk-portd -P slirp4netns "$dir" &
rk-apid -P slirp4netns -o srcip=loopback "$dir" &
exec env RK_PORT_DRIVER=slirp4netns \
  rk-state -r "$dir" \
  rk-userns \
  rk-idmap -m subids \
  rk-copyup -p rprivate '"''"' \
  rk-net -n slirp4netns -l \
  env -u RK_PORT_DRIVER \
  sh -c '"'rk-port wait \"\$0\" && exec \"\$@\"'"' "$dir" \
  true' "without a name the script makes its directory"
if command -v execlineb > /dev/null; then
  rk-run --print=execline id -u > "$T/chain"; chmod +x "$T/chain"
  is "$("$T/chain")" 0 "the printed chain runs under execline"
else skip 1 "no execline"; fi
rk-run --print=sh sh -c 'id -u; exit 7' > "$T/chain"
run sh "$T/chain"; is "$rc $out" "7 0" "and in a shell"

export XDG_RUNTIME_DIR="$T/run"; mkdir "$T/run"
for kind in s6 runit; do
  ok "--service=$kind" rk-run --service=$kind --state-dir="$T/run/$kind" --net=none --port-driver=builtin -p \
    127.0.0.1:1:1/tcp "$T/$kind" nginx -g 'daemon off;'
  is "$(cd "$T" && find $kind* -type f | sort | tr '\n' ' ')" "$( [ $kind = runit ] || echo s6-apid/notification-fd '')$(:
    )$kind-apid/run $( [ $kind = runit ] || echo s6-portd/notification-fd '')$kind-portd/run $kind/run " "$kind: three services"
  like "$(cat "$T/$kind-portd/run")" '127.0.0.1:1:1/tcp srcip=loopback' "$kind: the port is part of the service"
  not_ok "$kind: nothing else is made" test -e "$T/run/$kind"
  not_ok "$kind: nothing is replaced" rk-run --service=$kind --state-dir="$T/run/$kind" "$T/$kind" true 2> /dev/null
done
is "$(tail -n 1 "$T/s6/run")" 'nginx -g "daemon off;"' "the run script ends in the program"
ok "--service=systemd" rk-run --net=pasta --service=systemd --copy-up=/etc "$T/unit" /bin/daemon '50%'
like "$(cat "$T/unit/daemon.service")" '^ExecStart="/.*/rk-run" "--net=pasta" "--copy-up=/etc" "/bin/daemon" "50%%"$' \
  "the unit's command"
done_testing
