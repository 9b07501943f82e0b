#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Files and segments are two ways to keep the same thing: what find says is equal but for where it
# lies and in how many parts; every flow is given back byte for byte the same; tar agrees with the
# index on every member.
. "$(dirname "$0")/lib.sh"
need tar gzip sqlite3 python3

# everything that find says, but for path, offset, length and parts
said() {
	"$FLOWKEEP" find -d "$1" --format json | python3 -c 'import json, sys
for line in sys.stdin:
    flow = json.loads(line)
    for name in "path", "offset", "length", "parts":
        del flow[name]
    print(json.dumps(flow))'
}

# one hash over what fetch gives of every flow, one by one
fetched() {
	"$FLOWKEEP" find -d "$1" --format uuid | sort -u | while read -r uuid; do
		echo "$uuid $("$FLOWKEEP" fetch -q -d "$1" "$uuid" 2>/dev/null | sha256sum)"
	done
}

# compare WORDS FILES-ARCHIVE SEGMENTS-ARCHIVE
compare() {
	run 0 "$FLOWKEEP" verify -q -d "$2"
	run 0 "$FLOWKEEP" verify -q -d "$3"
	same "$1: flow files in the segments' archive" 0 "$(flow_files "$3" | wc -l)"
	said "$2" >said.files
	said "$3" >said.segments
	check "$1: find lists flows" test -s said.files
	check "$1: find says the same" cmp said.files said.segments
	fetched "$2" >fetched.files
	fetched "$3" >fetched.segments
	check "$1: fetch gives the same" cmp fetched.files fetched.segments
}

# every member of every segment by tar's own reading, against the rows
tar_agrees() {
	local dir index segment
	find "$1" -name flows.sqlite | while read -r index; do
		dir=${index%/*}
		rm -rf extracted
		mkdir extracted
		for segment in "$dir"/flows-*.tar; do
			tar tf "$segment" >>extracted/names 2>>tar.err || echo "tar tf: $segment"
			tar xf "$segment" -C extracted 2>>tar.err || echo "tar xf: $segment"
		done
		sort extracted/names >names.tar
		python3 - "$dir" <<'END' | sort >names.index
import hashlib, os, sqlite3, sys, uuid
day = sys.argv[1]
db = sqlite3.connect(f"file:{day}/flows.sqlite?mode=ro", uri=True)
for name, part, segment, offset, length in db.execute(
        "select uuid, part, segment, offset, length from flow"):
    text = str(uuid.UUID(bytes=name)) if isinstance(name, bytes) else name
    text += (f"~{part}" if part else "") + ".pcap.gz"
    with open(f"{day}/flows-{segment}.tar", "rb") as f:
        f.seek(offset)
        stored = f.read(length)
    with open(f"extracted/{text}", "rb") as f:
        if f.read() != stored:
            print("differs:", end=" ")
    print(text)
END
		cmp names.tar names.index
		(cd extracted && find . -name '*.pcap.gz' -print0 | xargs -0 gzip -t) || echo "gzip -t"
	done
	[ ! -s tar.err ] || cat tar.err
}

flows=$(size 400 60 120)
run 0 "$FLOWGEN" --flows "$flows" --mean-bytes 40KiB --duration 50h --reuse-fraction 0.05 \
	--midstream-fraction 0.05 --vlan-fraction 0.1 --fragment-fraction 0.05 mix.pcap
for store in files segments; do
	run 0 "$FLOWKEEP" split -q -d "mix.$store" --store "$store" --segment-size 1MiB \
		--protocols all --json mix.pcap
	check "the ledger of $store balances" balanced
	cp out "mix.$store.json"
done
compare mix mix.files mix.segments
same "tar and the index" "" "$(tar_agrees mix.segments)"
check "the capture lies in several days" test "$(find mix.segments -name flows.sqlite | wc -l)" -ge 2

# Again: nothing is added, in whatever store.
before=$(cd mix.segments && find . -name 'flows-*.tar' -exec sha256sum {} + | sort)
for store in segments files; do
	run 0 "$FLOWKEEP" split -q -d mix.segments --store "$store" --protocols all --json mix.pcap
	same "archived again into $store" 0 "$(json .packets_archived)"
	same "segments, archived again into $store" "$before" \
		"$(cd mix.segments && find . -name 'flows-*.tar' -exec sha256sum {} + | sort)"
	run 0 "$FLOWKEEP" verify -q -d mix.segments
done
run 0 "$FLOWKEEP" split -q -d mix.files --store segments --protocols all --json mix.pcap
same "files archived again into segments" 0 "$(json .packets_archived)"

# Flows that are larger than a part may be.
run 0 "$FLOWGEN" --flows "$(size 3 1 1)" --bytes "$(size 200 70 70)MB" --payload random --udp-fraction 0 --duration 60s big.pcap
for store in files segments; do
	run 0 "$FLOWKEEP" split -q -d "big.$store" --store "$store" --compress none big.pcap
done
compare big big.files big.segments
same "tar and the index, large parts" "" "$(tar_agrees big.segments)"
check "a large flow has parts" test "$("$FLOWKEEP" find -d big.segments --sort -bytes --limit 1 --format json |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["parts"])')" -ge 2
check "no part is larger than 64 MiB" test "$(find big.segments -name flows.sqlite \
	-exec sqlite3 -readonly {} 'select max(length) from flow' \;)" -le $((64 << 20))
rm -rf big.*

if [ -n "${FLOWKEEP_CAPTURES:-}" ] && [ -z "${FLOWKEEP_QUICK:-}${FLOWKEEP_SANITIZED:-}" ]; then
	for capture in $(find "$FLOWKEEP_CAPTURES" -name '*.pcap*' -size -300k | sort | awk 'NR % 7 == 0'); do
		rm -rf c.files c.segments
		for store in files segments; do
			"$FLOWKEEP" split -q -d "c.$store" --store "$store" --protocols all "$capture" 2>err
		done
		[ -d c.files ] || continue
		said c.files >said.files
		said c.segments >said.segments
		check "$capture: find says the same" cmp said.files said.segments
	done
fi
finish
