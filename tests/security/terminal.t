#!/bin/sh
# what runs behind rk-pidns or comes in by rk-enter cannot type into the terminal that it shares with the user's shell
. "${RK_TEST_LIB:-tests/lib.sh}"
need python3
# CMD on a terminal of its own that echoes what is typed; CMD's status
terminal() {
  # shellcheck disable=SC2016
  run python3 -c 'import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
while True:
  try: b = os.read(fd, 4096)
  except OSError: break
  if not b: break
  sys.stdout.buffer.write(b.replace(b"\r", b""))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}
closed() { # NAME CMD...: CMD rk-t-typein types by no way
  name=$1; shift
  terminal "$@" rk-t-typein
  like "$rc $out" '^0 native TIOCSTI EPERM$' "$name: TIOCSTI is refused"
  like "$out" '^native TIOCLINUX EPERM$' "$name: TIOCLINUX is refused"
  unlike "$out" 'TIOC(STI|LINUX) (done|EIO|other)' "$name: nothing gets through by any system call of this machine's"
  like "$out" '^native TIOCGWINSZ done$' "$name: other requests do"
}

terminal rk-t-typein
case $out in
  *"native TIOCSTI done"*) open='done' ;;
  *) open=EIO ;; # dev.tty.legacy_tiocsti is 0
esac
for chain in rk-pidns 'rk-pidns -R' 'rk-pidns rk-pidns' 'rk-copyup /etc rk-net -d none rk-pidns' \
  'rk-pidns rk-userns rk-idmap -m direct' \
    'rk-pidns -T rk-userns rk-idmap -m direct rk-pidns'; do
  # shellcheck disable=SC2086 # words
  closed "$chain" rk-userns rk-idmap $chain
done
closed "of another user inside" rk-userns rk-idmap rk-pidns setpriv --reuid=33 --regid=33 --clear-groups --inh-caps=-all
closed "with a single id" rk-userns rk-idmap -m single rk-pidns
terminal rk-userns rk-idmap rk-pidns -T rk-t-typein
like "$out" "native TIOCSTI $open\$" "rk-pidns -T leaves it as it is"

n=0
for hold in 'rk-t-hold' 'rk-pidns rk-t-hold'; do
  n=$((n + 1)) # a directory each: the one of before is cleared when its chain has ended
  # shellcheck disable=SC2086 # words
  spawn rk-state "$T/st$n" rk-userns rk-idmap $hold
  wait_until test -s "$T/st$n/child_pid"
  closed "rk-enter ($hold)" rk-enter -s "$T/st$n"
  terminal rk-enter -T -s "$T/st$n" rk-t-typein
  like "$out" "native TIOCSTI $open\$" "rk-enter -T leaves it as it is"
  end "$pid"
done

# programs that use seccomp themselves
run rk-userns rk-idmap rk-pidns setpriv --no-new-privs sh -c \
  'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t"'
is "$rc $out" "0 NoNewPrivs:1
Seccomp:2" "no_new_privs is the program's own affair"
run rk-userns rk-idmap rk-pidns sh -c 'grep ^NoNewPrivs: /proc/self/status | tr -d "\t"'
is "$rc $out" "0 NoNewPrivs:0" "and not set by the filter"
# shellcheck disable=SC2016
run rk-userns rk-idmap rk-pidns python3 -c 'import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
code = struct.pack("HBBI", 6, 0, 0, 0x7fff0000) # allow
buf = ctypes.create_string_buffer(code)
prog = struct.pack("HxxxxxxP", 1, ctypes.addressof(buf))
print(libc.prctl(22, 2, prog, 0, 0))'
is "$rc $out" "0 0" "a filter of the program's own comes on top"
done_testing
