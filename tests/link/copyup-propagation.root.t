#!/bin/sh
# rk-copyup -p: what the words mean; and no mount ever reaches the namespace it came from, even within one user
# namespace
. "${RK_TEST_LIB:-tests/lib.sh}"
if [ -z "${OUTER:-}" ]; then OUTER=1 exec unshare -m --propagation shared sh "$0"; fi
rm -rf "$T/d"; mkdir -p "$T/d/sub" "$T/a" "$T/b"
mount -t tmpfs rk-t-a "$T/a" && mount --make-shared "$T/a" && mkdir "$T/a/x" "$T/a/d"
how() { # WORD OF MOUNT: its propagation inside: private, shared, slave or both
  as_user rk-userns rk-idmap rk-copyup -p "$1" "$T/a/d" cat /proc/self/mountinfo > "$T/mi"
  awk -v at="$2" '$5 == at { p = ""; for (i = 7; $i != "-"; i++) p = p (p == "" ? "" : "+") substr($i, 1, index($i, ":") - 1); v = p == "" ? "private" : p } END { print v }' "$T/mi"
}
for w in private:private:master rprivate:private:private slave:master:master rslave:master:master \
  shared:shared+master:master rshared:shared+master:shared+master; do
  p=${w%%:*} rest=${w#*:}
  is "$(how "$p" /):$(how "$p" "$T/a")" "$rest" "$p: the root and another mount"
  case $p in rshared) want=shared ;; *) want=private ;; esac
  is "$(how "$p" "$T/a/d")" "$want" "$p: the cover"
done
before=$(cut -d ' ' -f 2- /proc/self/mountinfo)
for p in private rprivate slave rslave shared rshared; do
  for m in symlink overlay copy; do
    rk-copyup -p $p -m $m "$T/a/d:$T/d" sh -c "mount -t tmpfs none $T/b" ||
      fail "runs for root of this very user namespace, $p $m"
  done
  is "$(cut -d ' ' -f 2- /proc/self/mountinfo)" "$before" "$p: nothing reaches the namespace outside"
done
# what is mounted outside later comes in with rslave only
for p in rslave rprivate; do
  mkfifo "$T/$p.go" "$T/$p.in"
  rk-copyup -p $p "$T/a" sh -c "echo > $T/$p.in; read x < $T/$p.go; ls $T/a/x/" > "$T/$p.out" & q=$!
  read -r _ < "$T/$p.in"
  mount -t tmpfs none "$T/a/x" && : > "$T/a/x/late"
  echo > "$T/$p.go"; wait "$q"
  umount "$T/a/x"
done
is "$(cat "$T/rslave.out")" late "rslave: what the host mounts later appears inside"
is "$(cat "$T/rprivate.out")" "" "rprivate: it does not"
umount "$T/a"
done_testing
