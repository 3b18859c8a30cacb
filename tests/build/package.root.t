#!/bin/sh
# make install, make dist, package/deps
. "${RK_TEST_LIB:-tests/lib.sh}"
[ "$RK_TEST_MODE" = static ] || skip_all "reproducible builds are tested with MODE=static"
plan 16
chmod 0755 "$T"
for d in one two; do
  mkdir "$T/$d"
  (tar cf - --exclude=./build .) | (cd "$T/$d" && tar xf -)
  mkdir -p "$T/$d/build"
  cp -R "$RK_TEST_TOP/build/static" "$T/$d/build/static"; cp -R "$RK_TEST_TOP/build/deps" "$T/$d/build/deps"
done
cd "$T/one" || exit 1
run make -s install DESTDIR="$T/image" PREFIX=/usr
is "$rc/$err" 0/ "make install" 
is "$(cd "$T/image" && find . -type d ! -perm 755)" "" "directories have mode 0755"
is "$(cd "$T/image" && find . -type f -path '*bin/*' ! -perm 755)" "" "programs have mode 0755"
is "$(cd "$T/image" && find . -type f -path '*/man/*' ! -perm 644)" "" "pages have mode 0644"
is "$(cd "$T/image/usr/share/bash-completion/completions" && ls -L | tr '\n' ' ')" \
  "$(cd "$T/image/usr/bin" && ls | grep -Ev '^(rk-run|rootless.*)$' | (cat; echo rk) | LC_ALL=C sort | tr '\n' ' ')" \
  "completions for bash, by the name of each program"
ok "and for zsh and fish" test -s "$T/image/usr/share/zsh/site-functions/_rk" -a \
  -s "$T/image/usr/share/fish/vendor_completions.d/rk-net.fish"
ok "the overview page is there" test -s "$T/image/usr/share/man/man7/rk.7"
not_ok "test programs are not" sh -c 'find "$1" -name "rk-t-*" -o -name "t-*" | grep -q .' sh "$T/image"
run as_user env PATH="$T/image/usr/bin:/usr/bin:/bin" rk-userns rk-idmap id -u
is "$rc/$out" 0/0 "the installed programs find one another" || diag "$err"
run make -s html
is "$rc/$(grep -c 'href="rk-state.1.html"' build/html/rk.7.html)" 0/1 "make html, with links from page to page" ||
  diag "$err"
run make -s dist
is "$rc/$err" 0/ "make dist"
sum=$(cat build/dist/rk-*.tar.gz | sha256sum)
cd "$T/two" || exit 1
run make -s dist
is "$(cat build/dist/rk-*.tar.gz | sha256sum)" "$sum" "the same bytes from another directory"
not_ok "the tarball holds nothing built" sh -c 'tar tzf build/dist/rk-*.tar.gz | grep -E "/build/(static|deps)|\.o$"'
run package/deps nonsense
is "$rc" 100 "package/deps refuses a group that is not there"
printf 'x  rk-no-such-package  rk-no-such-package  rk-no-such-package\n' >> package/deps.list
run as_user package/deps x
is "$rc" 102 "without root it installs nothing"
like "$out" '(apt-get|apk|dnf) .*rk-no-such-package$' "and prints the one command"
