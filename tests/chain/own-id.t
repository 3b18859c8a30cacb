#!/bin/sh
# becoming the user again inside: files that real programs make belong to the user outside; with a network, a state
# directory, a pid namespace and a published port as in any chain
. "${RK_TEST_LIB:-tests/lib.sh}"
. "${RK_TEST_LIB%lib.sh}ports.sh"
need slirp4netns python3 tar
u=$(id -u) g=$(id -g)
foreign() { find "$1" \( ! -uid "$u" -o ! -gid "$g" \) -print | head -n 5; }
user() { rk-userns rk-idmap -u 1000:1000 rk-setid 1000:1000 "$@"; }
mkdir "$T/home" "$T/out"; cd "$T/home" || exit

# as an editor's server does it: many small files, links of both kinds, modes, renames over old files
cat > "$T/tree.py" <<'E'
import os
for d in range(40):
    at = "node_modules/pkg%d/lib" % d
    os.makedirs(at)
    for i in range(20):
        with open("%s/new%d" % (at, i), "w") as f:
            f.write("module %d\n" % i)
        os.chmod("%s/new%d" % (at, i), 0o755 if i % 5 == 0 else 0o640)
        os.rename("%s/new%d" % (at, i), "%s/f%d.js" % (at, i))
    os.link(at + "/f1.js", at + "/hard.js")
    os.makedirs("node_modules/.bin", exist_ok=True)
    os.symlink("../pkg%d/lib/f0.js" % d, "node_modules/.bin/pkg%d" % d)
    os.chown(at + "/f2.js", os.getuid(), os.getgid())
    os.lchown("node_modules/.bin/pkg%d" % d, -1, os.getgid())
    os.utime(at + "/f3.js", (1, 1))
E
run user python3 "$T/tree.py"
is "$rc$err" 0 "a tree of small files, made as the user inside"
is "$(find . -type f | wc -l) $(find . -type l | wc -l) $(find . -links 2 -type f | wc -l)" "840 40 80" "it is complete"
is "$(foreign .)" "" "all of it belongs to the user outside"
run rk-userns rk-idmap -u 1000:1000 sh -c 'cp -r node_modules copy && chown -R -h 1000:1000 copy && chmod -R go-w copy'
is "$rc$err $(foreign .)" "0 " "root inside copies it and gives it to the user's number: the user's, too"
run user sh -c 'tar -cf - node_modules | tar -xf - -C "$0" && diff -r node_modules "$0/node_modules"' "$T/out"
is "$rc$err$out $(foreign "$T/out")" "0 " "tar, both ways"
run rk-userns rk-idmap -u 1000:1000 tar -cf "$T/out/all.tar" node_modules
is "$(tar -tvf "$T/out/all.tar" --numeric-owner | awk '{ print $2 }' | sort -u)" "1000/1000" \
  "an archive that root inside makes says 1000"
chmod 0600 "$T/out/all.tar" 2> /dev/null
is "$(stat -c %u "$T/out/all.tar")" "$(awk -F: -v n="$(id -un)" '$1 == n { print $2; exit }' /etc/subuid)" \
  "what root inside keeps is a subordinate id's"
rk-userns rk-idmap rm -r "$T/out/all.tar"
if command -v git > /dev/null; then
  run user sh -ec 'git init -q repo; cd repo; cp -r ../node_modules .; git add .
    git -c user.name=n -c user.email=e commit -qm one; git gc -q; git status --porcelain; git clone -q . ../clone'
  is "$rc$err$out $(foreign .)" "0 " "git: a repository, packed and cloned"
  run git -C clone log --format=%s
  is "$rc$err $out" "0 one" "which git outside takes for the user's own"
else skip 2 "no git on this machine"; fi
if command -v dpkg-deb > /dev/null; then
  mkdir -p pkg/DEBIAN pkg/usr/share/x
  printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: n <e@x>\nDescription: x\n' > pkg/DEBIAN/control
  run user sh -c 'dpkg-deb --build pkg x.deb && dpkg-deb -x x.deb unpacked'
  is "$rc$err $(foreign .)" "0 " "dpkg-deb"
