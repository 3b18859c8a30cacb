#!/bin/sh
# The control socket to rk-outside: only this toolkit's own links inherit it, and what a hostile holder sends leaves
# nothing there
. "${RK_TEST_LIB:-tests/lib.sh}"

# rk-outside lives on for the state directory, so that what it kept would stay open.
# shellcheck disable=SC2086 # words
for n in fds=1 fds=2 fds=3 fds=200 empty=1 empty=2 empty=200; do
  run rk-state "$T/st" rk-userns rk-idmap -k rk-t-ctl $n ready
  is "$rc $out" "0 $n: none left
ready: shut" "$n: rk-outside keeps no fd of a message that it refuses"
  like "$err" 'refused a request that no rk link makes; the control socket is closed$' "and says so"
done
run rk-state "$T/st" rk-userns rk-idmap -k rk-t-ctl empty=0
is "$out" "empty=0: none left" "an empty message closes it"
unlike "$err" refused "without a word, as the end does"

# One network a chain, also where it is none: the request is spent before a program could make it, with the host's
# loopback open
run rk-userns rk-idmap -k rk-t-ctl net=tap0
is "$out" "net=tap0: REPLY 0" "(who is given the socket may ask)"
for chain in "rk-userns rk-idmap" "rk-state $T/st rk-userns rk-idmap" "rk-userns rk-idmap rk-pidns" \
  "rk-userns rk-idmap rk-copyup /etc"; do
  # shellcheck disable=SC2086 # words
  run $chain rk-net -d none -k rk-t-ctl net=tap0
  is "$rc $out" "0 net=tap0: shut" "after rk-net -d none there is no network to be had: $chain"
done
run rk-userns rk-idmap rk-net -d none true
is "$rc $err" "0 " "rk-net -d none says nothing of it"
run env RK_OUTSIDE_FD=0 rk-userns rk-idmap rk-net -d none true
is "$rc" 0 "a stale variable from outside does not matter"
# an interface's name travels to the driver's program and to files: one that no rk-net sends is no request
long=abcdefghijklmnop
for i in - -a --help --help=x a/b 'a b' a:b . .. all default 'a%d' '' 'a"b' 'a\b'; do
  run rk-userns rk-idmap -k rk-t-ctl "net=$i"
  is "$out" "net=$i: shut" "rk-outside refuses an interface called \"$i\""
done
run rk-userns rk-idmap -k rk-t-ctl "net=${long%p}"
is "$out" "net=${long%p}: REPLY 0" "15 bytes may be"

# Whoever is no link of this installation gets no socket: by name, path, symlink or copy. Whoever is one gets it by each
# of its names.
bin=$RK_TEST_INST/bin
cat > "$T/payload" << 'E'
#!/bin/sh
n=0
for f in /proc/self/fd/*; do
  case $(readlink "$f") in socket:*) n=$((n + 1)) ;; esac
done
echo "sockets=$n RK_OUTSIDE_FD=${RK_OUTSIDE_FD:-}"
E
chmod 0755 "$T/payload"
none='sockets=0 RK_OUTSIDE_FD='
# the programs of the toolkit that are no links, the links themselves, names near theirs, and names that only begin so
for name in rk- rk-payload rk-t-payload rk-port rk-portd rk-apid rk-run rk-state rk-outside rk-relay rk-check rk-net2 \
  rk-ne rk-userns \
  rk-idmap rk-copyup rk-net rk-pidns rk-unshare rk-cgroup rk-enter rk-gate rk-hold; do
  mkdir -p "$T/by"
  cp "$T/payload" "$T/by/$name"
  run rk-userns rk-idmap "$T/by/$name"
  is "$rc $out" "0 $none" "another program called $name has no control socket, by its path"
  run env PATH="$T/by:$PATH" "$bin/rk-userns" "$bin/rk-idmap" "$name"
  is "$rc $out" "0 $none" "nor by its name, first in PATH"
  rm -r "$T/by"
done
like "$err" 'rk-hold is not the file of that name beside this program: it does not get the control socket' \
  "for the name of a link, it is said why"
run rk-userns rk-idmap sh -c 'exec env'
unlike "$out" '^RK_OUTSIDE' "a program finds nothing of it in its environment"
run rk-userns rk-idmap -k "$T/payload"
like "$out" '^sockets=1 RK_OUTSIDE_FD=[0-9]' "(-k gives it)"

works() { run "$@" rk-net -d none cat /proc/net/dev; }
mkdir -p "$T/links" "$T/copy/bin"
for p in rk-userns rk-idmap rk-net; do ln -s "$bin/$p" "$T/links/$p"; done
works "$T/links/rk-userns" "$T/links/rk-idmap"
is "$rc" 0 "a link is found by an absolute path that is a symlink" || diag "$err"
works env PATH="$T/links:/usr/bin:/bin" rk-userns rk-idmap
is "$rc" 0 "and in a directory of symlinks"
ln -s "$RK_TEST_INST" "$T/inst"
works env PATH="$T/inst/bin:/usr/bin:/bin" rk-userns rk-idmap
is "$rc" 0 "and through a symlink to the installation"
works env -C "$bin" ./rk-userns ./rk-idmap
is "$rc" 0 "and by a relative path"
cp "$bin/rk-userns" "$bin/rk-idmap" "$bin/rk-net" "$T/copy/bin"
cp -R "$RK_TEST_INST/libexec" "$T/copy"
works env PATH="$T/copy/bin:/usr/bin:/bin" rk-userns rk-idmap
is "$rc" 0 "a copied installation works" || diag "$err"
run rk-userns "$T/copy/bin/rk-idmap" true
is "$rc" 100 "but a link of another installation is no link of this one"
like "$err" "^rk-userns: warning: $T/copy/bin/rk-idmap is not the file of that name beside this program: " \
  "which is said"
like "$err" '^rk-idmap: fatal: unable to map ids: no control socket to rk-outside: start the chain with rk-userns, and put only rk links \(or links given -k\) between$' "twice"
run rk-userns -k "$T/copy/bin/rk-idmap" true
is "$rc $err" "0 " "-k allows it"
run rk-userns rk-idmap rk-copyup -m copy "$bin" rk-net -d none cat /proc/net/dev
is "$rc" 0 "an installation that is copied up on the way is still the same" || diag "$err"
run rk-userns rk-idmap -k rk-t-ctl net=tap0 verify
like "$out" "^verify: rk-outside cannot keep the program's namespaces open$" "a namespace that is none is said at once"
done_testing
