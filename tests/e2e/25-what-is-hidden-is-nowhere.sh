#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Markers in payloads, addresses and hardware addresses are planted wherever one can hide; whatever the
# policy hides is in no byte that a run leaves: flow files, segments, staged files, index and its log,
# messages at debug, JSON, metrics, what find prints, names of files. In made captures, in real ones, and live.
. "$(dirname "$0")/lib.sh"
need python3
export PYTHONDONTWRITEBYTECODE=1
nowhere() { python3 "$here/find_bytes.py" "$@"; }

key=$work/key
printf '31415926%.0s' 1 2 3 4 5 6 7 8 >"$key"
chmod 600 "$key"

# counts FILE: what became of the packets, whatever they hold
counts() { python3 -c 'import json, sys
l = json.load(open(sys.argv[1]))
print(l["packets_read"], l["packets_archived"], l["flows"], sorted(l["skipped"].items()), sorted(l["dropped"].items()))' "$1"; }

# archive NAME INPUT STATUS OPTIONS...: leaves everything that is said in NAME.said. Of the forms that find
# knows, a small run has another one of each archive.
forms=(table json csv uuid) archives=0
archive() {
	local name=$1 input=$2 status=$3 format n
	shift 3
	mkdir "$name.said"
	run "$status" "$FLOWKEEP" split -v -v -d "$name" --json --sync none --protocols all "$@" "$input"/*.pcap
	check "$name: the ledger balances" balanced
	cp out "$name.said/ledger"
	cp err "$name.said/log"
	archives=$((archives + 1))
	for ((n = 0; n < $(size 4 1 2); n++)); do
		format=${forms[(archives + n) % 4]}
		run 0 "$FLOWKEEP" find -v -v -d "$name" --format "$format"
		cat out err >"$name.said/find.$format"
	done
	run 0 "$FLOWKEEP" verify -v -v -d "$name"
	cat out err >"$name.said/verify"
}

for what in markers addresses macs; do
	python3 "$here/hidden.py" $what $what || fail "hidden.py $what"
done

# Without a policy all of it is there; so a search that finds nothing means something.
archive markers.plain markers 1
archive addresses.plain addresses 1
archive macs.plain macs 0
for what in markers addresses macs; do
	status=1
	[ $what != macs ] || status=0
	check "$what: all are found where no policy hides them" nowhere --present $what/needles $what.plain $what.plain.said
	counts $what.plain.said/ledger >$what.counts
	archive $what.plain.segments $what $status --store segments
	same "$what: flow files beside segments" "" "$(flow_files $what.plain.segments)"
	check "$what: all are found in segments where no policy hides them" nowhere --present $what/needles $what.plain.segments $what.plain.segments.said
done

# hide NAME INPUT OPTIONS...
hide() {
	local name=$1 input=$2 status=1
	shift 2
	[ "$input" != macs ] || status=0
	archive "$name" "$input" $status "$@"
	check "$name: something is where it should not be" nowhere "$input/needles" "$name" "$name.said"
	same "$name: as many packets and flows as without a policy" "$(cat "$input.counts")" "$(counts "$name.said/ledger")"
}

hide headers markers --payload headers
hide zero markers --payload zero
hide headers-netblock markers --payload headers --anonymize netblock --compress none
for payload in headers zero full; do
	hide $payload.netblock addresses --payload $payload --anonymize netblock
	hide $payload.cryptopan addresses --payload $payload --anonymize cryptopan --anonymize-key "$key"
done
hide headers.segments markers --payload headers --anonymize netblock --store segments
hide zero.segments addresses --payload zero --anonymize cryptopan --anonymize-key "$key" --store segments
hide macs.segments macs --anonymize-mac --anonymize-key "$key" --store segments
hide full.netblock.stored addresses --anonymize netblock --compress none
hide 64.netblock addresses --payload 64 --anonymize netblock:16,32
hide macs.alone macs --anonymize-mac --anonymize-key "$key"
hide macs.netblock macs --anonymize-mac --anonymize netblock --anonymize-key "$key"
hide macs.headers macs --anonymize-mac --payload headers --anonymize-key "$key"

# Cut short, and with no room: what becomes of packets is another matter, what is hidden is not.
archive snaplen addresses 1 --anonymize netblock -s 70
archive no-room addresses 1 --anonymize cryptopan --anonymize-key "$key" --max-flows 3 --idle-timeout 1ms
for name in snaplen no-room; do
	check "$name: something is where it should not be" nowhere addresses/needles $name $name.said
done

# The same hardware address becomes the same, different ones differ, groups stay what they are.
check "hardware addresses" python3 - "$here" macs.plain macs.alone macs.netblock <<'END'
import glob
import struct
import sys

sys.path.insert(0, sys.argv[1])
import find_bytes


def pairs(archive):
    """The hardware addresses of each frame, by its time."""
    found = {}
    for path in glob.glob(archive + "/*/*/*/*.pcap.gz"):
        data, at = find_bytes.members(open(path, "rb").read())[0], 24
        linktype = struct.unpack_from("<I", data, 20)[0]
        while at < len(data):
            sec, nsec, caplen, _ = struct.unpack_from("<IIII", data, at)
            frame = data[at + 16 : at + 16 + caplen]
            spots = {1: (0, 6), 113: (6,), 276: (12,)}[linktype]
            found[linktype, sec, nsec] = [frame[spot : spot + 6] for spot in spots]
            at += 16 + caplen
    return found


plain = pairs(sys.argv[2])
bad = 0
for archive in sys.argv[3:]:
    became = {}
    other = pairs(archive)
    if other.keys() != plain.keys():
        sys.exit(f"  {archive}: not the same packets")
    for when, addresses in plain.items():
        for old, new in zip(addresses, other[when]):
            if became.setdefault(old, new) != new:
                bad = print(f"  {archive}: {old.hex()} became {became[old].hex()} and {new.hex()}") or 1
            if old[0] & 1 != new[0] & 1 or (old == b"\xff" * 6) != (new == b"\xff" * 6):
                bad = print(f"  {archive}: {old.hex()}, became {new.hex()}: one of them is a group") or 1
    if len(set(became.values())) != len(became):
        bad = print(f"  {archive}: two became one") or 1
    if len(became) < 5:
        bad = print(f"  {archive}: {len(became)} hardware addresses, too few to tell") or 1
sys.exit(bad)
END

# Real captures: no address of a flow that the oracle knows, but in what netblock keeps.
captures=${FLOWKEEP_CAPTURES:-}
if [ -d "$captures/oracle" ] && command -v tshark >/dev/null; then
	# real NAME EVERY OPTIONS...: of each so manieth capture
	real() {
		local name=$1 list
		mapfile -t list < <(awk -F'\t' -v top="$captures" -v every="$2" 'NR > 1 && NR % every == 0 { print top "/" $1 }' "$captures/MANIFEST.tsv")
		shift 2
		"$FLOWKEEP" split -v -v -d "$name" --json --sync none --protocols all "$@" "${list[@]}" >out 2>err
		check "$name: exit status (some captures are damaged)" test $? -le 1
		if grep -qE 'Sanitizer|runtime error:' err; then fail "sanitizer: $(head -40 err)"; fi
		check "$name: the ledger balances" balanced
		cp out "$name.ledger"
		cp err "$name.log"
		"$FLOWKEEP" find -d "$name" --format json >"$name.found" || fail "find"
		check "$name: addresses of real captures" \
			python3 "$here/hidden_captures.py" "$captures" "$name" "$name.ledger" "$name.log" "$name.found"
	}
	mapfile -t list < <(find "$captures"/{linktype,l2tag,nontcp,tunnel} -type f | sort)
	for name in links.plain links.macs; do
		policy=()
		[ $name = links.plain ] || policy=(--anonymize-mac --anonymize-key "$key")
		"$FLOWKEEP" split -q -d $name --json --sync none --protocols all "${policy[@]}" "${list[@]}" >out 2>err
		check "$name: exit status (some captures are damaged)" test $? -le 1
	done
	check "hardware addresses of real captures" python3 "$here/hidden_captures.py" --macs links.plain links.macs
	real real.netblock "$(size 1 8 5)" --payload headers --anonymize netblock
	real real.cryptopan "$(size 5 12 10)" --payload headers --anonymize cryptopan --anonymize-key "$key"
else
	echo "real captures skipped: no captures, or no tshark"
	skipped=$((skipped + 1))
fi

# Live, in network namespaces.
if [ "$failed" -gt 0 ] || [ "$(id -u)" -ne 0 ]; then
	[ "$failed" -gt 0 ] || { echo "the live half skipped: needs root" && skipped=$((skipped + 1)); }
	finish
fi
. "$here/netlib.sh"
need curl
client4=10.77.1.173 client6=fd77:1::5e2b:91c7:d3a6:7f48 server_mac=5a:c3:91:e7:4b:d1 client_mac=5a:9d:36:f8:a2:7c
net_start
ip -n "$server_ns" link set srv0 address $server_mac
ip -n "$client_ns" link set cli0 address $client_mac
ip -n "$client_ns" addr add $client4/24 dev cli0
ip -n "$client_ns" addr add $client6/64 dev cli0 nodad
for neighbor in 10.77.1.2 $client4 fd77:1::2 $client6; do
	ip -n "$server_ns" neigh replace $neighbor lladdr $client_mac dev srv0 nud permanent
done
for neighbor in 10.77.1.1 fd77:1::1; do
	ip -n "$client_ns" neigh replace $neighbor lladdr $server_mac dev cli0 nud permanent
done
{
	echo client4 v4 0a4d01ad always
	echo client6 v6 fd770001000000005e2b91c7d3a67f48 always
} >clients
echo marker bytes b7e151628aed2a6abf7158809cf4f3c7 always >marker
{
	echo server_mac mac ${server_mac//:/} always
	echo client_mac mac ${client_mac//:/} always
} >live.macs
staged() { find "$1/.staging" -type f -size +0 | wc -l; }
has_staged() { [ "$(staged "$1")" -ge "$2" ]; }
said() { grep -q "^$1" live.out || { gone "$live_pid" && ! grep -q done live.out; }; }
indexed() { [ "$(cat "$1"/*/*/*/flows.sqlite-wal 2>/dev/null | wc -c)" -gt 0 ]; }

# live NAME FRAMES OPTIONS...: leaves a copy of the archive as it was while running in NAME.copy
live() {
	local name=$1 frames=$2 least=6 format
	shift 2
	[ -z "$frames" ] || least=300
	mkdir "$name.said"
	rm -f go && mkfifo go
	ip netns exec "$server_ns" "$python" "$here/net/hidden_live.py" "$server_ns" "$client_ns" "$sockets/$name.socket" $frames \
		<>go >live.out 2>live.err &
	live_pid=$!
	await 60 "the event server" said listening || net_finish
	start_capture -d "$name" -i srv0 --events "$sockets/$name.socket" --metrics 127.0.0.1:9990 -v -v --protocols all \
		--flush-interval 1h --linger 100ms --uuid-wait 200ms "$@" || net_finish
	await 60 "the end of what is said: $(tail -1 live.err)" said open
	await 30 "published flows in the index's log" indexed "$name"
	kill -USR2 "$capture_pid"
	await 30 "staged files" has_staged "$name" "$least"
	kill -USR1 "$capture_pid"
	scrape >"$name.said/metrics"
	check "$name: metrics" grep -q flowkeep_packets_read_total "$name.said/metrics"
	cp -a "$name" "$name.copy" 2>/dev/null # what is staged may be gone meanwhile
	echo >go
	await 60 "the end of the connections" said done
	await 10 "the end of the client" gone "$live_pid"
	wait "$live_pid" || fail "client: $(tail -5 live.err)"
	scrape >"$name.said/metrics.later"
	stop_capture 0
	cp "$capture_out" "$name.said/ledger"
	cp "$capture_err" "$name.said/log"
	check "$name: events that were good, and bad ones" "$python" -c 'import json; e = json.load(open("out"))["events"]
assert e["named"] >= 6 and e["malformed"] >= 2 and e["bad_uuid"] >= 2, e'
	check "$name: the copy has staged files and the index's log" test "$(staged "$name.copy")" -ge "$least" -a \
		"$(find "$name.copy" -name '*-wal' -size +0 | wc -l)" -gt 0
	for format in table json csv; do
		run 0 "$FLOWKEEP" find -v -v -d "$name" --format $format
		cat out err >"$name.said/find.$format"
	done
	verify_clean "$name"
}
ends() { "$python" -c 'import json, sys
print(*sorted({json.loads(line)[sys.argv[2]] for line in open(sys.argv[1]) if json.loads(line)["server_port"] == 8080}))' "$1" "$2"; }

live l.plain ""
check "live, no policy: all is found" nowhere --present clients l.plain l.plain.said
check "live, no policy: staged files are read" nowhere --present clients l.plain.copy/.staging
check "live, no policy: all is found" nowhere --present marker l.plain.copy
check "live, no policy: all is found" nowhere --present live.macs l.plain

live l.netblock "addresses/1.pcap markers/1.pcap" --anonymize netblock --payload headers
cat clients marker addresses/needles markers/needles >all
check "live, netblock: something is where it should not be" nowhere all l.netblock l.netblock.copy l.netblock.said
same "live, netblock: clients" "10.77.1.0 fd77:1::" "$(ends l.netblock.said/find.json client_ip)"
same "live, netblock: servers" "10.77.1.0 fd77:1::" "$(ends l.netblock.said/find.json server_ip)"

live l.exempt "addresses/1.pcap markers/1.pcap" --store segments --anonymize cryptopan --anonymize-key "$key" --anonymize-exempt local --anonymize-mac --payload zero
cat live.macs >>all
check "live, cryptopan: something is where it should not be" nowhere all l.exempt l.exempt.copy l.exempt.said
same "live, exempt: servers" "10.77.1.1 fd77:1::1" "$(ends l.exempt.said/find.json server_ip)"
net_finish
