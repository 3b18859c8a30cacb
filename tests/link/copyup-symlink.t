#!/bin/sh
# rk-copyup, mode symlink: RootlessKit's layout; nothing outside is touched; links that climb out of the directory work
. "${RK_TEST_LIB:-tests/lib.sh}"
D=$T/base/etc
mkdir -p "$D"; chmod 0751 "$D"
mkdir -p "$D/ssl/sub/sub" "$D/plain" "$D/mere/sub" "$T/base/var/ca"
echo CA > "$T/base/var/ca/pem"
ln -s ../../var/ca "$D/ssl/certs"                # openSUSE's /etc/ssl
ln -s ../../../../var/ca/pem "$D/ssl/sub/sub/deep"
ln -s ../var/ca "$D/top"; ln -s ../ssl "$D/plain/inner"; ln -s ../../file "$D/mere/sub/inner"
echo one > "$D/file"
mtime=$(stat -c %.Y "$D/file")
before=$(ls -lAR --time-style=full-iso "$T/base")
inside() { run rk_chain rk-copyup "$D" sh -c "cd $D || exit; $1"; }

inside 'stat -fc %T .; stat -c "%a %u:%g" .; readlink file top mere; readlink ssl plain | sed "s/[0-9]/N/"'
is "$out" "tmpfs
751 0:0
.ro1/file
../var/ca
.ro1/mere
.roN
.roN" "a tmpfs of the same mode, each entry a link, the text of a link as it was"
inside 'cat ssl/certs/pem ssl/sub/sub/deep top/pem plain/inner/certs/pem mere/sub/inner; ls .ro1/ssl'
is "$out" "CA
CA
CA
CA
one
certs
sub" "relative links out of the directory reach what they reached, at any depth"
inside 'realpath ssl; p=$(realpath ssl); rm -rf ssl && mkdir ssl && mount --rbind $p ssl && cat ssl/certs/pem'
like "$rc $out" "^0 $D/.ro[0-9]+\$" "the real path of such an entry is a directory of its own"
like "$out" "^CA\$" "a caller may put the real directory in the place of its link (dockerd-rootless.sh does)"
inside 'rm -rf ssl file plain && echo new > file && mkdir ssl && ls -A && cat .ro1/file'
is "$rc" 0 "entries can be removed and made anew"
like "$out" '^one$' "the original stays readable below .ro1"
inside 'echo two > file && cat .ro1/file'
is "$out" "two" "and an existing file is written through the link"
echo one > "$D/file"; touch -d "@$(printf '%s' "$mtime")" "$D/file"
is "$(ls -lAR --time-style=full-iso "$T/base")" "$before" "nothing outside was added, removed or changed"

mkdir "$D/.ro1" "$D/.ro2"; echo hers > "$D/.ro2/x"
inside 'readlink .ro1 file; cat .ro2/x'
is "$out" ".ro3/.ro1
.ro3/file
hers" "entries of the name .roN are never covered"
run rk_chain rk-copyup /tmp sh -c 'stat -c %a /tmp && echo > /tmp/rk-only-inside && ls -d /tmp/.ro1'
is "$rc $out" "0 1777
/tmp/.ro1" "/tmp is a directory like any other: no scratch directory is needed"
not_ok "and stays as it was outside" test -e /tmp/rk-only-inside
done_testing
