#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Each option of split changes what it names, and the ledger tells.
. "$(dirname "$0")/lib.sh"
need tshark python3 sqlite3

archive() { rm -rf a && run 0 "$FLOWKEEP" split -q -d a --json "$@" && balanced || fail "$*"; }
column() { sqlite3 -readonly a/*/*/*/flows.sqlite "select $1 from flow"; }

archive "$data/demo.pcap"
same "keys of --json" "bytes_archived bytes_read bytes_written dropped end_reasons files flows kernel_drops packets_archived packets_read peak_rss_bytes seconds skipped" \
	"$(python3 -c 'import json; print(*sorted(json.load(open("out"))))')"
same "skipped not_ip" 2 "$(json skipped.not_ip)"
same "end reasons add up to the flows" "$(json flows)" "$(python3 -c 'import json; print(sum(json.load(open("out"))["end_reasons"].values()))')"

archive --protocols udp "$data/demo.pcap"
same "udp" "$(tshark -r "$data/demo.pcap" -Y 'udp && !icmp || ip.proto == 17 || ipv6.fraghdr.nxt == 17' -o ip.defragment:FALSE -o ipv6.defragment:FALSE 2>/dev/null | wc -l)" "$(json packets_archived)"
archive --protocols all "$data/demo.pcap"
same "all" 418 "$(json packets_archived)"
archive --protocols tcp,icmp "$data/demo.pcap"
same "icmp too" "$((393 + $(tshark -r "$data/demo.pcap" -Y 'icmp || icmpv6' 2>/dev/null | wc -l)))" "$(json packets_archived)"

archive -f 'port 443' "$data/demo.pcap"
same "-f" "$(tshark -r "$data/demo.pcap" -Y 'tcp.port == 443' 2>/dev/null | wc -l)" "$(json packets_archived)"
same "filtered" "$((420 - $(json packets_archived)))" "$(json skipped.filtered)"

archive -s 80 "$data/demo.pcap"
same "-s: no packet is longer" 80 "$(zcat $(flow_files a | head -1) | tshark -r - -T fields -e frame.cap_len 2>/dev/null | sort -n | tail -1)"
same "-s: original lengths stay" "$(awk -F'\t' '$1 == "tcp" { n += $8 } END { print n }' "$data/demo.pcap.tsv")" "$(column 'sum(client_bytes + server_bytes)')"
same "-s: the record says so" 80 "$(column 'distinct snaplen')"
run 0 "$FLOWKEEP" verify -q -d a

archive --max-bytes 1000 "$data/demo.pcap"
check "--max-bytes: no flow has more" test "$(column 'max(captured_bytes)')" -le 1000
same "--max-bytes: what is cut is counted" "$(json skipped.bytes)" "$(column 'sum(cut_bytes)')"
same "--max-bytes: nothing else is missing" "$((393 - $(json skipped.bytes)))" "$(json packets_archived)"
archive --max-duration 100ms "$data/demo.pcap"
check "--max-duration: no flow is longer" test "$(column 'max(end_ns - start_ns)')" -le 100000000
same "--max-duration: what is cut is counted" "$(json skipped.duration)" "$(column 'sum(cut_duration)')"
check "--max-duration: some was" test "$(json skipped.duration)" -gt 0

"$FLOWGEN" --flows 50 --packets 8:12 --interleave 50 --udp-fraction 0 --seed 4 open.pcap || fail "flowgen"
archive --max-flows 3 open.pcap
check "--max-flows: some were evicted" test "$(json end_reasons.evicted)" -gt 0
same "--max-flows: nothing is lost" "$(json packets_read)" "$(json packets_archived)"
archive --idle-timeout 100ms "$data/demo.pcap"
check "--idle-timeout: some were idle" test "$(json end_reasons.idle)" -gt 0

"$FLOWGEN" --flows 200 --seed 3 --vlan-fraction 1 --udp-fraction 0 vlan.pcap || fail "flowgen"
archive vlan.pcap
check "VLAN ids are in the index" test "$(column 'count(distinct vlan)')" -gt 1
same "VLAN ids make no flows" 0 "$(column 'max(vlan_key)')"
archive --vlan-key vlan.pcap
check "--vlan-key: they do" test "$(column 'min(vlan_key)')" -gt 0
run 0 "$FLOWKEEP" verify -q -d a

