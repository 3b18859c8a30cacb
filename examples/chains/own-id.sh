#!/bin/sh
# own-id.sh [CMD...]: a shell, or CMD, as yourself, in namespaces that root inside has prepared. What it writes is yours
# outside, and the number of your id is the same on both sides.
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"
exec rk-userns rk-idmap -u "$(id -u):$(id -g)" rk-copyup /etc sh -c '
  echo "root was here" > /etc/own-id
  me=$1; shift
  exec rk-setid "$me" "$@"' sh "$(id -u):$(id -g)" "$@"
