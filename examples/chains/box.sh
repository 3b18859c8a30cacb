#!/bin/sh
# box.sh [CMD...]: a root shell, or CMD, with a private /etc, its own processes and its own host name
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"
exec rk-userns rk-idmap rk-copyup -m copy /etc rk-unshare -u rk-pidns "$@"
