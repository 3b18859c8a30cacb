# shellcheck shell=sh
# tests/lib.sh: what every test reads first:  . "${RK_TEST_LIB:-tests/lib.sh}"
# TAP for POSIX sh. tests/run starts tests; NAME.t runs as the test user, NAME.root.t as root.
#
#   plan N | done_testing            how many checks: said first, or counted at the end
#   ok NAME CMD...                   CMD succeeds          not_ok NAME CMD...   CMD fails
#   is GOT WANT NAME                 equal                 isnt GOT UNWANTED NAME
#   like TEXT ERE NAME               a line matches        unlike TEXT ERE NAME
#   run CMD...                       -> $rc $out $err (stdin is empty; `run_in TEXT CMD...` feeds TEXT)
#   skip N REASON | skip_all REASON  a skip says why       bail TEXT            end this file, failed
#   need CMD...                      skip_all unless all these programs are there
#   spawn CMD...                     in the background: $pid, ended at exit (stdout, stderr -> $T/spawn.PID.out/.err if
# not redirected)
#   end PID                          end a spawned process now and wait for it
#   wait_gone PID [SECONDS]          until the process is gone (a zombie counts as gone), by pidfd; fails after SECONDS
# (30)
#   wait_until CMD...                until CMD succeeds, for at most 30 seconds: machines of CI stall, and only a
# failure waits so long
#   outer                            run this whole test in an outer network namespace of its own: o0 192.0.2.1/24
# 2001:db8::1/64,
#                                    and behind it a peer 192.0.2.2, 2001:db8::2 (as root: `peer CMD...`) that answers
# "unreachable" for all else
#   outside_of PID                   (root) the rk-outside of the chain whose pid this is
#   as_user CMD...                   (tests/bin, keeps the pid) run CMD as the test user from a root test
#   changes LINK...                  -> $changed: the attributes (keys of rk-t-probe, in order, one blank between) that
# `LINK... PROG`
#                                    changes for PROG, $diff: the diff itself, $rc. A mount's key is mount.DIRECTORY, a
# variable's env.NAME
#   attr KEY                         that attribute's value after the link of the last `changes`
#   $T                               a fresh directory, removed at exit (`at_exit CODE` adds to that)
#   rk_chain CMD...                  nothing but rk-userns rk-idmap CMD...
set -u
LC_ALL=C; export LC_ALL
tap_n=0 tap_bad=0 tap_spawned=0 tap_plan='' tap_pids='' tap_exit='' rc=0 out='' err='' pid=''
T=$(mktemp -d "${TMPDIR:-/tmp}/t.XXXXXX") || exit 99
[ "$(id -u)" != 0 ] || chmod 0711 "$T"

