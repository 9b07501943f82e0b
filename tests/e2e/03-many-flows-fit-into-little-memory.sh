#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 200,000 flows, all open at the same time, with 64 descriptors and 64 MiB: nothing is lost, and
# memory stays below 64 MiB + 300 bytes per flow + 32 MiB. (Fewer flows, and no bound on memory,
# where a sanitizer adds its own.)
. "$(dirname "$0")/lib.sh"
need python3

# So many files keep a disk busy for minutes, above all when they are removed: in memory where it is there.
store=$work
if [ "$(df --output=avail -B1M /dev/shm 2>/dev/null | tail -1)" -gt 4000 ] 2>/dev/null; then
	store=$(mktemp -d /dev/shm/flowkeep-e2e.XXXXXX)
	trap 'rm -rf "$work" "$store"' EXIT
fi

flows=200000
[ -z "${FLOWKEEP_SANITIZED-}${FLOWKEEP_QUICK-}" ] || flows=20000
"$FLOWGEN" --flows "$flows" --packets 8:12 --interleave "$flows" --udp-fraction 0 --seed 1 --list list big.pcap || fail "flowgen"
(
	ulimit -n 64
	run 0 "$FLOWKEEP" split -d "$store/a" --json --max-memory 64MiB big.pcap
	[ "$failed" -eq 0 ]
) || fail "split"
check "the ledger balances" balanced
same "flows" "$(wc -l <list)" "$(json flows)"
same "packets" "$(awk -F'\t' '{ n += $6 } END { print n }' list)" "$(json packets_archived)"
check "flows were flushed early" test "$(json bytes_read)" -gt $((64 << 20))
if [ -z "${FLOWKEEP_SANITIZED-}" ]; then
	peak=$(json peak_rss_bytes)
	bound=$(((64 << 20) + 300 * $(json flows) + (32 << 20)))
	echo "peak memory $peak bytes, bound $bound"
	check "peak memory $peak is below $bound" test "$peak" -lt "$bound"
fi
run 0 "$FLOWKEEP" verify -d "$store/a"
finish
