#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fetch gives the same packets whatever they are asked for and written as: of an expression what
# mergecap makes of single fetches; as pcapng with the UUID and the record where tshark shows
# comments; gzip'd; and as the members that are stored. Files and segments make no difference.
. "$(dirname "$0")/lib.sh"
need tshark capinfos mergecap gzip python3

"${FLOWGEN:?is the generator}" --format nspcap --flows "$(size 120 60 60)" --mean-bytes "$(size 4 8 8)KiB" --duration 20s --interleave 40 --seed 33 in.pcap
run 0 "$FLOWKEEP" split -q -d files --protocols all in.pcap
run 0 "$FLOWKEEP" split -q -d segments --store segments --protocols all in.pcap

# time, lengths and a hash of the bytes of every packet, as tshark has them
packets() { tshark -r "$1" -T fields -e frame.time_epoch -e frame.cap_len -e frame.len -e frame.md5_hash -o frame.generate_md5_hash:TRUE 2>/dev/null; }

for store in files segments; do
	# an expression: all of them, and some
	"$FLOWKEEP" find -d $store --format json >found
	python3 -c 'import json
flows = [json.loads(l) for l in open("found")]
open("all", "w").writelines(f["uuid"] + "\n" for f in flows)
open("large", "w").writelines(f["uuid"] + "\n" for f in flows if f["packets"] > 5)
open("packets", "w").write(str(sum(f["packets"] for f in flows)))'
	same "$store: tshark sees every packet, with a hash" "$(tshark -r in.pcap 2>/dev/null | wc -l)" \
		"$(packets in.pcap | awk 'length($4) == 32' | wc -l)"
	check "$store: some flows are large, some are not" test "$(wc -l <large)" -gt 10 -a "$(wc -l <large)" -lt "$(wc -l <all)"
	for asked in "all packets > 0" "large packets > 5"; do
		list=${asked%% *} expression=${asked#* }
		rm -rf single && mkdir single
		while read -r uuid; do
			"$FLOWKEEP" fetch -q -d $store -w "single/$uuid.pcap" "$uuid" || fail "$uuid: cannot be fetched"
		done <"$list"
		run 0 "$FLOWKEEP" fetch -q -d $store -e "$expression" -w "$store.$list.pcap"
		mergecap -F nsecpcap -w merged.pcap single/*.pcap
		check "$store: $expression: what mergecap makes of single flows" \
			cmp <(packets merged.pcap | sort) <(packets "$store.$list.pcap" | sort)
		check "$store: $expression: in the order of time" \
			cmp <(packets merged.pcap | cut -f1) <(packets "$store.$list.pcap" | cut -f1)
		# shellcheck disable=SC2046  # a list of words
		run 0 "$FLOWKEEP" fetch -q -d $store -w words.pcap $(cat "$list")
		check "$store: $expression: as when they are named" cmp words.pcap "$store.$list.pcap"
	done

	# the first flows by when they began
	run 0 "$FLOWKEEP" fetch -q -d $store -e 'packets > 0' --limit 3 --format pcapng -w three.pcapng
	same "$store: --limit" "$(head -3 all | sort | tr '\n' ' ')" \
		"$(tshark -r three.pcapng -T fields -e frame.comment 2>/dev/null | grep -oE 'flow [^,]*' | cut -d' ' -f2 | sort -u | tr '\n' ' ')"

	# pcapng: the same packets; comments; one section, which says how many flows there are
	run 0 "$FLOWKEEP" fetch -q -d $store -e 'packets > 0' --format pcapng -w $store.pcapng
	check "$store: pcapng: packets" cmp <(packets $store.all.pcap) <(packets $store.pcapng)
	capinfos $store.pcapng >infos 2>infos.err
	check "$store: pcapng: capinfos has nothing to complain of: $(head -c 300 infos.err)" test ! -s infos.err
	check "$store: pcapng: nanoseconds" grep -q 'nanoseconds (9)' infos
	check "$store: pcapng: what made it" grep -q 'Capture application: *flowkeep$' infos
	check "$store: pcapng: how many flows" grep -q "Capture comment: *$(wc -l <all) flows" infos
	tshark -r $store.pcapng -T fields -e frame.comment >comments 2>err
	check "$store: pcapng: tshark has nothing to complain of: $(grep -v 'as user' err | head -c 300)" \
		test -z "$(grep -v -e 'as user' -e 'could be dangerous' err)"
	same "$store: pcapng: every packet tells its flow" "$(cat packets)" "$(grep -c '^flow ' comments)"
	same "$store: pcapng: every flow is told" "$(sort all | tr '\n' ' ')" \
		"$(grep -oE '^flow [^,]*' comments | cut -d' ' -f2 | sort -u | tr '\n' ' ')"
	check "$store: pcapng: each part's record, once" python3 - comments all <<'END'
import json
import sys

records = []
for line in open(sys.argv[1]):
    flow, _, record = line.rstrip("\n").replace("\\,", ",").partition(",")
    if record:
        records.append(json.loads(record))
        assert flow == "flow " + records[-1]["uuid"], line
want = sorted(open(sys.argv[2]).read().split())
sys.exit(sorted(r["uuid"] for r in records) != want)
END

	# gzip'd
	run 0 "$FLOWKEEP" fetch -q -d $store -e 'packets > 0' --gzip -w $store.pcap.gz
	check "$store: gzip -t" gzip -t $store.pcap.gz
	check "$store: gzip: the same bytes" cmp <(zcat $store.pcap.gz) $store.all.pcap
	run 0 "$FLOWKEEP" fetch -q -d $store -e 'packets > 0' --gzip --format pcapng
	check "$store: gzip'd pcapng, to a pipe" cmp <(zcat out) $store.pcapng
	check "$store: gzip: tshark reads it" cmp <(packets $store.pcap.gz) <(packets $store.all.pcap)

	# raw: one flow as it is stored; many in one, each in its own order
	uuid=$(head -1 large)
	run 0 "$FLOWKEEP" fetch -q -d $store --raw -w raw.pcap.gz "$uuid"
	if [ $store = files ]; then
		check "raw is the file" cmp raw.pcap.gz "$(flow_files $store | grep "$uuid")"
	else
		python3 - found "$uuid" $store >stored.pcap.gz <<'END' || fail "no such part"
import json
import sys

flow = next(f for f in map(json.loads, open(sys.argv[1])) if f["uuid"] == sys.argv[2])
with open(sys.argv[3] + "/" + flow["path"], "rb") as tar:
    tar.seek(flow["offset"])
    sys.stdout.buffer.write(tar.read(flow["length"]))
END
		check "raw is what lies in the segment" cmp raw.pcap.gz stored.pcap.gz
	fi
	run 0 "$FLOWKEEP" fetch -q -d $store --raw -w raw.pcap.gz -e 'packets > 0'
	check "$store: raw of all: gzip -t" gzip -t raw.pcap.gz
	check "$store: raw of all has all packets" cmp <(packets raw.pcap.gz | sort) <(packets $store.all.pcap | sort)
	same "$store: raw of all: times" "nanoseconds (9)" "$(capinfos raw.pcap.gz | sed -n 's/^File timestamp precision: *//p')"
done
check "files and segments give the same" cmp files.all.pcap segments.all.pcap
check "and the same pcapng" cmp files.pcapng segments.pcapng

# Two link types: pcapng alone can hold them.
python3 - <<'END'
import struct

def record(n, frame):
    return struct.pack("<IIII", 1767323045, n, len(frame), len(frame)) + frame

def tcp(flags, src, dst):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst)
    return ip + struct.pack(">HHIIBBHHH", 1000, 80, 7, 0, 0x50, flags, 100, 0, 0)

