#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# pack moves files into segments, and nobody can tell but by paths and offsets: not find, fetch,
# verify, reindex or split, not while it is at work, and tar takes the files out as they were.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3 tar

# Two days, further parts of flows, and long names as applications give them.
"$FLOWGEN" --flows 450 --duration 240 --seed 31 --start 1767398280 --ends 70:20:10 \
	--mean-bytes 8000 --udp-fraction 0.1 in.pcap || fail "flowgen"
run 0 "$FLOWKEEP" split -d a --json --linger 1ms --protocols tcp,udp in.pcap
archived=$(json packets_archived)
cp -a a files
count=$(flow_files files | wc -l)
check "there are two days" test "$(find files -name flows.sqlite | wc -l)" -eq 2
check "there are further parts" test "$(flow_files files | grep -c '~')" -gt 0

# what find tells, but for where it lies
found() {
	"$FLOWKEEP" find -d "$1" --format json | python3 -c 'import json, sys
for line in sorted(sys.stdin):
    row = json.loads(line)
    del row["path"], row["offset"]
    print(row)' | sort
}

# all of them, or one in so many
fetched() {
	local uuid
	mkdir "$2"
	for uuid in $("$FLOWKEEP" find -d "$1" --format uuid | sort -u | awk -v every="$(size 1 8 4)" 'NR % every == 0'); do
		"$FLOWKEEP" fetch -q -d "$1" -w "$2/$uuid" "$uuid" || fail "fetch $uuid"
	done
}

segments_sum() { (cd "$1" && find . -name 'flows-*.tar' -printf '%p %i ' -exec sha256sum {} \; | sort); }

found files >before.found
fetched files before.fetched
check "flows were found" test "$(wc -l <before.found)" -ge 350

# Nothing to do: all days are too young, or there is none.
run 0 "$FLOWKEEP" pack -d a --older-than 3650d
same "a day that is too young stays" "$count" "$(flow_files a | wc -l)"
mkdir empty
run 3 "$FLOWKEEP" pack -d nowhere
run 2 "$FLOWKEEP" pack -d a 2026/01/02
same "that changed nothing" "$(files_sum files)" "$(files_sum a)"

# Readers see every flow at every moment.
uuid=$(ls before.fetched | tail -1)
while [ ! -e stop ]; do
	found a >during.found 2>during.err
	cmp -s before.found during.found || { echo "find differed: $(head -c 300 during.err)" && break; }
	"$FLOWKEEP" fetch -q -d a "$uuid" >during.fetched 2>during.err
	cmp -s "before.fetched/$uuid" during.fetched || { echo "fetch differed: $(head -c 300 during.err)" && break; }
	echo >>rounds
done >readers &
readers=$!
until [ -s rounds ] || [ -s readers ]; do sleep 0.05; done
run 0 "$FLOWKEEP" pack -d a --segment-size 64KiB
rounds=$(wc -l <rounds)
until [ "$(wc -l <rounds)" -gt "$((rounds + 1))" ] || [ -s readers ]; do sleep 0.05; done
touch stop
wait "$readers"
same "readers meanwhile" "" "$(cat readers)"

check "the summary counts the parts" grep -q "^$count parts, .* moved into [0-9]* segments$" err
same "no file is left" 0 "$(flow_files a | wc -l)"
same "nothing else is left" "" "$(find a -name '.flows*')"
same "no day is listed as dirty" "" "$(cat a/.dirty 2>/dev/null)"
check "there are several segments" test "$(find a -name 'flows-*.tar' | wc -l)" -ge 6
found a >after.found
check "find tells the same" cmp before.found after.found
fetched a after.fetched
check "fetch gives the same" diff -r before.fetched after.fetched
run 0 "$FLOWKEEP" verify -d a

# tar takes out what went in, whichever tar it is.
extract() {
	local segment day
	rm -rf taken && mkdir taken
	for segment in $(cd a && find . -name 'flows-*.tar'); do
		day=taken/${segment%/*}
		mkdir -p "$day"
		"$@" -xf "a/$segment" -C "$day" || fail "$* -xf $segment"
	done
	same "$1 extracts the files" "$(files_sum files)" "$(files_sum taken)"
}
extract tar
if command -v bsdtar >/dev/null; then extract bsdtar; else echo "bsdtar is not installed: left out"; fi
for day in a/2026/01/*; do
	for segment in "$day"/flows-*.tar; do tar -tf "$segment"; done | sort >listed
	find "files/${day#a/}" -name '*.pcap.gz' -printf '%f\n' | sort >names
	check "tar lists the files of $day" cmp names listed
done
check "Python reads the same, and the index tells where" python3 - <<'PYTHON'
import glob, os, sqlite3, tarfile

for day in glob.glob('a/2026/01/*'):
    rows = {}
    for segment in glob.glob(day + '/flows-*.tar'):
        number = int(segment.split('-')[-1][:-4])
        with tarfile.open(segment) as tar:
            for m in tar.getmembers():
                assert m.isreg() and (m.uid, m.gid, m.uname, m.gname, m.mode) == (0, 0, '', '', 0o640), m
                rows[(number, m.offset_data, m.size)] = m.name
                assert open(os.path.join('files' + day[1:], m.name), 'rb').read() == tar.extractfile(m).read()
    index = sqlite3.connect('file:%s/flows.sqlite?mode=ro' % day, uri=True)
    indexed = set(index.execute('SELECT segment, offset, length FROM flow'))
    assert indexed == set(rows), day
PYTHON

# Again there is nothing to do, and a rebuilt index is the same.
before=$(segments_sum a) rows=$(rows_sum a)
run 0 "$FLOWKEEP" pack -d a --segment-size 64KiB
check "the summary says so" grep -q "^0 parts, .* moved into 0 segments$" err
same "packing again changes nothing" "$before" "$(segments_sum a)"
run 0 "$FLOWKEEP" reindex -d a
same "reindexing changes no segment" "$before" "$(segments_sum a)"
found a >after.found
check "find tells the same of the rebuilt index" cmp before.found after.found
same "so do the rows" "$rows" "$(rows_sum a)"

# What is in segments is still there for split: nothing is archived twice.
run 0 "$FLOWKEEP" split -d a --json --linger 1ms --protocols tcp,udp in.pcap
same "all of it is a duplicate" "$archived" "$(json skipped.duplicate)"
same "no file was added" 0 "$(flow_files a | wc -l)"

# A day in the hands of a writer is passed over, and done later.
mkfifo input
"$FLOWKEEP" split -q -d b --linger 1ms --protocols tcp,udp - <input 2>split.err &
writer=$!
exec 9>input
head -c 2000000 in.pcap >&9
until [ -n "$(flow_files b 2>/dev/null)" ] || ! kill -0 "$writer"; do sleep 0.05; done
run 1 "$FLOWKEEP" pack -d b
check "the day is named" grep -q "day passed over: '2026/01/02'" err
tail -c +2000001 in.pcap >&9
exec 9>&-
check "the writer ended well" wait "$writer"
run 0 "$FLOWKEEP" pack -d b -q
same "pack is quiet" "" "$(cat err)"
found b >after.found
check "find tells the same" cmp before.found after.found

# A damaged file stays, and is named; the others go.
cp -a files c
victim=$(flow_files c | sed -n 20p)
truncate -s -1 "$victim"
run 1 "$FLOWKEEP" pack -d c
check "it is named" grep -q "${victim#c/} stays as it is: its length is not that of its row" err
same "it alone is left" "$victim" "$(flow_files c)"
finish
