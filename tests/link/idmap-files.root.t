#!/bin/sh
# /etc/subuid and /etc/subgid as people write them: what is taken, what is refused and with which words.
# /etc is a copy of it in a mount namespace of this test's own.
[ -n "${IDMAP_PRIVATE:-}" ] || IDMAP_PRIVATE=1 exec unshare -m sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
u=$RK_TEST_UID g=$RK_TEST_GID n=$RK_TEST_USER
{ cp -a /etc "$T/etc" && mount --bind "$T/etc" /etc; } || bail "no private /etc"
at_exit 'umount -l /etc'

# files UIDTEXT [GIDTEXT]: %-escapes as in printf; N is the user, U its uid, G its gid
files() {
  for kind in uid gid; do
    printf '%b' "$1" | sed "s/^N/$n/; s/^U/$u/; s/\bG\b/$g/g; s/:U:/:$u:/" > /etc/sub$kind
    [ $# = 1 ] || shift
  done
}
takes() { # NAME MAPLINES(after the first)
  run as_user rk-userns rk-idmap -m subids sh -c 'tail -n +2 /proc/self/uid_map; echo; tail -n +2 /proc/self/gid_map'
  got=$(printf '%s\n' "$out" | awk '{ printf "%s", NF ? $1 " " $2 " " $3 "," : "|" }')
  is "$rc $got" "0 $2|$2" "$1"
  [ "$rc" = 0 ] || diag "$err"
}
refuses() { # NAME ID ERE [FIX]
  run as_user rk-userns rk-idmap -m subids touch "$T/done"
  is "$rc" 102 "$1: 102"
  like "$err" "^rk-idmap: fatal: unable to map ids: $3" "$1: $3"
  like "$err" "^rk-idmap: info: $2: ${4:-.}" "$1: $2"
  is "$(printf '%s\n' "$err" | wc -l)" 2 "$1: in two lines"
}

files 'N:300000:10\n'; takes "by name" '1 300000 10,'
files 'U:300000:10\n'; takes "by uid" '1 300000 10,'
files 'N:300000:10'; takes "no final newline" '1 300000 10,'
files '# N:1:1\n\nother:300000:65536\nN:400000:10\n'; takes "comments, empty lines, others" '1 400000 10,'
files 'N:300000:10\nU:500000:5\nN:300000:10\nN:400000:20\n'; takes "several lines, duplicates" \
  '1 300000 10,11 500000 5,16 400000 20,'
files 'N:3000000000:65536\n'; takes "above 2^31" '1 3000000000 65536,'
files 'N:0x493e0:10\n'; takes "hexadecimal, as newuidmap" '1 300000 10,'
files 'other\nother:x:y\nN:300000:10\nN:300010:0\n'; takes "other people's faulty lines, an empty range" '1 300000 10,'

files ''; refuses "no line" I1 "no subordinate uids for $n: /etc/subuid has no line of that user" \
  "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $n$"
files 'a:100000:65536\nb:400000:65536\n' 'N:300000:10'; refuses "no line, the next free range" I1 \
  "no subordinate uids" "usermod --add-subuids 465536-531071 $n"
files 'N:300000:10' 'a:1:1'; refuses "no gid line" I1 "no subordinate gids" "usermod --add-subgids 300010-365545 $n\$"
files 'a:1:1' 'N:300000:10'; refuses "no uid line" I1 "no subordinate uids" "usermod --add-subuids 300010-365545 $n\$"
files 'a:165536:65536\nb:100000:65536\nc:4294836224:65536\nd:300000:1\n' 'e:231072:0x10000\n'
refuses "a range near the last id: the first gap that nobody has, in uids and gids" I1 "no subordinate uids" \
  "usermod --add-subuids 300001-365536 --add-subgids 300001-365536 $n\$"
files 'a:4294836224:65536\nb:300000:10\n'; cp /etc/passwd "$T/passwd"; cp /etc/group "$T/group"
echo "far:x:120000:120000::/:/bin/sh" >> /etc/passwd; echo "far:x:150000:" >> /etc/group
refuses "an account and a group in the way" I1 "no subordinate uids" "usermod --add-subuids 150001-215536"
cp "$T/passwd" /etc/passwd; cp "$T/group" /etc/group
files 'a:100000:599934464\n'; refuses "a range up to the last one that useradd gives" I1 "no subordinate uids" \
  "usermod --add-subuids 600034464-600099999"
files 'a:1000:4294966000\n'; refuses "no ids are left" I1 "no subordinate uids" "no 65536 ids in a row are free"

# what is printed is pasted: it works, whatever the name (glibc knows no name that begins with -)
for name in 'CORP\\alice' "o'hara" 'a b' '$(touch pasted)'; do
  awk -F: -v OFS=: -v u="$u" -v name="$name" '$3 == u { $1 = name } { print }' "$T/passwd" > /etc/passwd
  files 'a:100000:65536\n'
  run as_user rk-userns rk-idmap -m subids true
  fix=$(printf '%s\n' "$err" | sed -n 's/^rk-idmap: info: I1: //p')
  (cd "$T" && sh -c "$fix") || diag "$fix"
  run as_user rk-userns rk-idmap -m subids -n 65537 true
  is "$rc$err" 0 "the fix for the name $name works"
done
cp "$T/passwd" /etc/passwd
ok "no name was executed" test ! -e "$T/pasted"

# names come from the uid: all of them, and none from USER
as_user() { setpriv --reuid="$u" --regid="$RK_TEST_GID" --clear-groups --inh-caps=-all "$@"; }
echo "second:x:$u:$g::/:/bin/sh" >> /etc/passwd; files 'second:300000:10\n'
takes "the second name of the uid" '1 300000 10,'
cp "$T/passwd" /etc/passwd; files 'a:1:1\n'
USER=a refuses "another user's name in USER" I1 "no subordinate uids for $n:"
sed -i "/^$n:/d" /etc/passwd
USER=root refuses "USER is root, the uid has no name" I1 "no subordinate uids for $u:" \
  "give the uid a name, then: .* NAME\$"
USER='x
rk-idmap: info: I4: chmod' refuses "a line in USER" I1 "no subordinate uids for $u:"
mkdir "$T/bin"; printf '#!/bin/sh\necho "remote:*:%s:%s::/:/bin/sh"\n' "$u" "$g" > "$T/bin/getent"
chmod 0755 "$T" "$T/bin" "$T/bin/getent"
PATH=$T/bin:$PATH refuses "a name that a directory service has" I1 "no subordinate uids for remote:" \
  "usermod .* remote\$"
cp "$T/passwd" /etc/passwd; rm -r "${T:?}/bin"

# newuidmap opens without following links
files 'N:300000:10'; mv /etc/subuid /etc/elsewhere; ln -s elsewhere /etc/subuid
refuses "a link" I1 "/etc/subuid is a symbolic link, which newuidmap" "install"
sh -c "$(printf '%s\n' "$err" | sed -n 's/^rk-idmap: info: I1: //p')"; takes "the fix for a link" '1 300000 10,'
ln -sf nowhere /etc/subgid
refuses "a dangling link" I1 "/etc/subgid is a symbolic link that leads nowhere" "rm"
sh -c "$(printf '%s\n' "$err" | sed -n 's/^rk-idmap: info: I1: //p')"
refuses "the fix for a dangling link leads on" I1 "no subordinate gids" "usermod --add-subgids"
for make in mkdir mkfifo; do
  rm -rf /etc/subuid /etc/subuid.old; "$make" /etc/subuid
  refuses "$make /etc/subuid" I1 "/etc/subuid is not a regular file" "mv"
  sh -c "$(printf '%s\n' "$err" | sed -n 's/^rk-idmap: info: I1: //p')"
  refuses "the fix after $make leads on" I1 "no subordinate uids" "usermod"
done
rm -rf /etc/subuid.old
files '#\nN:300000\n'; refuses "two fields" I6 "line 2 of /etc/subuid is malformed" "correct line 2"
files 'N:300000:10' 'N:300000:x\n'; refuses "no number" I6 "line 1 of /etc/subgid has a field that is no number"
files 'N:300000:10\n#\nN:300009:1\n'; refuses "an overlap" I6 "lines 1 and 3 of /etc/subuid overlap"
files "N:0:$((u + 1))\n" 'N:300000:10'; refuses "the own uid" I6 "line 1 of /etc/subuid contains the user's own id"
files 'N:300000:10' "N:0:$((g + 1))\n"; refuses "the own gid" I6 "line 1 of /etc/subgid contains the user's own id"
files 'N:4294967290:10\n'; refuses "past the last id" I6 "line 1 of /etc/subuid goes past the last id"
files 'N:300000:10 \n'; refuses "a trailing blank, which newuidmap does not read" I7 "newuidmap failed: .*not allowed" \
  "give the user these ids in /etc/subuid"
groupadd -f idmapgroup; usermod -g idmapgroup "$n" 2>/dev/null
files 'N:300000:10' 'idmapgroup:300000:10'
RK_TEST_GID=$(id -g "$n") refuses "subgid by group" I2 \
  "no line for $n in /etc/subgid: line 1 names the group idmapgroup" "begin line 1 of /etc/subgid"
files 'N:300000:10'
refuses "another group than that of the login" I14 "newuidmap refuses: the group of this process" \
  "start the chain with the login group"
usermod -g "$g" "$n"
files 'N:300000:10'; chmod 0600 /etc/subuid; refuses "an unreadable file" I1 \
  "unable to read /etc/subuid: Permission denied" "chmod 0644 /etc/subuid"
rm /etc/subuid; refuses "no file" I1 "no subordinate uids for $n: /etc/subuid does not exist" "usermod"

files 'a:1:1'; sed -i '/^subid/d' /etc/nsswitch.conf; echo 'subid: sss' >> /etc/nsswitch.conf
refuses "a directory service that has none for the user" I1 "getsubids names no uids for $n" \
  "have the source that nsswitch.conf names"
GETSUBIDS=/nonexistent; export GETSUBIDS # as if it were not installed
refuses "ids kept by a directory service" I3 "no line for $n in /etc/subuid, and /etc/nsswitch.conf says" \
  "install getsubids"
run as_user rk-userns rk-idmap sh -c 'cat /proc/self/uid_map'
is "$rc $(echo "$out" | tr -s ' ')" "0  0 $u 1" "auto then takes the own id"
like "$err" "^rk-idmap: info: only the own id is mapped \(I3: " "and says so"
is "$(printf '%s\n' "$err" | wc -l)" 1 "in one line"
unset GETSUBIDS; sed -i '/^subid/d' /etc/nsswitch.conf
printf '%s' "$(grep -v "^$n:" /etc/passwd; grep "^$n:" /etc/passwd)" > /etc/passwd.new; mv /etc/passwd.new \
  /etc/passwd; chmod 0644 /etc/passwd
files 'N:300000:10'; USER='' takes "the user's line is the last of /etc/passwd, without a newline" '1 300000 10,'
sed -i "/^$n:/d" /etc/passwd
files 'U:300000:10'
run setpriv --reuid="$u" --regid="$g" --clear-groups --inh-caps=-all env USER= rk-userns rk-idmap -m subids true
is "$rc" 102 "no entry in /etc/passwd: newuidmap refuses"
like "$err" 'newuidmap failed: .*user name' "with its own words"
is "$(ls "$T/done" 2>/dev/null)" "" "none of the refused programs ran"
done_testing
