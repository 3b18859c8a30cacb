#!/bin/sh
# what the callers of RootlessKit do behind its --copy-up: dockerd-rootless.sh, containerd-rootless.sh (nerdctl) and
# k3s, on this machine's own directories
. "${RK_TEST_LIB:-tests/lib.sh}"
# what is touched below; the rest may change by itself
host() {
  stat -c '%n %F %i %h' /etc/ssl /etc/docker /etc/cdi /etc/containerd /run/docker /run/containerd /run/nri \
    /run/xtables.lock /run/k3s \
    /var/lib/containerd /var/lib/cni /var/lib/rancher 2>&1
}
before=$(host)
# dockerd-rootless.sh: stale names are removed, /etc/ssl becomes the real directory
run rk_chain rk-copyup -p rslave /etc:/run sh -ec '
  rm -f /run/docker /run/containerd /run/xtables.lock
  [ "$(stat -c %T -f /etc)" = tmpfs ] && [ "$(stat -c %a /etc)" = 755 ]
  [ -L /etc/passwd ] && [ "$(readlink /etc/passwd)" = .ro1/passwd ]
  if [ -L /etc/ssl ]; then
    real=$(realpath /etc/ssl); list=$(ls -A $real/)
    rm -rf /etc/ssl; mkdir /etc/ssl; mount --rbind "$real" /etc/ssl
    [ "$(ls -A /etc/ssl)" = "$list" ] && [ ! -L /etc/ssl ]
  fi
  rm -rf /etc/docker; mkdir -p /run/docker /run/containerd /etc/docker /etc/cdi; echo {} > /etc/docker/daemon.json; cat /etc/docker/daemon.json'
is "$rc $out" "0 {}" "dockerd-rootless.sh"
# nerdctl: directories of the user's are mounted on names in the covered ones
mkdir -p "$T/data/containerd" "$T/run/containerd" "$T/etc"; echo mine > "$T/data/containerd/x"
run rk_chain rk-copyup -p rslave /etc:/run:/var/lib sh -ec "
  rm -f /run/containerd /run/nri /run/xtables.lock /var/lib/containerd /var/lib/cni /etc/containerd
  mkdir -p /run/containerd /var/lib/containerd /etc/containerd
  mount --bind $T/data/containerd /var/lib/containerd
  mount --bind $T/run/containerd /run/containerd
  mount --bind $T/etc /etc/containerd
  cat /var/lib/containerd/x; echo y > /run/containerd/y; ls -d /var/lib/dpkg/ 2> /dev/null || ls -d /var/lib/misc/"
like "$rc $out" "^0 mine" "nerdctl's containerd-rootless.sh"
is "$(cat "$T/run/containerd/y")" y "and its binds are the user's own directories"
# k3s covers /run twice, once through its link
run rk_chain rk-copyup /etc:/var/run:/run:/var/lib sh -ec \
  'mkdir /run/k3s /var/lib/rancher; echo z > /var/run/k3s/z; cat /run/k3s/z'
is "$rc $out" "0 z" "k3s: /var/run, then /run"
is "$(host)" "$before" "nothing changed outside"
done_testing
