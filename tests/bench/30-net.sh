#!/bin/sh
# a network of its own: start, throughput of each driver alone and under rk, memory; in an outer network namespace of
# its own
[ -n "${RK_TEST_OUTER:-}" ] || exec rk-t-outer sh "$0"
. tests/bench/lib.sh
cd "$TMPDIR" || exit 1
seconds=${SECONDS_EACH:-1} rounds=${NET_ROUNDS:-9}
bg=''
trap 'kill $bg 2>/dev/null || :; wait || :' EXIT

echo "## A network of its own"
echo
echo "Cold start of a static program that does nothing, until its network works. rootlesskit with \`--copy-up=/etc" \
  "--copy-up=/run"
echo "--disable-host-loopback\`. Under rk the host's loopback is also tested to be closed."
echo
set -- -- '`rk-userns rk-idmap rk-copyup /etc:/run rk-net -d slirp4netns true`' \
  rk-userns rk-idmap rk-copyup /etc:/run rk-net -d slirp4netns rk-t-true \
  -- 'in two steps: `rk-net -s -d slirp4netns rk-copyup /etc:/run rk-net -w`' \
  rk-userns rk-idmap rk-net -s -d slirp4netns rk-copyup /etc:/run rk-net -w rk-t-true \
  -- 'the first without the loopback test (`-l`)' \
  rk-userns rk-idmap rk-copyup /etc:/run rk-net -l -d slirp4netns rk-t-true \
  -- '`rk-net -d none`' rk-userns rk-idmap rk-copyup /etc:/run rk-net -d none rk-t-true \
  -- '`rk-net -d pasta`' rk-userns rk-idmap rk-copyup /etc:/run rk-net -d pasta rk-t-true
for r in /usr/bin/rootlesskit ${RK_BENCH_PEER:+"$RK_BENCH_PEER/rootlesskit"}; do
  [ -x "$r" ] || continue
  set -- "$@" -- "rootlesskit $("$r" --version | awk '{ print $3 }') \`--net=slirp4netns\`" \
    "$r" --net=slirp4netns --copy-up=/etc --copy-up=/run --disable-host-loopback rk-t-true
done
starts "${ROUNDS:-60}" "$@"
awk -F'\t' '
  /-d slirp4netns true/ { c = $2 }
  /two steps/ { s = $2 }
  /^rootlesskit/ { r[$1] = $2 }
  END {
    for (n in r)
      printf "\n%s takes %.1f times the chain, %.1f times that in two steps.\n", n, r[n] / c, r[n] / s
  }' starts

echo
echo "TCP from inside to the host and back, one stream of iperf3, Gbit/s: median (least) of $rounds runs of" \
  "$seconds s, driver alone and under rk in turns."
echo "Alone means configured by itself, in a session of its own as under rk: the scheduler's autogroups, one a" \
  "session," \
  "cost up to a third."
echo "The host's congestion control is $(cat /proc/sys/net/ipv4/tcp_congestion_control); rk gives the route to a" \
  "driver CUBIC, and that to pasta"
echo "a short retransmission timeout. Where ratios above 1 come from: rk-net(1), NOTES."
echo
iperf3 -s -B 192.0.2.1 > /dev/null 2>&1 & bg="$bg $!"
until echo | socat -t 0 - TCP:192.0.2.1:5201 2>/dev/null; do sleep 0.05; done
sleep 0.2
hold() { # CMD... : a chain or namespace that stays: $held
  rm -f fifo; mkfifo -m 0666 fifo
  as_user sh -c 'exec 9>fifo; exec "$@"' sh "$@" 2>/dev/null & held=$!; bg="$bg $held"
  read -r _ < fifo || :
}
alone() { # DRIVER MTU -> $a
  hold unshare -Urn rk-t-hold 9; a=$held
  case $1 in
    slirp4netns) as_user setsid slirp4netns -c --mtu="$2" --disable-host-loopback "$a" tap0 > /dev/null 2>&1 & ;;
    pasta)
      as_user setsid pasta -q -f --config-net --ns-ifname tap0 --mtu "$2" -a 10.0.2.100 -n 24 -g 10.0.2.2 -4 \
        --no-map-gw -t none -u none -T none -U none "$a" 2>/dev/null & ;;
  esac
  drv=$!; bg="$bg $drv"
  until nsenter -t "$a" -U -n --preserve-credentials ip route | grep -q default; do sleep 0.05; done
}
echo "| driver | MTU | alone, out | rk, out | ratio | alone, in | rk, in | ratio |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%s", v[int((NR + 1) / 2)] }'; }
share() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { printf "%.2f", a ? b / a : 0 }'; } # of $1, $2
both() { printf '%.2f (%.2f)' "$(median "$1")" "$(sort -n "$1" | head -n 1)"; }
for driver in slirp4netns pasta; do
  for mtu in 1500 65520; do
    alone $driver $mtu; kept="$a $drv"
    hold rk-userns rk-idmap rk-copyup /etc rk-net -d $driver -m $mtu rk-t-hold 9; r=$held
    for f in ao ro ai ri; do : > $f; done
    i=0
    while [ $i -lt "$rounds" ]; do
      i=$((i + 1))
      for d in o i; do
        reverse=; [ $d = o ] || reverse=-R
        for who in a r; do
          pid=$a; [ $who = a ] || pid=$r
          # shellcheck disable=SC2016
          nsenter -t "$pid" -U -n --preserve-credentials \
            sh -c 'timeout 30 iperf3 -c 192.0.2.1 -t "$1" --json $2 2>/dev/null' sh "$seconds" "$reverse" |
            python3 -c 'import json, sys
try: print("%.3f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9))
except Exception: print("0")' >> $who$d
        done
      done
    done
    echo "| $driver | $mtu | $(both ao) | $(both ro) | $(share ao ro) | $(both ai) | $(both ri) | $(share ai ri) |"
    # shellcheck disable=SC2086
    kill $kept $r 2>/dev/null || :; wait $kept $r 2>/dev/null || :
  done
done

echo
echo "Resident while the program runs, besides the program itself and without the driver's own memory:"
echo
echo "| chain | PSS KiB | driver PSS KiB |"
echo "| --- | ---: | ---: |"
for driver in slirp4netns pasta; do
  hold rk-state "$RK_TEST_XDG/bench-net" rk-userns rk-idmap rk-copyup /etc:/run rk-net -d $driver rk-t-hold 9; r=$held
  sleep 0.3
  set --
  for p in $(residents); do case $(cat "/proc/$p/comm") in rk-outside) o=$p; set -- "$@" "$p" ;; esac; done
  echo "| \`rk-state DIR ... rk-net -d $driver\` | $(pss "$@") | $(pss "$(pgrep -P "$o")") |"
  kill "$r"; wait "$r" 2>/dev/null || :
  sleep 0.3
done
