#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Same input and options: same files byte for byte, same rows, whatever the threads do; from a
# file, from a pipe, gzip'd, or in several pieces.
. "$(dirname "$0")/lib.sh"
need sqlite3 python3

"$FLOWGEN" --flows 3000 --duration 200 --seed 5 --reuse-fraction 0.1 --fragment-fraction 0.05 --out-of-order-fraction 0.05 \
	--udp-fraction 0.1 --vlan-fraction 0.1 in.pcap || fail "flowgen"
options="--max-memory 8MiB --max-flows 500 --protocols all"
for savers in 1 2 5 2; do
	rm -rf a
	# shellcheck disable=SC2086  # a list of words
	run 0 "$FLOWKEEP" split -d a --savers $savers $options in.pcap
	files=$(files_sum a) rows=$(rows_sum a)
	same "$savers savers: files" "${first_files:=$files}" "$files"
	same "$savers savers: rows" "${first_rows:=$rows}" "$rows"
done
check "there are files" test "$(flow_files a | wc -l)" -gt 2000
rm -rf b c
# shellcheck disable=SC2086
"$FLOWKEEP" split -q -d b $options - <in.pcap
same "from a pipe" "$first_files" "$(files_sum b)"
# shellcheck disable=SC2086
gzip -c in.pcap | "$FLOWKEEP" split -q -d c $options -
same "gzip'd from a pipe" "$first_files" "$(files_sum c)"

# Two files are one stream: the second half goes on where the first ended.
python3 - <<'P'
import struct
data = open("in.pcap", "rb").read()
at = 24
while at < len(data) // 2:
    at += 16 + struct.unpack_from("<I", data, at + 8)[0]
open("half1.pcap", "wb").write(data[:at])
open("half2.pcap", "wb").write(data[:24] + data[at:])
P
# shellcheck disable=SC2086
run 0 "$FLOWKEEP" split -d d $options half1.pcap half2.pcap
same "in two pieces" "$first_files" "$(files_sum d)"
finish