else skip 1 "no dpkg-deb on this machine"; fi
if command -v npm > /dev/null; then
  mkdir dep app; echo '{"name":"dep","version":"1.0.0","bin":"x.js"}' > dep/package.json
  printf '#!/usr/bin/env node\n' > dep/x.js
  echo '{"name":"app","version":"1.0.0"}' > app/package.json
  run user env HOME="$T/home" sh -c 'cd dep && npm pack --silent >&2 && cd ../app &&
    npm install --silent --offline --no-audit --no-fund ../dep/dep-1.0.0.tgz'
  is "$rc $(ls app/node_modules/.bin) $(foreign .)" "0 dep " "npm" || diag "$err"
else skip 1 "no npm on this machine"; fi

# two steps: root inside prepares, then the user works; groups and files of the image follow /etc/group inside
run rk-userns rk-idmap -u 1000:1000 rk-copyup /etc sh -c '
  rm /etc/passwd /etc/group
  echo "box:x:1000:1000::/:/bin/sh" > /etc/passwd
  printf "box:x:1000:\ntools:x:1500:box\n" > /etc/group
  install -d -m 2770 -o 0 -g 1500 "$0/shared"
  exec rk-setid 1000:1000 sh -c "id -un; id -Gn; touch \"\$0/shared/f\"" "$0"' \
  "$T/home"
is "$rc$err $(echo $out)" "0 box box tools" "names and groups are those of the inside"
is "$(rk-userns rk-idmap -u 1000:1000 stat -c %u:%g "$T/home/shared/f")" 1000:1500 \
  "a directory of such a group takes files"

run "$RK_TEST_STAGE/rk/examples/chains/own-id.sh" sh -c \
  'id -u; cat /etc/own-id; touch "$0"; echo x >> /etc/own-id; exit 3' \
  "$T/home/example"
is "$rc $(echo $out)" "3 $u root was here" "examples/chains/own-id.sh"
is "$(stat -c %u:%g "$T/home/example")" "$u:$g" "its files are the user's"
like "$err" 'Permission denied' "what root has made is root's"

# the whole chain
spawn rk-state "$T/st" rk-userns rk-idmap -u 1000:1000 rk-copyup /etc:/run rk-net -d slirp4netns rk-pidns -s \
  rk-setid 1000:1000 python3 -u -m http.server 8000
chain=$pid
ok "it starts" wait_until test -s "$T/st/child_pid"
portd_start "$T/st"
p=$(free_port)
run rk-port add "$T/st" "127.0.0.1:$p:8000/tcp"
is "$rc$err" 0 "a port is published"
get() { python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://" + sys.argv[1] + "/", timeout=60).status)' "127.0.0.1:$p"; }
is "$(get)" 200 "and answers"
run rk-enter -s "$T/st" sh -c 'id -u; stat -c %u:%g /etc/resolv.conf; grep -c nameserver /etc/resolv.conf'
is "$rc$err $(echo $out)" "0 0 0:0 1" "rk-enter is root inside; resolv.conf is root's and names the driver's"
run rk-enter -s "$T/st" rk-setid 1000:1000 sh -c 'id -u; echo x > "$0"; exec 2>&1; echo y >> /etc/resolv.conf' \
  "$T/home/entered"
like "$out" '^1000$' "and rk-setid the user again"
is "$(foreign "$T/home/entered")" "" "whose files are the user's outside"
like "$out" 'Permission denied' "and who may not write what is root's"
run rk-enter -s "$T/st" rk-setid 1000:1000 rk-port add -N -n inside "$T/st" "127.0.0.1:$(free_port):8000/tcp"
is "$rc$err$out" 0inside "the user inside publishes ports as the user outside does"
is "$(foreign "$T/st/ports")" "" "by files of that user"
end "$chain"
cleared() { [ ! -e "$T/st/child_pid" ]; }
ok "the state directory is cleared" wait_until cleared
# without a copy of /etc the two files are mounted over the host's
run rk-userns rk-idmap -u 1000:1000 rk-net -d slirp4netns rk-setid 1000:1000 sh -c \
  'stat -c %u:%g /etc/resolv.conf; cat /etc/resolv.conf; echo x >> /etc/hosts'
like "$out" '^nameserver 10\.0\.2\.3' "rk-net alone: resolv.conf is written" || diag "$err"
like "$out" '^0:0' "and root's"
done_testing