# What a short snap length leaves is what is counted, now and after reindexing.
archive -s 64 vlan.pcap
rows=$(rows_sum a)
run 0 "$FLOWKEEP" verify -q -d a
run 0 "$FLOWKEEP" reindex -q -d a
same "-s 64: rows after reindexing" "$rows" "$(rows_sum a)"

for codec in none zlib:1 zlib:9 isal:0 isal:1 isal:2 isal:3; do
	"$FLOWKEEP" help split | grep -q isal || true
	rm -rf a
	"$FLOWKEEP" split -q -d a --compress "$codec" "$data/demo.pcap" 2>err
	status=$?
	if [ "$status" -eq 2 ] && grep -q 'not built' err; then
		skipped=$((skipped + 1))
		continue
	fi
	same "$codec: exit status" 0 "$status"
	for file in $(flow_files a); do zcat "$file"; done | sha256sum >sum
	check "$codec: the same inflated bytes" test "$(cat sum)" = "${first:=$(cat sum)}"
	run 0 "$FLOWKEEP" verify -q -d a
done
for mode in none group each; do
	archive --sync "$mode" "$data/demo.pcap"
	same "--sync $mode" 18 "$(column 'count(*)')"
done

rm -rf a
run 0 env FLOWKEEP_PROTOCOLS=all FLOWKEEP_JSON=yes "$FLOWKEEP" split -q -d a "$data/demo.pcap"
same "the environment sets options" 418 "$(json packets_archived)"
rm -rf a
run 0 env FLOWKEEP_PROTOCOLS=all "$FLOWKEEP" split -q -d a --json --protocols tcp "$data/demo.pcap"
same "the command line goes first" 393 "$(json packets_archived)"
rm -rf a
(umask 0 && run 0 "$FLOWKEEP" split -q -d a "$data/demo.pcap")
same "modes of files" 640 "$(find a -type f -printf '%m\n' | sort -u | tr '\n' ' ' | tr -d ' ')"
same "modes of directories" 750 "$(find a -type d -printf '%m\n' | sort -u | tr -d '\n')"
run 0 "$FLOWKEEP" split -d a --progress always --sync none "$data/demo.pcapng"
check "--progress always draws" grep -q flows err
for host in 192.0.2.10 2001:db8:1::10; do
	run 0 "$FLOWKEEP" find -d a --format json host "$host"
	check "find host $host finds some, and not all" test "$(wc -l <out)" -gt 0 -a "$(wc -l <out)" -lt "$("$FLOWKEEP" find -d a --format uuid | wc -l)"
	same "find host $host: all of them, and no others" "$("$FLOWKEEP" find -d a --format json | grep -F "_ip\":\"$host\"")" "$(cat out)"
done
run 0 "$FLOWKEEP" find -d a --format json host 192.0.2.10
mapped=$("$FLOWKEEP" find -d a --format json host ::ffff:192.0.2.10)
same "find host: a mapped address is the IPv4 one" "$(cat out)" "$mapped"
run 1 "$FLOWKEEP" find -d a host 192.0.2.11
run 2 "$FLOWKEEP" find -d a host 192.0.2
run 2 "$FLOWKEEP" find -d a host 192.0.2.10 192.0.2.11
run 0 "$FLOWKEEP" --version
check "--version names libraries" grep -q libpcap out
# A process starts in a third of the time without these.
for words in "find -d a" "fetch -d a -w one.pcap $("$FLOWKEEP" find -d a --format uuid --limit 1)" "verify -d a" "du -d a" help; do
	# shellcheck disable=SC2086  # a list of words
	LD_DEBUG=files LD_DEBUG_OUTPUT=loaded run 0 "$FLOWKEEP" $words
	check "the loader tells what $words loads" grep -q 'libsqlite3' loaded.*
	same "what $words loads in vain" '' "$(grep -ho 'lib\(pcap\|microhttpd\|crypto\)\.so' loaded.* | sort -u)"
	rm -f loaded.* one.pcap
done
run 0 "$FLOWKEEP" help
run 0 "$FLOWKEEP" split --help
finish
