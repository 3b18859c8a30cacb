#!/bin/sh
# keys of the user's session keyring do not come along into a chain: not through rk-userns, not through rk-enter, not by
# number
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
cat > "$T/keys.py" <<'P'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
ADD, CTL = {"x86_64": (248, 250)}.get(os.uname().machine, (217, 219))
GET_ID, JOIN, SETPERM, DESCRIBE, CLEAR, LINK, UNLINK, SEARCH, READ = 0, 1, 5, 6, 7, 8, 9, 10, 11
SESSION = -3
def ctl(*a):
    r = libc.syscall(CTL, *a)
    return r if r >= 0 else "-" + __import__("errno").errorcode[ctypes.get_errno()]
def read(key):
    b = ctypes.create_string_buffer(100)
    n = ctl(READ, key, b, 100)
    return b.raw[:n].decode() if isinstance(n, int) else n
if sys.argv[1] == "with": # NAME PROG...: in a session keyring that holds a secret
    if ctl(JOIN, None) == "-ENOSYS": sys.exit(77)
    key = libc.syscall(ADD, b"user", b"rk-secret", b"SECRET", 6, SESSION)
    os.environ["KEY"], os.environ["RING"] = str(key), str(ctl(GET_ID, SESSION, 0))
    sys.exit(os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])) # and holds them
key, ring = int(os.environ["KEY"]), int(os.environ["RING"])
if sys.argv[1] == "kept": # the keyring itself
    print(ctl(SEARCH, SESSION, b"user", b"rk-secret", 0) == key, read(key))
else: # every way to it that root inside has
    mine = ctl(GET_ID, SESSION, 0)
    print("search", ctl(SEARCH, SESSION, b"user", b"rk-secret", 0), ctl(SEARCH, ring, b"user", b"rk-secret", 0))
    print("another", mine != ring)
    print("read", read(key))
    print("link", ctl(LINK, key, SESSION), ctl(LINK, ring, SESSION))
    print("permit", ctl(SETPERM, key, 0x3f3f3f3f), ctl(SETPERM, ring, 0x3f3f3f3f))
    print("harm", ctl(CLEAR, ring), ctl(UNLINK, key, ring))
    print("own", libc.syscall(ADD, b"user", b"rk-inside", b"OWN", 3, SESSION) > 0)
    print("read again", read(key))
P
closed='search -ENOKEY -EACCES
another True
read -EACCES
link -EACCES -EACCES
permit -EACCES -EACCES
harm -EACCES -EACCES
own True
read again -EACCES'
with() { run python3 "$T/keys.py" with "$@"; }

with true
[ "$rc" != 77 ] || skip_all "this kernel has no keys"
with python3 "$T/keys.py" kept
is "$rc $out" "0 True SECRET" "outside the key can be read"
with rk-userns rk-idmap python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "behind rk-userns it cannot, by no call"
with rk-userns rk-idmap rk-pidns python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "behind rk-pidns"
with rk-userns rk-idmap -m single python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "with a single id"
with rk-userns -K rk-idmap python3 "$T/keys.py" kept
is "$rc $out" "0 True SECRET" "-K keeps the keyring"
with rk-userns -K rk-idmap rk-userns rk-idmap -m direct python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "a chain in that one does not"
with rootlesskit --net=none python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "rootlesskit does not bring it either"
with sh -c 'rk-userns rk-idmap true; exec python3 "$0" kept' "$T/keys.py"
is "$rc $out" "0 True SECRET" "the caller keeps what it had"

spawn rk-state "$T/st" rk-userns rk-idmap rk-pidns rk-t-hold
wait_until test -s "$T/st/child_pid"
with rk-enter -s "$T/st" python3 "$T/keys.py" try
is "$rc $out" "0 $closed" "rk-enter does not bring it along"
with rk-enter -K -s "$T/st" python3 "$T/keys.py" kept
is "$rc $out" "0 True SECRET" "unless told to by -K"
end "$pid"

# each chain takes one of the user's keys, for as long as it runs
bad=''
for i in $(seq 210); do rk_chain true 2> "$T/e" || bad="$bad $(cat "$T/e")"; done
is "$bad" "" "210 chains one after the other do not use up the user's 200 keys"
done_testing
