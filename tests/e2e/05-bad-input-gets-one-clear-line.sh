#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever is wrong: one line on standard error that names what and where, the right exit status, and
# nothing that was readable is lost.
. "$(dirname "$0")/lib.sh"
need python3

# bad STATUS PATTERN COMMAND...: one line that matches
bad() {
	local status=$1 pattern=$2
	shift 2
	run "$status" "$@"
	same "lines for: $*" 1 "$(wc -l <err)"
	check "'$(head -1 err)' should match '$pattern'" grep -qE -- "$pattern" err
}
split=("$FLOWKEEP" split -q -d a)

bad 3 "missing.pcap.*No such file" "${split[@]}" missing.pcap
check "nothing was made" test ! -e a
: >empty.pcap
bad 3 "empty.pcap.*empty" "${split[@]}" empty.pcap
echo "this is no capture, only words" >text.pcap
bad 3 "text.pcap': not a pcap or pcapng file\$" "${split[@]}" text.pcap
mkdir dir
bad 3 "dir.*[Dd]irectory" "${split[@]}" dir
printf '\004\042\115\030more than a few bytes' >x.lz4
bad 3 "lz4" "${split[@]}" x.lz4
printf 'snoop\0\0\0\0\0\0\2\0\0\0\4' >x.snoop
bad 3 "snoop" "${split[@]}" x.snoop

# One bad input beside a good one: the good one is archived.
bad 1 "missing.pcap" "${split[@]}" --json missing.pcap "$data/demo.pcap"
same "the good one is archived" 393 "$(json packets_archived)"

# Cut in the middle of the last packet: all before it is there.
head -c -10 "$data/demo.pcap" >cut.pcap
bad 1 "cut.pcap.*offset [0-9]+: packet cut after [0-9]+ bytes;" "$FLOWKEEP" split -q -d b --json cut.pcap
same "all whole packets are read" 419 "$(json packets_read)"
check "the ledger balances" balanced
gzip -c "$data/demo.pcap" | head -c 50000 >torn.pcap.gz
bad 1 "torn.pcap.gz" "$FLOWKEEP" split -q -d c --json torn.pcap.gz
check "what was before the tear is archived" test "$(json packets_archived)" -gt 50

# The archive.
: >plain
bad 3 "plain.*(Not a directory|File exists)" "$FLOWKEEP" split -q -d plain "$data/demo.pcap"
for command in find verify reindex "fetch UUID"; do
	# shellcheck disable=SC2086  # a list of words
	set -- $command
	bad 3 "nowhere.*No such file" "$FLOWKEEP" "$1" -q -d nowhere ${2:+"$2"}
	check "$1 makes nothing" test ! -e nowhere
done
mkfifo pipe
"$FLOWKEEP" split -q -d d pipe &
writer=$!
exec 3>pipe
head -c 5000 "$data/demo.pcap" >&3
until [ -e d/.lock ] && ! python3 -c 'import fcntl, struct, sys
f = open("d/.lock", "r+b")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))' 2>/dev/null; do :; done
bad 3 "d.*another flowkeep" "$FLOWKEEP" split -q -d d "$data/demo.pcap"
exec 3>&-
wait "$writer"

# The command line. One value out of range for every option that has one.
while read -r option value pattern; do
	bad 2 "$option: '$value'.*$pattern" "${split[@]}" "$option" "$value" "$data/demo.pcap"
done <<'T'
--snaplen 63 64 to 262144
--snaplen 262145 64 to 262144
--snaplen x 64 to 262144
--protocols tcp,quic tcp, udp, icmp, sctp
--idle-timeout 0s 1ms to 3650d
--idle-timeout 3651d 1ms to 3650d
--linger 5x 1ms to 3650d
--max-duration 0 1ms to 3650d
--max-bytes 0 1
--max-memory 7MiB 8MiB to 16TiB
--max-memory 1e9 8MiB to 16TiB
--max-flows 0 1 to 1000000000
--max-flows -1 1 to 1000000000
--savers 257 1 to 256
--compress zlib:0 zlib:1 to zlib:9
--compress lzma none
--sync often none, group or each
--progress maybe auto, always or never
T
bad 2 "--format: 'xml'" "$FLOWKEEP" find -d b --format xml
bad 2 "--limit: '0'" "$FLOWKEEP" find -d b --limit 0
bad 2 "--filter: 'tcp prot 80'" "${split[@]}" -f "tcp prot 80" "$data/demo.pcap"
bad 2 "needs -d DIR" "$FLOWKEEP" split "$data/demo.pcap"
bad 2 "needs a capture file" "${split[@]}"
bad 2 "--nonsense" "${split[@]}" --nonsense "$data/demo.pcap"
bad 2 "-Z" "${split[@]}" -Z "$data/demo.pcap"
bad 2 "needs a value" "$FLOWKEEP" split -d
bad 2 "no command 'splat'" "$FLOWKEEP" splat
bad 2 "UUID" "$FLOWKEEP" fetch -d b
bad 2 "FLOWKEEP_MAX_FLOWS: 'many'" env FLOWKEEP_MAX_FLOWS=many "${split[@]}" "$data/demo.pcap"
finish
