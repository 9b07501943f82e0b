#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 while files are being published: each one under its final name is whole, the next run
# mends the index and adds what is missing; in the end the archive is what an undisturbed run makes.
. "$(dirname "$0")/lib.sh"
need sqlite3 python3 gzip

"$FLOWGEN" --flows 4000 --packets 3:12 --duration 20 --seed 11 --udp-fraction 0 --ends 1:0:0 in.pcap || fail "flowgen"
"$FLOWKEEP" split -q -d want --linger 1ms in.pcap || fail "split"
mkfifo pipe
for part in 20 45 70; do
	# The writer sees only the first part of the input and then waits for more: the kill comes in the
	# middle of the work, with published, staged and open flows.
	"$FLOWKEEP" split -q -d a --linger 1ms --max-memory 8MiB pipe &
	victim=$!
	exec 3>pipe
	head -c $(($(stat -c %s in.pcap) * part / 100)) in.pcap >&3
	before=${count:-0}
	until count=$(flow_files a 2>/dev/null | wc -l) && [ "$count" -gt "$((before + 100))" ]; do :; done
	kill -9 "$victim"
	wait "$victim" 2>/dev/null
	exec 3>&-
	flow_files a | xargs -r gzip -t || fail "a published file is not whole"
	pass
done
check "the day is listed as dirty" test -s a/.dirty
uuid=$(basename "$(flow_files a | tail -1)" .pcap.gz)
run 0 "$FLOWKEEP" fetch -q -d a -w one.pcap "${uuid%%~*}"
run 0 "$FLOWKEEP" split -d a --linger 1ms in.pcap
check "the index was mended, and that is said" grep -q mended err
check "no day is listed as dirty" test ! -e a/.dirty
same "every file of an undisturbed run is there" "$(cd want && find . -name '*.pcap.gz' | sort | sha256sum)" \
	"$(cd a && find . -name '*.pcap.gz' -not -path './.staging/*' | sort | sha256sum)"
same "with the same bytes" "$(files_sum want)" "$(files_sum a)"
same "and the same rows" "$(rows_sum want)" "$(rows_sum a)"
run 0 "$FLOWKEEP" verify -q -d a

# An index that is gone, or rubbish, is made anew.
rm a/*/*/*/flows.sqlite
run 1 "$FLOWKEEP" verify -q -d a
run 0 "$FLOWKEEP" reindex -q -d a
same "reindexed: rows" "$(rows_sum want)" "$(rows_sum a)"
head -c 10000 /dev/urandom >"$(find a -name flows.sqlite)"
run 0 "$FLOWKEEP" reindex -q -d a
same "reindexed over rubbish: rows" "$(rows_sum want)" "$(rows_sum a)"
finish
