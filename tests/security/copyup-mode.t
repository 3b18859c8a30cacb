#!/bin/sh
# rk-copyup: a covered directory keeps its permissions and its owner, so that only root inside can put its own files in
# the place of the host's: what another user inside plants in /etc, root inside would run with the user's own id outside
. "${RK_TEST_LIB:-tests/lib.sh}"
need setpriv
other='setpriv --reuid=33 --regid=33 --clear-groups --inh-caps=-all'
case $(rk_chain rk-copyup -m overlay "$T" true 2>&1) in
  *"not supported here"*) modes='symlink copy' ;;
  *) modes='symlink overlay copy' ;;
esac
tries='touch /etc/ld.so.preload; echo x > /etc/passwd; rm /etc/hostname; mv /etc/ssl /etc/gone; ln -s /tmp /etc/cron.now
  mkdir /etc/own; mknod /etc/pipe p; ln /etc/passwd /etc/second; chmod 777 /etc'
cat > "$T/tries" <<EOF
$tries
true
EOF
chmod 0644 "$T/tries"
look='ls -A /etc | cksum; cksum < /etc/passwd; stat -c %a /etc'

for mode in $modes; do
  dirs=/etc
  case $mode in
    overlay) if grep -q ' /etc/' /proc/self/mountinfo; then skip 2 "no overlay over an /etc with mounts below it"; \
      continue; fi ;;
  esac
  # shellcheck disable=SC2086 # words
  run rk_chain rk-copyup -m $mode $dirs sh -c \
    "{ $look; } > $T/a; $other sh < $T/tries 2> $T/said; { $look; } > $T/b; cmp $T/a $T/b && wc -l < $T/said"
  is "$rc $out" "0 9" "$mode: another user inside can add, replace, remove and rename nothing in /etc" ||
    diag "$(cat "$T/said")"
  is "$(tail -n 1 "$T/b")" "$(stat -c %a /etc)" "$mode: /etc has the permissions that it has outside"
done

for mode in $modes; do
  for perm in 755 700 711 750 2775 1777 777; do
    d=$T/$mode.$perm
    mkdir "$d"; chmod "$perm" "$d"; mkdir "$d/sub"; echo one > "$d/one"
    run rk_chain rk-copyup -m "$mode" "$d" sh -c \
      "stat -c '%a %u:%g' $d; rm -rf $d/sub $d/one && mkdir $d/sub && ls -A $d | grep -v '^\.ro[0-9]*\$'"
    is "$rc $out" "0 $perm 0:0
sub" "$mode: a directory of mode $perm keeps it, and root inside can remove and make anew"
  done
done

# layers upon layers, and a directory that a subordinate id owns
d=$T/their
mkdir "$d"
rk_chain chown 33:33 "$d"
for mode in $modes; do
  run rk_chain rk-copyup -m "$mode" "$d:$d" stat -c '%a %u:%g' "$d"
  is "$rc $out" "0 755 33:33" "$mode: covered twice, the owner that is mapped is kept"
done
rk_chain chown 0:0 "$d"
done_testing
