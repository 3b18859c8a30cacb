#!/bin/sh
# a file that denies a group what it grants to others: as long as the groups are kept, and for good with a single id, it
# stays closed.
# What SECURITY.md says of newuidmap's maps is so: they let the program leave the group.
. "${RK_TEST_LIB:-tests/lib.sh}"
need setpriv
echo secret > "$T/f"; chown 0:100 "$T/f"; chmod 0604 "$T/f"
member() { run setpriv --reuid="$RK_TEST_UID" --regid="$RK_TEST_GID" --groups="$RK_TEST_GID,100" --inh-caps=-all env \
  USER="$RK_TEST_USER" "$@"; }
closed() { # NAME CMD...
  name=$1; shift
  member "$@"
  isnt "$rc" 0 "$name"
  is "$out" "" "$name: nothing is read"
}
closed "outside" cat "$T/f"
closed "groups are kept by default" rk-userns rk-idmap cat "$T/f"
closed "with a single id" rk-userns rk-idmap -m single cat "$T/f"
closed "with a single id no group can be left" rk-userns rk-idmap -m single setpriv --clear-groups cat "$T/f"
closed "not in a namespace below either" rk-userns rk-idmap -m single rk-userns rk-idmap -m direct setpriv \
  --clear-groups cat "$T/f"
closed "-m single -g drop is refused" rk-userns rk-idmap -m single -g drop cat "$T/f"
member rk-userns rk-idmap -g drop cat "$T/f"
is "$rc $out" "0 secret" "as SECURITY.md says: newgidmap's maps let a group be left"
done_testing
