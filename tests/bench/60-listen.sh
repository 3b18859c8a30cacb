#!/bin/sh
# a port of the host by rk-listen and by rk-bypass, beside the same server direct and by rk-portd's relay
. tests/bench/lib.sh
for c in python3 wrk nginx ip unshare; do
  command -v $c >/dev/null && continue
  echo "(no $c here: rk-listen and rk-bypass were not measured)"
  exit 0
done
if as_user rk-userns rk-idmap rk-confine true 2>&1 | grep -q 'L[12]:'; then
  echo "(this kernel's Landlock has no network part: rk-listen and rk-bypass were not measured)"
  exit 0
fi
echo "## Host ports without a relay: rk-listen, rk-bypass"
echo
echo "nginx in a chain, on a socket of rk-listen under rk-confine (listen); on one that rk-portd has bound, by"
echo "rk-bypass (bypass); by rk-portd and its relay (rk); and"
echo "without a chain (direct). Medians of ${ROUNDS:-5} interleaved rounds of one second; in brackets the ratio to"
echo "direct, then the CPU time of the server and the relay together. body1, body8: answers of 64 MiB to one and eight"
echo "clients, Gbit/s; the others as in \"Published ports\"."
echo
rk-t-outer python3 tests/bench/ports.py -i -t -r "${ROUNDS:-5}" -f direct,listen,bypass,rk \
  -c "${COLUMNS_ONLY:-body1,body8,new1,new32,keep1,keep32}"
