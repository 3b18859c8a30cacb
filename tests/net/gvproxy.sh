# shellcheck shell=sh
# tests/net/gvproxy.sh: sourced before `outer`: gvproxy, the one in PATH or what package/engines has built, is in PATH
# for everybody; and a vpnkit, which is gvproxy too: it speaks VPNKit's protocol, with VPNKit's options and addresses.
# The file skips if there is none.
need python3 dnsmasq socat nsenter
gvproxy_cache=$HOME/.cache/rk-gvproxy
if command -v gvproxy > /dev/null; then gvproxy=$(command -v gvproxy)
else
  # package/check builds it in the background: give it the time that there is
  [ ! -e "$gvproxy_cache/lock" ] || flock -w 100 "$gvproxy_cache/lock" true || skip_all "gvproxy is still being built"
  if [ ! -e "$gvproxy_cache/version" ] && [ -e "$gvproxy_cache/log" ]; then
    skip_all "gvproxy could not be built: $(tail -n 1 "$gvproxy_cache/log")"
  fi
  [ -e "$gvproxy_cache/version" ] || skip_all "no gvproxy here, and no Go to build it with (package/engines)"
  gvproxy=$gvproxy_cache/gvproxy
fi
mkdir -p "$T/gv"; chmod 0755 "$T/gv"
cp "$gvproxy" "$T/gv/gvproxy"
cat > "$T/gv/vpnkit" <<'V'
#!/bin/sh
# vpnkit --ethernet SOCKET --mtu N [--host-ip 0.0.0.0]
set -eu
[ "$1 $3" = "--ethernet --mtu" ]
socket=$2 mtu=$4
shift 4
case "$*" in
  '--host-ip 0.0.0.0') host=192.0.2.99 ;;
  '') host=127.0.0.1 ;;
  *) exit 99 ;;
esac
config=$(mktemp)
cat > "$config" <<C
log-level: error
stack:
  mtu: $mtu
  subnet: 192.168.65.0/24
  gatewayIP: 192.168.65.1
  gatewayVirtualIPs: [192.168.65.1, 192.168.65.2]
  nat: {192.168.65.2: $host}
C
exec gvproxy -config "$config" -listen-vpnkit "unix://$socket"
V
chmod 0755 "$T/gv/gvproxy" "$T/gv/vpnkit"
PATH=$T/gv:$PATH
