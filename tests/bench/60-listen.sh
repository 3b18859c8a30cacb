#!/bin/sh
# a port of the host by rk-listen, beside the same server direct and by rk-portd's relay
. tests/bench/lib.sh
for c in python3 wrk nginx ip unshare; do
  command -v $c >/dev/null && continue
  echo "(no $c here: rk-listen was not measured)"
  exit 0
done
if as_user rk-userns rk-idmap rk-confine true 2>&1 | grep -q 'L[12]:'; then
  echo "(this kernel's Landlock has no network part: rk-listen was not measured)"
  exit 0
fi
echo "## Host ports without a relay: rk-listen"
echo
echo "nginx in a chain, on a socket of rk-listen under rk-confine (listen); by rk-portd and its relay (rk); and"
echo "without a chain (direct). Medians of ${ROUNDS:-5} interleaved rounds of one second; in brackets the ratio to"
echo "direct, then the CPU time of the server and the relay together. body1, body8: answers of 64 MiB to one and eight"
echo "clients, Gbit/s; the others as in \"Published ports\"."
echo
rk-t-outer python3 tests/bench/ports.py -i -t -r "${ROUNDS:-5}" -f direct,listen,rk \
  -c "${COLUMNS_ONLY:-body1,body8,new1,new32,keep1,keep32}"