plan() { tap_plan=$1; echo "1..$1"; }
done_testing() { plan "$tap_n"; }
tap_diag() { printf '%s\n' "$@" | sed 's/^/# /' >&2; }
diag() { tap_diag "$@"; }
note() { printf '%s\n' "$@" | sed 's/^/# /'; }
pass() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
fail() {
  tap_n=$((tap_n + 1)) tap_bad=$((tap_bad + 1))
  echo "not ok $tap_n - $1"; shift
  tap_diag "$0:" "$@"
  return 1
}
ok() {
  tap_name=$1; shift
  if "$@"; then pass "$tap_name"; else fail "$tap_name" "failed ($?): $*"; fi
}
not_ok() {
  tap_name=$1; shift
  if "$@"; then fail "$tap_name" "should have failed: $*"; else pass "$tap_name"; fi
}
is() {
  if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "got:" "$1" "wanted:" "$2"; fi
}
isnt() {
  if [ "$1" != "$2" ]; then pass "$3"; else fail "$3" "got, and did not want:" "$1"; fi
}
like() {
  if printf '%s\n' "$1" | grep -Eq -e "$2"; then pass "$3"; else fail "$3" "got:" "$1" "wanted a line like:" "$2"; fi
}
unlike() {
  if printf '%s\n' "$1" | grep -Eq -e "$2"; then fail "$3" "got:" "$1" "wanted no line like:" "$2"; else pass "$3"; fi
}
run() { run_in '' "$@"; }
run_in() {
  printf '%s' "$1" > "$T/.in"; shift
  rc=0
  "$@" < "$T/.in" > "$T/.out" 2> "$T/.err" || rc=$?
  out=$(cat "$T/.out") err=$(cat "$T/.err")
}
skip() {
  tap_left=$1
  while [ "$tap_left" -gt 0 ]; do
    tap_n=$((tap_n + 1)) tap_left=$((tap_left - 1))
    echo "ok $tap_n # SKIP $2"
  done
}
skip_all() { echo "1..0 # SKIP $*"; tap_plan=0; exit 0; }
bail() { fail "$*"; tap_plan=0; exit 255; } # not "Bail out!": that would end every other file as well
need() {
  for tap_c in "$@"; do command -v "$tap_c" >/dev/null 2>&1 || skip_all "no $tap_c on this machine"; done
}
spawn() {
  tap_spawned=$((tap_spawned + 1))
  : > "$T/.spawn$tap_spawned.out"; : > "$T/.spawn$tap_spawned.err"
  "$@" < /dev/null > "$T/.spawn$tap_spawned.out" 2> "$T/.spawn$tap_spawned.err" &
  pid=$!
  # the child opens its files when it gets to run: name them for the pid by links
  ln -s ".spawn$tap_spawned.out" "$T/spawn.$pid.out"; ln -s ".spawn$tap_spawned.err" "$T/spawn.$pid.err"
  tap_pids="$tap_pids $pid"
}
end() {
  kill -TERM "$1" 2>/dev/null; rk-t-wait "$1" 10 2>/dev/null || kill -KILL "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  tap_forget "$1"
}
tap_forget() {
  tap_rest=''
  for tap_p in $tap_pids; do [ "$tap_p" = "$1" ] || tap_rest="$tap_rest $tap_p"; done
  tap_pids=$tap_rest
}
wait_gone() { rk-t-wait "$1" "${2:-30}"; }
wait_until() {
  tap_tries=1500
  until "$@" >/dev/null 2>&1; do
    tap_tries=$((tap_tries - 1))
    [ "$tap_tries" -gt 0 ] || return 1
    sleep 0.02
  done
}
changes() {
  rm -f "$T/.a" "$T/.b"
  rk-t-probe -o "$T/.a" < /dev/null > "$T/.out" 2> "$T/.err"
  rc=0
  "$@" rk-t-probe -o "$T/.b" < /dev/null > "$T/.out" 2> "$T/.err" || rc=$?
  out=$(cat "$T/.out") err=$(cat "$T/.err")
  [ -e "$T/.b" ] || : > "$T/.b"
  sort -o "$T/.a" "$T/.a"; sort -o "$T/.b" "$T/.b" # a new mount namespace lists its mounts in another order
  diff=$(diff -U 0 "$T/.a" "$T/.b" | sed '1,2d; /^@@/d')
  changed=$(printf '%s\n' "$diff" | sed -n 's/^[-+]\([^=]*\)=.*/\1/p' | sort -u | tr '\n' ' ')
  changed=${changed% }
}
attr() { sed -n "s|^$1=||p" "$T/.b"; }
outer() {
  [ -z "${RK_TEST_OUTER:-}" ] || return 0
  [ "$(id -u)" = 0 ] || bail "outer: start this test with tests/run"
  rm -rf "$T"; trap - EXIT
  exec rk-t-outer sh "$0"
}
peer() { nsenter --net="$RK_TEST_OUTER" "$@"; }
rk_chain() { rk-userns rk-idmap "$@"; }
outside_of() {
  for tap_o in $(pgrep -x rk-outside); do
    if grep -qs "^Pid:.$1\$" "/proc/$tap_o/fdinfo/4"; then echo "$tap_o"; return 0; fi
  done
  return 1
}
at_exit() { tap_exit="$1; $tap_exit"; }
tap_end() {
  tap_rc=$?
  trap '' INT TERM HUP
  eval "$tap_exit"
  for tap_p in $tap_pids; do end "$tap_p"; done
  cd /
  if [ -n "${RK_TEST_KEEP:-}" ]; then note "kept: $T"
  else rm -rf "$T" 2>/dev/null || rk-userns rk-idmap rm -rf "$T" 2>/dev/null # files of subordinate ids
  fi
  if [ "$tap_rc" = 0 ]; then
    [ -n "$tap_plan" ] || { echo "# no plan: the test ended too early" >&2; tap_rc=1; }
    [ "$tap_bad" = 0 ] || tap_rc=1
  fi
  exit "$tap_rc"
}
trap tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
