#!/bin/sh
# rootlesskit: the command line, read as RootlessKit reads it (compat section 2)
. "${RK_TEST_LIB:-tests/lib.sh}"
refused() { # ERROR ARGS...: usage error
  want=$1; shift
  run rootlesskit "$@"
  is "$rc $err
$(printf '%s\n' "$out" | sed -n 1,2p)" "1 [rootlesskit:parent] error: $want
Incorrect Usage: $want" "$want"
}
refused 'flag provided but not defined: -bogus' --bogus
refused 'flag provided but not defined: -ph' -ph
refused 'flag needs an argument: -state-dir' --state-dir
refused 'invalid boolean value "yes" for -pidns: parse error' --pidns=yes true
refused 'invalid value "x" for flag -mtu: parse error' --mtu x true
refused 'invalid value "99999999999999999999" for flag -mtu: value out of range' --mtu=99999999999999999999 true
refused 'invalid value "0x" for flag -mtu: parse error' --mtu=0x true
refused 'invalid value "1__0" for flag -mtu: parse error' --mtu=1__0 true
refused 'bad flag syntax: ---x' ---x
refused 'bad flag syntax: -=x' -=x
refused 'flag provided but not defined: -net-x' --net-x=1 --help

run rootlesskit -p 127.0.0.1:1:1/tcp --publish 127.0.0.1:2:2/tcp true
is "$rc $out $err" "1  [rootlesskit:parent] error: Cannot use two forms of the same flag: p publish" \
  "two names of one flag"
run rootlesskit --help
is "$rc $err" "0 " "help goes to stdout"
ok "and has --detach-netns as a word" sh -c 'printf "%s" "$1" | grep -qw -- --detach-netns' - "$out"
is "$(rootlesskit -h)" "$out" "-h is the same"
missing=
for f in debug help version print-semver state-dir net pasta-binary pesto-binary slirp4netns-binary \
  slirp4netns-sandbox slirp4netns-seccomp vpnkit-binary \
  lxc-user-nic-binary lxc-user-nic-bridge mtu cidr ifname disable-host-loopback ipv6 detach-netns copy-up copy-up-mode \
  propagation port-driver \
  publish source-ip-transparent source-ip-transparent-backend pidns cgroupns utsns ipcns reaper evacuate-cgroup2 \
  subid-source; do
  printf '%s\n' "$out" | grep -Eq "^ *--$f( |\$|,)" || missing="$missing $f"
done
is "$missing" "" "every flag of RootlessKit is in the help"
is "$(rootlesskit --version)" "rootlesskit version 3.3.0" "version"
is "$(rk-run -v | cut -d' ' -f1,2)" "rk-run version" "rk-run has its own"
is "$(rootlesskit --print-semver=major)$(rootlesskit --print-semver minor)$(rootlesskit -print-semver patch)" 330 \
  "--print-semver"
run rootlesskit --print-semver=x
is "$rc $err" '1 [rootlesskit:parent] error: expected --print-semver=(major|minor|patch), got "x"' "--print-semver=x"
run rootlesskit --print-semver=
is "$rc $err" "1 [rootlesskit:parent] error: no command specified" \
  "an empty one is ignored; no command is an error without help"
is "$out" "" "indeed"
run rootlesskit --print --pidns false; last=$(printf '%s\n' "$out" | tail -n 1)
is "$last" false "--pidns false: the command is false"
run rootlesskit --print=sh -net=none --propagation=rslave --net none --propagation private --pidns=F -- -x --help --
is "$(printf '%s\n' "$out" | tail -n 1)" "  -x --help --" "what follows -- is the command's"
like "$out" "rk-copyup -p private ''" "the last scalar wins"
unlike "$out" "rk-pidns" "--pidns=F is false"
run rootlesskit --print --copy-up='/etc, /run' --copy-up /var/lib true
like "$out" "rk-copyup -p rprivate /etc:/run:/var/lib" "lists split at commas, blanks are trimmed, repetition appends"
for n in 0x5dc 1500 01734 0o2734 0b10111011100 1_500 +1500; do
  like "$(rootlesskit --print --net=none --mtu=$n true 2>/dev/null; rootlesskit --print --net=slirp4netns --mtu="$n" true)" "rk-net .*-m (1500|988)( |\$)" "--mtu=$n"
done
run rootlesskit --print - x
is "$(printf '%s\n' "$out" | tail -n 1)" "- x" "a lone dash ends the flags"
run rootlesskit --state-dir= --net= true
is "$rc $(printf '%s\n' "$err" | tail -n 1)" "1 [rootlesskit:parent] error: unknown network mode: " \
  "empty values are values"
missing=
for f in $(rootlesskit --help | sed -n 's/^ *--\([a-z0-9-]*\).*/\1/p'); do
  case $f in print|service|publish-address) continue ;; esac # rk's own
  sed -n '/^.Sh FLAGS/,/^.Sh EXIT/p' doc/rootlesskit.1 | grep -qE "(^|[ ,])$f([,:= ]|\$)" || missing="$missing $f"
done
is "$missing" "" "rootlesskit(1) says of each flag whether it does the same"
done_testing
