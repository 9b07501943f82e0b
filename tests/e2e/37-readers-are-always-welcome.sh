#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One writer of new flows, and any number of readers: a second writer is refused; who may only read,
# by permission or by mount, finds, fetches, verifies, and counts, while somebody writes, afterwards,
# and after a kill; who reads while others write, pack, pin and prune sees no error, no half flow, and
# never misses what was there.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need setpriv tcpreplay sqlite3

trap 'umount -l "$work"/*/readonly 2>/dev/null; net_cleanup' EXIT
net_start quiet
group=64242 # of nobody's

# refused WORDS COMMAND...: there is a writer; one line says so
refused() {
	local words=$1
	shift
	run 3 timeout 60 "$@"
	same "$words: lines: $(cat err)" 1 "$(wc -l <err)"
	check "$words: $(cat err)" grep -q "is being written by another flowkeep" err
}

"$FLOWGEN" --flows 20 --udp-fraction 0 --seed 60 few.pcap || fail "flowgen"

# ---- who may read ----------------------------------------------------------------------------------

verified=0 # what verify ends with
as_group=(setpriv --reuid=65534 --regid="$group" --clear-groups --inh-caps=-all)
"${as_group[@]}" test -x "$FLOWKEEP" || {
	echo "the part of another user skipped: cannot reach $FLOWKEEP"
	skipped=$((skipped + 1))
	as_group=()
}

# reads WORDS DIR [PREFIX...]: finds, fetches, counts; what was found is in found, verify said it in said
reads() {
	local words=$1 dir=$2 uuid packets
	shift 2
	run 0 "$@" "$FLOWKEEP" find -d "$dir" --format csv
	check "$words: find says no more: $(cat err)" test ! -s err
	check "$words: there are flows" test "$(wc -l <out)" -gt 1
	"$python" -c 'import csv
for f in csv.DictReader(open("out")):
    print(f["uuid"], f["packets"])' | sort >found
	while read -r uuid packets; do
		run 0 "$@" "$FLOWKEEP" fetch -q -d "$dir" "$uuid"
		check "$words: fetch says no more: $(cat err)" test ! -s err
		same "$words: packets of $uuid" "$packets" "$(tcpdump -n -r out 2>/dev/null | wc -l)"
	done < <(shuf -n "$(size 5 2 3)" --random-source=/dev/zero found)
	run 0 "$@" "$FLOWKEEP" du -d "$dir" --format csv
	check "$words: du says no more: $(cat err)" test ! -s err
	same "$words: flows that du counts" "$(wc -l <found)" "$(grep '^total,' out | cut -d, -f2)"
	run "$verified" "$@" "$FLOWKEEP" verify -q -d "$dir"
	same "$words: damage" "" "$(grep -v "it has no end; the next start of a writer" out)"
}