a, b, c = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]), bytes([192, 0, 2, 3])
for name, linktype, head, peer in (("ether.pcap", 1, bytes(12) + b"\x08\x00", b), ("raw.pcap", 101, b"", c)):
    with open(name, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, linktype))
        for n in range(4):
            f.write(record(10 * n + linktype % 7, head + tcp(2 if n == 0 else 16, a, peer)))
END
run 0 "$FLOWKEEP" split -q -d mixed ether.pcap raw.pcap
run 2 "$FLOWKEEP" fetch -d mixed -e 'host 192.0.2.1' -w mixed.pcap
check "one pcap cannot, and says what can" grep -q 'link types.*pcapng' err
run 2 "$FLOWKEEP" fetch -d mixed -e 'host 192.0.2.1' --raw -w mixed.pcap
check "nothing is made" test ! -e mixed.pcap
run 0 "$FLOWKEEP" fetch -q -d mixed -e 'host 192.0.2.1' --format pcapng -w mixed.pcapng
same "packets of both" 8 "$(tshark -r mixed.pcapng 2>/dev/null | wc -l)"
same "encapsulations of both" 2 "$(tshark -r mixed.pcapng -T fields -e frame.encap_type 2>/dev/null | sort -u | wc -l)"
check "interfaces of both" grep -q 'Number of interfaces in file: *2' <(capinfos mixed.pcapng)

