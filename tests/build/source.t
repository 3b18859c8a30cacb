#!/bin/sh
# the source tree's own rules: skalibs names that change between versions, sizes, traces of a machine (reference: style
# 4.11, 4.16)
. "${RK_TEST_LIB:-tests/lib.sh}"
plan 7
sources() { find src -name '*.[ch]'; }
found() { # PATTERN FILES...: matches, or nothing
  grep -nE "$@" || :
}
names='strerr_(dief|diefu|diefusys|warnw|warnwu|warnwusys|die|warn)[0-9]+(x|sys)|strerr_diefu?n\(|skalibs/(gol|cspawn|prog|strerr2)\.h|\b(env_get|child_spawn[0-9]*(_pipe|_socket)?|cspawn|gcspawn|mspawn|mkdirp|slurpn|openslurpnclose|case_str|selfpipe_caught|tain_addmsec|fork_newpid|millisleep|ip[46]_netmask|socket_recv46|strerr_(warnf|warnd)[a-z]*)\('
# shellcheck disable=SC2046 # our own file names
is "$(found "$names" $(sources))" "" "only skalibs names that mean the same from 2.13 to 2.15"
# shellcheck disable=SC2046
is "$(found '#include <stdio.h>' $(find src -name '*.c' ! -path 'src/librk/*' ! -path 'src/libcompat/*' | grep -Ev 'rk-(run|api|port|portd|relay)/|libcompat/|/drivers/'))" "" "no stdio in a link"
# shellcheck disable=SC2046
# backends: words that --source-ip-transparent-backend knows
is "$(found '\b(system|popen)\(|"(/bin/)?(sh|ip|nsenter|mount|iptables|sysctl)"' $(sources) |
  grep -v ' \*const backends\[\] = ')" "" \
  "nothing runs a shell, ip, nsenter, mount, iptables or sysctl"
# shellcheck disable=SC2046
is "$(found '\b(TODO|FIXME|XXX)\b' $(sources))" "" "nothing is left to do by its own words"
is "$(for f in $(find src -name '*.c'); do head -n 1 "$f" | grep -q 'SPDX-License-Identifier' || echo "$f"; done)" "" \
  "every file names its licence"
# a path of a development machine, or the name of a package registry's host
traces='(^|[^A-Za-z0-9}])/(work|home|root)/[a-z]|(deb|snapshot|security|archive|ports)\.(debian|ubuntu)\.(org|com)|dl-cdn\.alpinelinux|proxy\.golang|registry\.npmjs|pypi\.org'
is "$(grep -rnE "$traces" . --include='*' --exclude-dir=.git --exclude-dir=build | grep -Ev '^\./tests/build/source\.t:|/home/(rktest|user|alice|bob|me)\b' || :)" "" "no trace of a machine or of a registry"
is "$(grep -rnE '(^|[^[:alnum:]])sleep [0-9]' tests --include='*.t' | grep -Ev 'rk-|as_user|spawn|run |exec|sh -c|tests/bench|timeout|(until|while) ' || :)" "" "no test waits by sleeping"