# all_read WORDS DIR: as root, as a member of the group, from a mount that is read only
all_read() {
	reads "$1" "$2/a"
	cp found found.root
	if [ ${#as_group[@]} -gt 0 ]; then
		reads "$1, group" "$2/a" "${as_group[@]}"
		check "$1: a member of the group finds the same" cmp found.root found
	fi
	mkdir -p "$2/readonly"
	if ! mount --bind "$2/a" "$2/readonly" || ! mount -o remount,bind,ro "$2/readonly"; then
		fail "cannot mount $2 read only"
		return
	fi
	check "$1: it is read only" test ! -w "$2/readonly"
	reads "$1, read only" "$2/readonly"
	check "$1: the same is found where it is read only" cmp found.root found
	umount "$2/readonly" || fail "umount"
}

archived() { [ "$("$FLOWKEEP" find -d "$1" --format uuid 2>/dev/null | wc -l)" -ge "$2" ]; }
indexed() { [ "$("$FLOWKEEP" du -d "$1" --format csv 2>/dev/null | grep '^total,' | cut -d, -f2)" = "$2" ]; }
replay() { in_client tcpreplay -q -i cli0 --mbps 20 "$1" >replayed 2>&1 || fail "tcpreplay: $(tail -3 replayed)"; }
"$FLOWGEN" --flows 60 --duration 2 --udp-fraction 0 --ends 1:0:0 --packets 12:40 --seed 61 live.pcap || fail "flowgen"
"$FLOWGEN" --flows 60 --duration 2 --udp-fraction 0 --ends 1:0:0 --packets 12:40 --seed 62 more.pcap || fail "flowgen"

for store in files segments; do
	mkdir $store
	chgrp $group $store
	chmod 2755 $store
	start_capture -d $store/a -i srv0 --store $store --linger 100ms || net_finish
	replay live.pcap
	await 60 "$store: 60 flows" archived $store/a 60
	await 60 "$store: 60 rows" indexed $store/a 60

	refused "$store: a second capture" ip netns exec "$server_ns" "$FLOWKEEP" capture -q "${capture_always[@]}" -d $store/a -i srv0
	refused "$store: a second capture, checked" ip netns exec "$server_ns" "$FLOWKEEP" capture -q "${capture_always[@]}" --check -d $store/a -i srv0
	refused "$store: a split beside a capture" "$FLOWKEEP" split -q -d $store/a few.pcap

	all_read "$store, while it is written" $store
	stop_capture 0
	all_read "$store, afterwards" $store
	verify_clean $store/a

	start_capture -d $store/a -i srv0 --store $store --linger 100ms || net_finish
	replay more.pcap
	await 60 "$store: 120 flows" archived $store/a 120
	await 60 "$store: 120 rows" indexed $store/a 120
	kill -9 "$capture_pid"
	wait "$capture_pid" 2>/dev/null
	check "$store: the index was left as it was" test -s "$(echo $store/a/*/*/*/flows.sqlite-wal)"
	"$FLOWKEEP" find -d $store/a --format uuid | sort -u >killed
	# A segment that was being written has no end: the one thing that is to be mended.
	[ $store = files ] || verified=1
	all_read "$store, after a kill" $store
	# What SQLite shares between processes is not there after a power cut, and in a copy.
	rm -f $store/a/*/*/*/flows.sqlite-shm
	all_read "$store, after a kill, without -shm" $store
	verified=0
	run 0 "$FLOWKEEP" split -q -d $store/a --store $store few.pcap
	all_read "$store, mended" $store
	same "$store: found after the kill, and lost now" '' "$(comm -23 killed <(cut -d' ' -f1 found | sort -u))"
done

# Two splits: the first waits for its input.
mkfifo pipe
"$FLOWKEEP" split -q -d split - <pipe 2>split.err &
splitting=$!
exec 7>pipe
head -c 2000 few.pcap >&7
locked() { "$python" -c 'import fcntl, struct, sys
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0)
got = fcntl.fcntl(open("split/.lock", "r+"), 36, lock) # F_OFD_GETLK
sys.exit(struct.unpack("hhqqi4x", got)[0] == fcntl.F_UNLCK)' 2>/dev/null; }
await 60 "the lock of split" locked
refused "a second split" "$FLOWKEEP" split -q -d split few.pcap
refused "a capture beside a split" ip netns exec "$server_ns" "$FLOWKEEP" capture -q "${capture_always[@]}" -d split -i srv0
tail -c +2001 few.pcap >&7
exec 7>&-
wait $splitting || fail "split: $(cat split.err)"
reads "what was refused did no harm" split

# ---- who reads all the time ------------------------------------------------------------------------

rounds=$(size 60 4 8) each=$(size 400 100 200)
day=86400
first=$((($(date +%s) / day - 30) * day))
for old in 0 1 2 3 4 5; do
	"$FLOWGEN" --flows "$each" --mean-bytes 4000 --udp-fraction 0 --seed $((70 + old)) \
		--start $((first + old * day + 3600)) --duration 5h old$old.pcap || fail "flowgen"
done
for ((round = 0; round < rounds; round++)); do
	"$FLOWGEN" --flows 80 --mean-bytes 20000 --udp-fraction 0 --seed $((80 + round)) \
		--start $((first + 20 * day + round * 600)) --duration 10m new$round.pcap || fail "flowgen"
done

has_written() { [ "$(wc -l <written)" -ge "$1" ] || gone "$writer"; }

for store in files segments; do
	archive=read.$store
	run 0 "$FLOWKEEP" split -q -d $archive old?.pcap
	rm -f stop
	: >written
	readers=()
	for reader in 1 2; do
		"$python" "$here/readers.py" --archive $archive --stop stop --seed $reader --mortal-before $(((first + 3 * day) * 1000000000)) \
			"$FLOWKEEP" >reader$reader.out 2>&1 &
		readers+=($!)
	done
	(
		for ((round = 0; round < rounds; round++)); do
			"$FLOWKEEP" split -q -d $archive --store $store --segment-size 1MiB --savers 2 new$round.pcap || exit
			echo >>written
		done
	) 2>writer.err &
	writer=$!
	# Beside it, on the days before: what is packed first, pinned and pruned then. Busy days are passed over.
	run 0 "$FLOWKEEP" pin -d $archive "$("$FLOWKEEP" find -d $archive --format uuid --sort start --limit 1)"
	(
		while ! gone $writer; do
			"$FLOWKEEP" pack -q -d $archive --older-than 1d 2>pack.err || [ $? -eq 1 ] || exit
		done
	) &
	packer=$!
	for gone in 1 2 3; do
		await 120 "$store: part $gone of what is written" has_written $((rounds * gone / 4))
		# 1: pack has a day in hand
		await 60 "$store: $gone days to go" "$FLOWKEEP" prune -q -d $archive --max-age $(($(date +%s) - first - gone * day))s 2>prune.err
		check "$store: prune says no more than that" test "$(grep -vc 'in the hands of another flowkeep' prune.err)" -eq 0
	done
	await 120 "$store: the end of the writer" gone $writer
	wait $writer || fail "$store: split: $(head -5 writer.err)"
	wait $packer || fail "$store: pack: $(head -5 pack.err)"
	: >stop
	for reader in 1 2; do
		await 120 "$store: the end of a reader" gone "${readers[reader - 1]}"
		wait "${readers[reader - 1]}" || fail "$store: reader $reader: $(head -c 3000 reader$reader.out)"
		echo "$store: $(tail -1 reader$reader.out)"
	done
	verify_clean $archive
done
net_finish
