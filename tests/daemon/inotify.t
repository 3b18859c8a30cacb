#!/bin/sh
# inotify instances or watches of the user used up: what needs them looks again and again instead, and says so
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need slirp4netns unshare curl
p=$(free_port) q=$(free_port)
# limits of a user namespace of our own, in which we are root: sysctls of user_namespaces(7)
cat > "$T/limited" <<'E2'
set -e
mount --bind "$2/etc" /etc
echo 0 > "/proc/sys/user/$1"
shift 2
exec sh "$@"
E2
cat > "$T/body" <<'E2'
D=$1 p=$2 q=$3
mkdir -p "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/given"
rk-portd -d 3 "$D" 3> "$D.ready" & portd=$!
rk-port wait -t 20 "$D" given && echo "wait: given listens"
rk-port add -n more "$D" "127.0.0.1:$q:81/tcp" && echo "add: more listens"
rk-port ls "$D" | sed '1d; s/ .*//' | tr '\n' ' '
rk-port rm "$D" more && [ ! -e "$D/ports.status/more" ] && echo "rm: more is withdrawn"
mv "$D/ports/given" "$D/ports/renamed"
rk-port wait -t 20 "$D" renamed && echo "rename: noticed"
rm "$D/ports/renamed"
while [ -e "$D/ports.status/renamed" ]; do sleep 0.02; done
mv "$D/ports" "$D/old"; mkdir "$D/ports"
echo "127.0.0.1:$p:80/tcp" > "$D/ports/new"
rk-port wait -t 20 "$D" new && echo "another directory: noticed"
rk-state "$D" rk-userns rk-idmap -m single rk-copyup /etc rk-net -d slirp4netns sh -c '
  while ! grep -q "changed-${0##*/}" /etc/hosts; do sleep 0.02; done; echo "hosts: follows"' "$D" & chain=$!
rk-port wait -c -t 20 "$D" && echo "chain: noticed"
echo "192.0.2.7 changed-${D##*/}" >> /etc/hosts
wait "$chain"
rk-apid "$D" & apid=$!
while [ ! -S "$D/api.sock" ]; do sleep 0.02; done
ports() { curl -s --unix-socket "$D/api.sock" http://x/v1/ports; }
ports | grep -q "$p" && echo "API: lists"
rk-port add -n more "$D" "127.0.0.1:$q:81/tcp" > /dev/null
while ! ports | grep -q "$q"; do sleep 0.02; done
echo "API: notices"
kill "$apid"
rm -r "$D/ports.status"
while [ ! -e "$D/ports.status/new" ]; do sleep 0.02; done
echo "statuses: written again"
mv "$D" "$D.away"
wait "$portd"
echo "moved away: rk-portd ends with $?"
E2
want='wait: given listens
more
add: more listens
given more rm: more is withdrawn
rename: noticed
another directory: noticed
chain: noticed
hosts: follows
API: lists
API: notices
statuses: written again
moved away: rk-portd ends with 0'
mkdir "$T/etc"; cp -R -L /etc/hosts /etc/resolv.conf /etc/passwd /etc/group "$T/etc"
for what in instances watches; do
  run unshare -Urm sh "$T/limited" max_inotify_$what "$T" "$T/body" "$T/$what" "$p" "$q"
  is "$rc $out" "0 $want" "no inotify $what: all is noticed"
  like "$err" "^rk-portd: warning: unable to follow $T/$what: .*\\(fs.inotify.max_user_$what\\)\$" \
    "rk-portd names the limit"
  like "$err" "^rk-outside .*: warning: .*/etc/hosts: .*\\(fs.inotify.max_user_$what\\)\$" "rk-outside as well"
  is "$(printf '%s\n' "$err" | grep -c fs.inotify)" 2 "each once"
done
done_testing
