#!/bin/sh
# /etc/resolv.conf and /etc/hosts: what is kept, how they follow the host's, in every way to copy up /etc and with every
# kind of link
. "${RK_TEST_LIB:-tests/lib.sh}"
need slirp4netns
outer
. tests/net/lib.sh
net_etc
mkdir "$T/u" "$T/run"; chown "$RK_TEST_USER" "$T/u"; chmod 0755 "$T/etc" "$T/run"
mount --bind "$T/run" /mnt; at_exit 'umount -l /mnt' # the host's /run, so to speak
start() {
  spawn as_user rk-state "$T/u/st" rk-userns rk-idmap "$@" rk-t-hold; p=$pid
  wait_until test -s "$T/u/st/child_pid"; R=/proc/$p/root
}
stop() { end "$p"; wait_until test ! -e "$T/u/st"; }
host() { printf '%s\n' "$@" > /etc/.new; mv /etc/.new /etc/resolv.conf; }
sees() { [ "$(cat "$R/etc/resolv.conf")" = "nameserver 10.0.2.3${1:+
$1}" ]; }

for mode in symlink overlay copy; do
  host 'nameserver 192.0.2.53' '# a comment' 'search one.example two.example' '	options edns0' \
    'options	edns0 trust-ad' 'nameserver 192.0.2.54'
  start rk-copyup -m $mode /etc rk-net -d slirp4netns
  is "$(cat "$R/etc/resolv.conf")" \
    "$(printf 'nameserver 10.0.2.3\nnameserver 192.0.2.54\nsearch one.example two.example\noptions\tedns0 trust-ad')" \
    "$mode: search domains and options are kept"
  not_ok "$mode: it is a file" test -L "$R/etc/resolv.conf"
  host 'nameserver 192.0.2.53' 'search vpn.example'
  ok "$mode: replaced on the host, it follows" wait_until sees 'search vpn.example'
  printf 'nameserver 192.0.2.53\nsearch written.example\n' > /etc/resolv.conf
  ok "$mode: rewritten in place, it follows" wait_until sees 'search written.example'
  rm /etc/resolv.conf
  ok "$mode: removed, it follows" wait_until sees ''
  ln -s /mnt/sub/resolv.conf /etc/resolv.conf
  mkdir /mnt/sub; echo 'search late.example' > /mnt/sub/resolv.conf
  ok "$mode: a link into a directory that came later" wait_until sees 'search late.example'
  echo 'search again.example' > /mnt/sub/new; mv /mnt/sub/new /mnt/sub/resolv.conf
  ok "$mode: its target replaced" wait_until sees 'search again.example'
  mkdir /mnt/two; echo 'search two.example' > /mnt/two/resolv.conf; mv /mnt/sub /mnt/old; ln -s two /mnt/sub
  ok "$mode: a directory on its way replaced" wait_until sees 'search two.example'
  echo "192.0.2.7 seven-$mode" >> /etc/hosts
  ok "$mode: hosts follows, too" wait_until grep -q "seven-$mode" "$R/etc/hosts"
  is "$(cat "$T/u/st/resolv.conf")" "$(cat "$R/etc/resolv.conf")" "$mode: the state directory has the same"
  as_user rk-enter -p "$p" sh -c \
    'echo "nameserver 192.0.2.99" > /etc/.mine; mv /etc/.mine /etc/resolv.conf; echo 192.0.2.8 eight >> /etc/hosts'
  echo 'search host.example' > /mnt/two/resolv.conf; echo "192.0.2.9 nine-$mode" >> /etc/hosts
  ok "$mode: the state directory goes on following" wait_until grep -qx 'search host.example' "$T/u/st/resolv.conf"
  wait_until grep -q "nine-$mode" "$T/u/st/hosts"
  is "$(cat "$R/etc/resolv.conf")" "nameserver 192.0.2.99" "$mode: what the program has replaced is its own"
  not_ok "$mode: and what it has changed" grep -q "nine-$mode" "$R/etc/hosts"
  stop
  rm -rf /mnt/..?* /mnt/[!.]*
done

# what /etc/resolv.conf may be when the chain starts
for kind in 'missing' 'a dangling link' 'a link'; do
  rm -f /etc/resolv.conf; mkdir -p /mnt/x; rm -f /mnt/x/r
  case $kind in 'a dangling link') ln -s ../mnt/x/r /etc/resolv.conf ;; 'a link') echo 'search x.example' > /mnt/x/r; \
    ln -s ../mnt/x/r /etc/resolv.conf ;; esac
  for mode in symlink overlay copy; do
    run as_user rk-userns rk-idmap rk-copyup -m $mode /etc rk-net -d slirp4netns head -n 1 /etc/resolv.conf
    is "$rc $out" "0 nameserver 10.0.2.3" "$mode: resolv.conf is $kind"
  done
  run as_user rk-userns rk-idmap rk-net -d slirp4netns head -n 1 /etc/resolv.conf
  if [ "$kind" = 'a link' ]; then
    is "$rc $out" "0 nameserver 10.0.2.3" "not copied up: resolv.conf is $kind"
    is "$(cat /mnt/x/r)" 'search x.example' "the host's is untouched"
  else
    is "$rc" 102 "not copied up: resolv.conf is $kind"
    like "$err" 'info: N8: put rk-copyup /etc before rk-net' "and what to do is said"
  fi