# A flow of which more is staged: that is said; by name it is incomplete, by expression it is not.
: >"files/.staging/00000000000000ff.$uuid"
run 0 "$FLOWKEEP" fetch -d files -e "uuid $uuid" -w open.pcap
check "an expression says that more is to come" grep -q "left unfinished: '$uuid'" err
run 1 "$FLOWKEEP" fetch -d files -w named.pcap "$uuid"
check "a name says so too" grep -q "left unfinished: '$uuid'" err
check "what is published is given" cmp open.pcap named.pcap
rm "files/.staging/00000000000000ff.$uuid"

# All of a day is packed between its being found and its being read: fetch waits for who reads the pipe
# that it writes to, long before it has opened its last file. So it does not matter when pack is at work.
run 0 "$FLOWKEEP" fetch -q -d files --raw -w before.gz -e 'packets > 0'
check "it does not fit into a pipe and a buffer: $(stat -c %s before.gz files.all.pcap)" \
	test "$(stat -c %s files.all.pcap)" -gt $(((256 + 64 + 64) * 1024))
cp -a files stopped
"$FLOWKEEP" fetch -d stopped -e 'packets > 0' 2>stopped.err | {
	dd bs=24 count=1 status=none
	"$FLOWKEEP" pack -q -d stopped >pack.err 2>&1 || echo "exit status $?" >>pack.err
	cat
} >stopped.pcap
same "fetch and pack" "0 0" "${PIPESTATUS[*]}"
check "pack says nothing: $(head -3 pack.err)" test ! -s pack.err
same "files that are left" "" "$(flow_files stopped)"
check "what was packed before it was read is what it was: $(grep -v packets stopped.err | head -3)" \
	cmp stopped.pcap files.all.pcap

# Days are packed while all of them are fetched, again and again: no reader notices.
"$FLOWKEEP" pack -q -d files &
pack=$!
fetched=0
while :; do
	kill -0 $pack 2>/dev/null
	working=$?
	run 0 "$FLOWKEEP" fetch -q -d files -e 'packets > 0' -w during.pcap
	check "while it is packed: the same" cmp during.pcap files.all.pcap
	fetched=$((fetched + 1))
	[ $working -eq 0 ] || break
done
wait $pack
same "pack" 0 $?
check "all of it is packed" test -z "$(flow_files files)"
run 0 "$FLOWKEEP" fetch -q -d files --raw -w after.gz -e 'packets > 0'
check "raw is the same, too" cmp before.gz after.gz

# What cannot be.
run 1 "$FLOWKEEP" fetch -d files -e 'host 203.0.113.250 and port 1' -w none.pcap
check "nothing fulfils it, and that is said" grep -q 'no flow fulfils' err
check "no file" test ! -e none.pcap
run 2 "$FLOWKEEP" fetch -d files -e 'host' -w none.pcap
check "the fault is pointed at" grep -q '\^' err
run 2 "$FLOWKEEP" fetch -d files -e 'port 443' UUID
run 2 "$FLOWKEEP" fetch -d files
run 2 "$FLOWKEEP" fetch -d files --limit 2 UUID
run 2 "$FLOWKEEP" fetch -d files --raw --format pcapng "$uuid"
finish
