#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A file system that runs full: exit status 1, one message, every packet that did not fit is counted
# as `disk`, and whatever has a final name is whole.
. "$(dirname "$0")/lib.sh"
need python3 gzip
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root to mount a small file system" && exit 77; }
mkdir small
mount -t tmpfs -o size=2m tmpfs small 2>/dev/null || { echo "skipped: cannot mount a tmpfs here" && exit 77; }
trap 'umount "$work/small"; rm -rf "$work"' EXIT

"$FLOWGEN" --flows 2000 --duration 20 --mean-bytes 5000 --payload random --seed 2 --udp-fraction 0 in.pcap || fail "flowgen"
for memory in 1GiB 8MiB; do
	rm -rf small/a
	run 1 "$FLOWKEEP" split -d small/a --json --max-memory $memory in.pcap
	check "the ledger balances" balanced
	check "packets were dropped for the disk" test "$(json dropped.disk)" -gt 0
	check "others were archived" test "$(json packets_archived)" -gt 0
	check "it is said" grep -q "cannot write to the archive.*No space left" err
	check "in few lines" test "$(wc -l <err)" -lt 20
	flow_files small/a | xargs -r gzip -t || fail "a published file is not whole"
	same "files" "$(flow_files small/a | wc -l)" "$(json files)"
done
finish