done
echo 'search x.example' > /mnt/x/r
start rk-net -d slirp4netns
ok "not copied up: as well" sees 'search x.example'
like "$(cat "$T/spawn.$p.err")" 'warning: /etc is not copied up' "with a warning"
echo 'search y.example' > /mnt/x/r
ok "not copied up: it follows" wait_until sees 'search y.example'
stop

# nameservers that cannot be reached from inside, and a host name that is the address of an interface
host 'nameserver fe80::1%o0' 'nameserver ::1'
cp /etc/hosts /etc/hosts.was
n=$(uname -n)
printf '%s\n' "192.0.2.1	full.example $n # a comment" "2001:db8::1 $n" "127.0.1.1 other $n" "192.0.2.2 x$n" \
  "# 192.0.2.3 $n" > /etc/hosts
start rk-copyup /etc rk-net -d slirp4netns
is "$(cat "$R/etc/resolv.conf")" "" "loopback and link-local nameservers are not listed"
like "$(cat "$T/spawn.$p.err")" \
  "^rk-outside .*: warning: no nameserver of the host's /etc/resolv.conf can be reached from inside" "and that is said"
is "$(cat "$R/etc/hosts")" "127.0.0.1	full.example $n # a comment
::1 $n
127.0.1.1 other $n
192.0.2.2 x$n
# 192.0.2.3 $n

127.0.0.1 $n
::1 $n" "the host's own name is an address that a server inside can bind"
host 'nameserver 192.0.2.53'
ok "a nameserver that comes later is taken" wait_until sees ''
stop
mv /etc/hosts.was /etc/hosts

# more directories on the way than there is room to follow
rm -f /etc/resolv.conf; mkdir -p /mnt/deep; deep=/mnt/deep
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  mkdir -p "$deep/$i/a/b/c/d/e"; ln -s "../../../../../../$((i + 1))/a/b/c/d/e/f" "$deep/$i/a/b/c/d/e/f"
done
mkdir -p "$deep/13/a/b/c/d/e"; echo 'search deep.example' > "$deep/13/a/b/c/d/e/f"
ln -s "$deep/1/a/b/c/d/e/f" /etc/resolv.conf
start rk-copyup /etc rk-net -d slirp4netns
ok "behind twelve links in deep directories" sees 'search deep.example'
echo 'search deeper.example' > "$deep/13/a/b/c/d/e/f"
ok "it is followed" wait_until sees 'search deeper.example'
is "$(cat "$T/spawn.$p.err")" "" "without a word"
stop

# the payload cannot make rk-outside write elsewhere
host 'search safe.example'
start rk-copyup /etc rk-net -d slirp4netns
as_user sh -c 'echo mine > "$1"' sh "$T/u/victim"
as_user rk-enter -p "$p" sh -c \
  'ln -s "$1" /etc/.new-resolv.conf; rm /etc/hosts; ln -s "$1" /etc/hosts; mkdir /etc/.new-hosts' sh "$T/u/victim"
host 'search safe2.example'
ok "a link in the way of the new file is removed" wait_until sees 'search safe2.example'
echo "192.0.2.10 ten" >> /etc/hosts
wait_until grep -q ten "$T/u/st/hosts"
is "$(cat "$T/u/victim")" mine "and not followed"
stop
done_testing
