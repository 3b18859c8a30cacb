#!/bin/sh
# rk-copyup on a directory in which another user of the host owns entries: depth, names and changes keep no chain from
# starting, and reach no terminal. Mounts are made in a mount namespace of this test's own.
[ -n "${COPYUP_PRIVATE:-}" ] || COPYUP_PRIVATE=1 exec unshare -m sh "$0"
. "${RK_TEST_LIB:-tests/lib.sh}"
need setpriv python3
D=$T/d
mkdir -m 1777 "$D"
other() { setpriv --reuid=23999 --regid=23999 --clear-groups --inh-caps=-all "$@"; }
copy() { run as_user rk-userns rk-idmap rk-copyup -m "$@"; }
empty() { rm -rf "$D"; mkdir -m 1777 "$D"; }
nested() { # COUNT: so many directories in one another
  # shellcheck disable=SC2016
  other python3 -c 'import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
  os.mkdir("d"); os.chdir("d")
open("bottom", "w").close()' "$D" "$1"
}
odd=$(printf 'a\033[31m\033]0;T\007\302\233b "\\\n')
clean() { # NAME: nothing of $err is a control character
  is "$(printf '%s' "$err" | tr -d '[:print:]\n' | od -An -c)" "" "$1"
  is "$(printf '%s\n' "$err" | grep -vc '^rk-copyup: ')" 0 "$1: no line is forged"
}

# depth: the stack has 8 MB; each level takes two fds
nested 1800
copy copy "$D" sh -c "find $D -name bottom | wc -c"
is "$rc $out$err" "0 $((${#D} + 3600 + 8))" "copy: 1800 directories in one another are copied"
run as_user sh -c "ulimit -s 256; ulimit -Sn 200; exec rk-userns rk-idmap rk-copyup -m copy $D sh -c 'ulimit -Sn; find $D -name bottom | wc -c'"
is "$rc $out" "0 200
$((${#D} + 3600 + 8))" "with a small stack and few fds, too, and prog has the limit of before"
run as_user sh -c "ulimit -n 500; exec rk-userns rk-idmap rk-copyup -m copy $D sh -c 'find $D | wc -l; find $D -name bottom'"
is "$rc" 0 "what lies deeper than fds allow does not keep the chain from starting"
like "$err" "^rk-copyup: warning: $D: 1 directories lie too deep and are missing from the copy: d/d/d/" "and is named" \
  || diag "$err"
empty; nested 3000
copy copy "$D" true
is "$rc" 0 "nor does what no path leads to"
like "$err" 'lie too deep .* and 1 more$' "which is counted"
for mode in symlink overlay; do
  copy "$mode" "$D" true
  like "$rc" '^(0|102)$' "$mode: 3000 directories in one another"
done

# names
empty
other mkdir -m 700 "$D/$odd"; other touch "$D/plain" "$D/a b" "$D/\"q\""; other chmod 0 "$D/plain" "$D/a b" "$D/\"q\""
copy copy "$D" true
is "$rc" 0 "entries of odd names that cannot be read"
clean "their names come without control characters"
like "$err" ' plain' "a plain name as it is"
like "$err" ' "a b"' "one with a blank in quotes"
empty
other mkdir -m 755 "$D/$odd"; mount -t tmpfs none "$D/$odd"
copy copy "$D" true
is "$rc" 0 "a file system mounted on an odd name"
clean "copy names it without control characters"
copy overlay "$D" true
is "$rc" 100 "overlay refuses it"
clean "and names it so"
umount "$D/$odd"

# the name of our own directory is taken, in the original
empty
for n in .rk-copyup .rk-copyup0 .rk-copyup1; do other mkdir "$D/$n"; other touch "$D/$n/x"; done
other touch "$D/one"; other ln "$D/one" "$D/two"
copy copy "$D" sh -c "ls -A $D; stat -c %h $D/one"
is "$rc $out" "0 .rk-copyup
.rk-copyup0
.rk-copyup1
one
two
2" "copy: names that rk-copyup would use itself are copied like any other"

# a mount nobody may bind
empty
other mkdir "$D/no"; mount -t tmpfs none "$D/no"; mount --make-unbindable "$D/no"
copy copy "$D" true
is "$rc" 0 "copy: a mount below it that cannot be bound"
umount "$D/no"

# a line of mountinfo longer than any buffer: an overlay of many layers
L=$T/layers; mkdir "$L" "$L/at"
if python3 - "$L" <<'P'; then
import ctypes, os, sys
l = ctypes.CDLL(None, use_errno=True)
top = sys.argv[1]
fs = l.syscall(430, b"overlay", 0)
for i in range(200):
    d = "%s/l%0180d" % (top, i)
    os.mkdir(d)
    if l.syscall(431, fs, 1, b"lowerdir+", d.encode(), 0) != 0: sys.exit(1)
if l.syscall(431, fs, 6, None, None, 0) != 0: sys.exit(1)
m = l.syscall(432, fs, 0, 0)
if m < 0 or l.syscall(429, m, b"", -100, (top + "/at").encode(), 4) != 0: sys.exit(1)
P
  empty
  copy overlay "$D" echo ran
  is "$rc $out$err" "0 ran" "an overlay of 200 layers elsewhere on the host: mode overlay works"
else skip 1 "this kernel makes no overlay of 200 layers"; fi

# everything changes meanwhile: files, links, directories, pipes, hard links by turns, gone and there again
empty
cat > "$T/churn.py" <<'P'
import os, sys
os.chdir(sys.argv[1])
def gone(p):
    for f in (os.unlink, os.rmdir):
        try: f(p)
        except OSError: pass
def file(p): open(p, "w").write("x")
def link(p): os.symlink("../../elsewhere", p)
def pipe(p): os.mkfifo(p, 0o666)
def hard(p): file(p + "h"); os.link(p + "h", p); os.unlink(p + "h")
def node(p): os.mkdir(p); os.mkdir(p + "/sub"); os.rmdir(p + "/sub")
def tree(p): os.mkdir(p); os.symlink("../../x", p + "/l"); os.unlink(p + "/l")
kinds = [file, link, pipe, node, hard, tree]
print("churning", flush=True)
i = 0
while True:
    for n in range(12):
        p = "e%d" % n
        gone(p)
        try: kinds[(i + n) % len(kinds)](p)
        except OSError: pass
    i += 1
P
for i in $(seq 60); do echo "$i" > "$D/keep$i"; done
spawn setpriv --reuid=23999 --regid=23999 --clear-groups --inh-caps=-all python3 "$T/churn.py" "$D"; churner=$pid
wait_until grep -q churning "$T/spawn.$pid.out"
for mode in copy symlink overlay; do
  bad=''
  for i in $(seq 25); do
    copy "$mode" "$D" sh -c "cat $D/keep1 $D/keep60"
    case $rc in 102) break ;; esac
    [ "$rc $out" = "0 1
60" ] || bad="$bad [$rc $err]"
  done
  is "$bad" "" "$mode: 25 chains start while another user changes what is copied"
done
end "$churner"
done_testing
