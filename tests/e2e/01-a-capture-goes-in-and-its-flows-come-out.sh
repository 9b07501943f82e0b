#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The main job: every flow of a recorded capture is archived, listed, fetched by its UUID or the
# beginning of it, and is what tshark saw.
. "$(dirname "$0")/lib.sh"
need tshark gzip sqlite3 python3

for capture in demo.pcap demo.pcapng; do
	run 0 "$FLOWKEEP" split -d "$capture.d" --json "$data/$capture"
	check "$capture: the ledger balances" balanced
	want=$(awk -F'\t' '$1 == "tcp"' "$data/$capture.tsv" | wc -l)
	same "$capture: flows" "$want" "$(json flows)"
	run 0 "$FLOWKEEP" find -d "$capture.d" --format json
	cp out found
	same "$capture: found" "$want" "$(wc -l <found)"

	# Every flow of the list, with its ends and counts, and no other.
	awk -F'\t' '$1 == "tcp" { print $2, $3, $4, $5, $6, $7, $8 }' "$data/$capture.tsv" | sort >want
	python3 -c 'import json
for line in open("found"):
    f = json.loads(line)
    print(f["client_ip"], f["client_port"], f["server_ip"], f["server_port"], f["packets"],
          f["captured_bytes"], f["bytes"])' | sort >got
	check "$capture: ends, packets and bytes of every flow" diff want got

	for uuid in $("$FLOWKEEP" find -d "$capture.d" --format uuid); do
		run 0 "$FLOWKEEP" fetch -d "$capture.d" -w one.pcap "$uuid"
		"$FLOWKEEP" find -d "$capture.d" --format json uuid "$uuid" >one.json
		packets=$(python3 -c 'import json; print(json.load(open("one.json"))["packets"])')
		same "$uuid: packets for tshark" "$packets" "$(tshark -r one.pcap 2>/dev/null | wc -l)"
		file=$(flow_files "$capture.d" | grep "$uuid")
		check "$uuid: the file inflates to what is fetched" cmp <(zcat "$file") one.pcap
	done
	run 0 "$FLOWKEEP" fetch -d "$capture.d" -w prefix.pcap "${uuid:0:8}"
	check "a prefix fetches the same" cmp one.pcap prefix.pcap
	run 0 "$FLOWKEEP" verify -d "$capture.d"
	for file in $(flow_files "$capture.d"); do check "$file: gzip -t" gzip -t "$file"; done
done

# Fetching everything gives back every packet of the input, in order of time.
# shellcheck disable=SC2046  # a list of words
run 0 "$FLOWKEEP" fetch -d demo.pcap.d -w all.pcap $("$FLOWKEEP" find -d demo.pcap.d --format uuid)
frames() { tshark -r "$1" -Y tcp -T fields -e frame.time_epoch -e frame.len -e tcp.seq_raw -e tcp.ack_raw -o tcp.relative_sequence_numbers:FALSE 2>/dev/null; }
check "all packets, in order" diff <(frames "$data/demo.pcap") <(frames all.pcap)

run 1 "$FLOWKEEP" fetch -d demo.pcap.d 00000000-0000-0000-0000-000000000000
same "nothing on standard output" 0 "$(wc -c <out)"
check "what is missing is named" grep -q 00000000-0000 err
run 1 "$FLOWKEEP" find -d demo.pcap.d uuid 00000000-0000-0000-0000-000000000000
finish
