#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same capture again: nothing is added, nothing is changed, and it is said.
. "$(dirname "$0")/lib.sh"
need sqlite3 python3

run 0 "$FLOWKEEP" split -d a --json "$data/demo.pcap"
archived=$(json packets_archived)
before=$(files_sum a) rows=$(rows_sum a)
run 0 "$FLOWKEEP" split -d a --json "$data/demo.pcap"
check "the ledger balances" balanced
same "all of it is a duplicate" "$archived" "$(json skipped.duplicate)"
same "archived" 0 "$(json packets_archived)"
same "files" 0 "$(json files)"
check "the summary says duplicate" grep -q "$archived duplicate" err
same "the files are as they were" "$before" "$(files_sum a)"
same "the rows are as they were" "$rows" "$(rows_sum a)"

# Flows with further parts are duplicates too, part by part.
"$FLOWGEN" --flows 300 --duration 60 --seed 7 --ends 70:20:10 parts.pcap || fail "flowgen"
for round in 1 2; do
	run 0 "$FLOWKEEP" split -d b --json --linger 1ms --protocols tcp,udp parts.pcap
	[ "$round" -eq 1 ] && before=$(files_sum b) && archived=$(json packets_archived)
done
check "there were further parts" test "$(flow_files b | grep -c '~')" -gt 0
same "parts: all of it is a duplicate" "$archived" "$(json skipped.duplicate)"
same "parts: the files are as they were" "$before" "$(files_sum b)"

# Other options make other files: they are kept beside the first ones, never over them.
before=$(cat $(flow_files a) | sha256sum)
old=$(flow_files a)
run 0 "$FLOWKEEP" split -d a --json --compress zlib:9 "$data/demo.pcap"
check "but for flows that do not become smaller, none is a duplicate" test "$(json files)" -gt 10
# shellcheck disable=SC2086  # a list of words
same "the old files are as they were" "$before" "$(cat $old | sha256sum)"
run 0 "$FLOWKEEP" verify -d a
finish
