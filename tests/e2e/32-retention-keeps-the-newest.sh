#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# prune takes the oldest first, whole days where it can, and says beforehand what it will take; the
# newest part and what is pinned stay, and are found and fetched; limits that cannot be met are
# refused; du tells what the files and sqlite3 tell. In both stores; and, as root, on a small disk
# that is full.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3
sql() { sqlite3 -readonly "$@"; }
du_line() { "$FLOWKEEP" du -d "$1" --format csv | grep "^$2,"; }
du_disk() { du_line "$1" "$2" | cut -d, -f5; }
on_disk() { du -s -B1 "$1" | cut -f1; }
uuids() { "$FLOWKEEP" find -d "$1" --format uuid | sort -u; }
verify() { run 0 "$FLOWKEEP" verify -q -d "$1"; }
days() { (cd "$1" && echo [0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]); }
# prune STATUS DIR OPTIONS...: a dry run changes nothing, and tells what then goes; that is in `gone`
prune() {
	local status=$1 dir=$2 before
	shift 2
	before=$(cd "$dir" && find . -type f -exec sha256sum {} + | sort | sha256sum)
	run "$status" "$FLOWKEEP" prune -d "$dir" "$@" --dry-run
	cp out gone
	same "$dir: a dry run changes nothing" "$before" "$(cd "$dir" && find . -type f -exec sha256sum {} + | sort | sha256sum)"
	run "$status" "$FLOWKEEP" prune -d "$dir" "$@"
	same "$dir: what the dry run tells is what goes: $*" "$(cat gone)" "$(cat out)"
	check "$dir: the summary is there" grep -q ' parts' err
	run "$status" "$FLOWKEEP" prune -d "$dir" "$@"
	same "$dir: a second run finds nothing" "" "$(cat out)"
}
parts_gone() { awk -F'\t' '{ n += $2 } END { print n + 0 }' gone; }
bytes_gone() { awk -F'\t' '{ n += $3 } END { print n + 0 }' gone; }

# Five days of about 6 MB; the hour and the length are such that no flow sees midnight.
first=$((20454 * 86400)) # 2026-01-01
for day in 0 1 2 3 4; do
	"$FLOWGEN" --flows 100 --mean-bytes 64KiB --payload random --udp-fraction 0 --seed $day \
		--start $((first + day * 86400 + 3600)) --duration 5h $day.pcap || fail "flowgen"
done

# make STORE: the archive of the five days
make() {
	rm -rf "$1"
	run 0 "$FLOWKEEP" split -q -d "$1" --store "$1" --segment-size 1MiB --savers 1 [0-4].pcap
}

for store in files segments; do
	# ---- du ----------------------------------------------------------------------------------
	make $store
	verify $store
	same "$store: days" "2026/01/01 2026/01/02 2026/01/03 2026/01/04 2026/01/05" "$(days $store)"
	for day in $(days $store); do
		index=$store/$day/flows.sqlite
		files=$(find $store/$day -name '*.tar' | wc -l)
		same "$store: du of $day" \
			"$day,$(sql $index 'select count(*), sum(client_packets + server_packets), sum(length) from flow' | tr '|' ,),$(on_disk $store/$day),$files" \
			"$(du_line $store $day)"
	done
	same "$store: du of all" "$(on_disk $store)" "$(du_disk $store total)"
	same "$store: parts of all" \
		"$(for index in $store/*/*/*/flows.sqlite; do sql $index 'select count(*) from flow'; done | awk '{ n += $1 } END { print n }')" \
		"$(du_line $store total | cut -d, -f2)"
	run 0 "$FLOWKEEP" du -d $store --format json
	check "$store: du in JSON" python3 -c 'import csv, json, subprocess, sys
rows = [json.loads(line) for line in open("out")]
text = subprocess.run([sys.argv[1], "du", "-d", sys.argv[2], "--format", "csv"], stdout=subprocess.PIPE, text=True).stdout
assert [{k: str(v) for k, v in row.items()} for row in rows] == list(csv.DictReader(text.splitlines())), rows' "$FLOWKEEP" $store
	run 0 "$FLOWKEEP" du -d $store
	same "$store: lines of the table" 8 "$(wc -l <out)"
	same "$store: lines of the table are of one length" 1 "$(awk '{ print length($0) }' out | sort -u | wc -l)"
	run 2 "$FLOWKEEP" du -d $store --format uuid
	run 3 "$FLOWKEEP" du -d nowhere

	# ---- pins --------------------------------------------------------------------------------
	sql $store/2026/01/01/flows.sqlite "select lower(substr(hex(uuid), 1, 8) || '-' || substr(hex(uuid), 9, 4) || '-' ||
		substr(hex(uuid), 13, 4) || '-' || substr(hex(uuid), 17, 4) || '-' || substr(hex(uuid), 21))
		from flow where part = 0 order by client_packets desc limit 3" >pins
	same "$store: three to be pinned" 3 "$(wc -l <pins)"
	mapfile -t pins <pins
	uuids $store >before
	for uuid in "${pins[@]}"; do
		run 0 "$FLOWKEEP" fetch -d $store -w "$uuid.$store.before" "$uuid"
	done
	run 0 "$FLOWKEEP" pin -d $store "${pins[@]}"
	run 0 "$FLOWKEEP" pin -d $store "${pins[@]}"
	run 1 "$FLOWKEEP" pin -d $store "${pins[0]}" no-such-flow
	check "$store: what is not found is named" grep -q "not found: 'no-such-flow'" err
	run 1 "$FLOWKEEP" pin -d $store "${pins[0]:0:8}"
	run 2 "$FLOWKEEP" pin -d $store
	run 2 "$FLOWKEEP" pin -d $store ../x
	run 3 "$FLOWKEEP" pin -d nowhere x
	check "$store: pin makes no archive" test ! -e nowhere
	same "$store: du of all, with pins" "$(on_disk $store)" "$(du_disk $store total)"
	same "$store: du of pins" "$(on_disk $store/pinned)" "$(du_disk $store pinned)"
	uuids $store >after
	check "$store: what is pinned is found once" cmp before after
	verify $store/pinned
	rows=$(rows_sum $store/pinned)
	rm $store/pinned/2026/01/01/flows.sqlite
	run 0 "$FLOWKEEP" reindex -q -d $store/pinned
	same "$store: rows of pins, made anew" "$rows" "$(rows_sum $store/pinned)"

	# ---- limits that are refused -------------------------------------------------------------
	for bad in "" "--max-disk 1MiB" "--max-disk 4EiB" "--min-free 100%" "--min-free 4EiB" "--min-free 101%" \
		"--min-free x" "--max-age 0" "--max-disk 20MB x" "--min-inodes 99999999999999"; do
		# shellcheck disable=SC2086
		run 2 "$FLOWKEEP" prune -d $store $bad
		same "$store: prune $bad: lines" 1 "$(wc -l <err)"
		check "$store: prune $bad: nothing goes" test ! -s out
	done
	run 3 "$FLOWKEEP" prune -d nowhere --max-disk 20MB
	mkdir -p empty
	run 3 "$FLOWKEEP" prune -d empty --max-disk 20MB
	check "what is no archive stays as it is" rmdir empty

	# ---- whole days --------------------------------------------------------------------------
	# The first prune leaves its reserve behind, which counts.
	run 0 "$FLOWKEEP" prune -d $store --max-disk 1GB
	same "$store: nothing goes" "" "$(cat out)"
	total=$(du_disk $store total)
	# What has a second name below pinned is not freed.
	shared=$(cd $store && find pinned -type f -links +1 -exec du -B1 -c {} + | awk 'END { print $1 + 0 }')
	check "$store: what is pinned of files is linked: $shared" test $((shared > 0)) = $([ $store = files ] && echo 1 || echo 0)
	prune 0 $store --max-disk $((total + shared - $(du_disk $store 2026/01/01) - $(du_disk $store 2026/01/02)))
	same "$store: the oldest days go" "2026/01/01 2026/01/02" "$(cut -f1 gone | tr '\n' ' ' | sed 's/ $//')"
	same "$store: what is left" "2026/01/03 2026/01/04 2026/01/05" "$(days $store)"
	same "$store: du of all" "$(on_disk $store)" "$(du_disk $store total)"
	same "$store: bytes that went" "$total" $(($(du_disk $store total) + $(bytes_gone)))
	check "$store: the trash is empty" test -z "$(ls -A $store/.trash)"
	check "$store: no day is listed" test ! -s $store/.dirty
	verify $store
	{
		cat pins
		for day in 3 4 5; do "$FLOWKEEP" find -d $store --format uuid after 2026-01-0${day}T00:00:00Z and before 2026-01-0${day}T23:00:00Z; done
	} | sort -u >want
	uuids $store >after
	check "$store: what is left is found" cmp want after
	for uuid in "${pins[@]}"; do
		run 0 "$FLOWKEEP" fetch -d $store -w "$uuid.$store.after" "$uuid"
		check "$store: $uuid is as it was" cmp "$uuid.$store.before" "$uuid.$store.after"
	done
	while read -r uuid; do
		"$FLOWKEEP" fetch -q -d $store -w lost "$uuid" 2>/dev/null && fail "$store: $uuid is still there"
		break
	done < <(comm -23 before after)

	# ---- within a day ------------------------------------------------------------------------
	cp $store/2026/01/03/flows.sqlite third.sqlite
	prune 0 $store --max-disk $(($(du_disk $store total) - 2500000))
	check "$store: some go, and no day" test "$(wc -l <gone)" -gt 1 -a "$(grep -vc '^2026/01/03/' gone)" -eq 0
	same "$store: rows went with the files" "$(sql third.sqlite 'select count(*) from flow')" \
		$(($(parts_gone) + $(sql $store/2026/01/03/flows.sqlite 'select count(*) from flow')))
	verify $store
	# What is left ended later than what went: of segments, their last part.
	if [ $store = files ]; then
		unit="part || hex(uuid)"
	else
		unit="segment"
	fi
	same "$store: what went is what ended first" 0 "$(sql third.sqlite "attach '$store/2026/01/03/flows.sqlite' as now;
		with old as (select $unit as unit, max(end_ns) as end from flow group by 1),
		kept as (select $unit as unit, max(end_ns) as end from now.flow group by 1)
		select count(*) from old where unit not in (select unit from kept) and end > (select min(end) from kept)")"

	# ---- age ---------------------------------------------------------------------------------
	# Between the third day and the fourth, which are far enough from each other.
	age=$(($(date +%s) - first - 3 * 86400))
	run 0 "$FLOWKEEP" prune -d $store --max-age ${age}s --dry-run
	cp out gone
	run 0 "$FLOWKEEP" prune -d $store --max-age ${age}s
	same "$store: what the dry run tells is what goes" "$(cat gone)" "$(cat out)"
	same "$store: one day is too old" 2026/01/03 "$(cut -f1 gone)"
	run 0 "$FLOWKEEP" prune -d $store --max-age 1s
	same "$store: the newest part stays" 2026/01/05 "$(days $store)"
	[ $store = segments ] ||
		same "$store: and nothing else" 1 "$(sql $store/2026/01/05/flows.sqlite 'select count(*) from flow')"
	verify $store

	# ---- no pins any more --------------------------------------------------------------------
	run 0 "$FLOWKEEP" pin -d $store --remove "${pins[0]}" "${pins[1]}"
	run 1 "$FLOWKEEP" pin -d $store --remove "${pins[0]}"
	run 1 "$FLOWKEEP" fetch -d $store -w lost "${pins[0]}"
	run 0 "$FLOWKEEP" fetch -d $store -w "${pins[2]}.$store.last" "${pins[2]}"
	check "$store: the last pin is as it was" cmp "${pins[2]}.$store.before" "${pins[2]}.$store.last"
	same "$store: one is pinned" 1 "$(du_line $store pinned | cut -d, -f2)"
done

# ---- a small disk ----------------------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
	echo "the part on a small disk skipped: needs root"
	skipped=$((skipped + 1))
	finish
fi
mkdir disk
# small SIZE INODES: what follows on the standard input runs in a namespace where disk/ is a small disk
small() {
	unshare -m bash -c '. "$0"
		mount -t tmpfs -o size='"$1"',nr_inodes='"$2"' tmpfs disk || exit 1
		eval "$(cat)"
		echo "$passed $failed" >"$small_count"' /dev/fd/3 3< <(
		declare -f pass fail check same run verify days prune du_line du_disk make
		declare -p FLOWKEEP FLOWGEN
		echo 'passed=0 failed=0'
		echo "small_count=$work/count"
	)
	read -r p f <count || f=1 p=0
	rm -f count
	passed=$((passed + p))
	failed=$((failed + f))
}
small 48M 0 <<-'SMALL'
	for store in files segments; do
		rm -rf disk/*
		run 0 "$FLOWKEEP" split -q -d disk/a --store $store --segment-size 1MiB [0-4].pcap
		run 2 "$FLOWKEEP" prune -d disk/a --min-free 48MiB
		run 2 "$FLOWKEEP" prune -d disk/a --max-disk 49MiB
		run 2 "$FLOWKEEP" prune -d disk/a --min-inodes 5
		run 0 "$FLOWKEEP" prune -d disk/a --max-disk 40MiB # leaves its reserve
		same "$store: nothing goes" "" "$(cat out)"
		free=$(df -B1 --output=avail disk | tail -1 | tr -d ' ')
		run 0 "$FLOWKEEP" prune -d disk/a --min-free $((free + $(du_disk disk/a 2026/01/01)))
		same "$store: the oldest day goes" 2026/01/01 "$(cut -f1 out)"
		# Filled to the last byte by somebody else.
		dd if=/dev/zero of=disk/other bs=64k 2>/dev/null
		dd if=/dev/zero of=disk/other2 bs=1 count=100000 2>/dev/null
		same "$store: bytes that are free" 0 "$(df -B1 --output=avail disk | tail -1 | tr -d ' ')"
		run 0 "$FLOWKEEP" prune -d disk/a --min-free 1MiB
		check "$store: there is room" test "$(df -B1 --output=avail disk | tail -1 | tr -d ' ')" -ge 1048576
		same "$store: no day had to go" "2026/01/02 2026/01/03 2026/01/04 2026/01/05" "$(days disk/a)"
		verify disk/a
		run 0 "$FLOWKEEP" prune -d disk/a --min-free 25%
		check "$store: a quarter is free" test "$(df -B1 --output=avail disk | tail -1 | tr -d ' ')" -ge 12582912
		run 1 "$FLOWKEEP" prune -d disk/a --min-free 99%
		same "$store: the newest day stays" 2026/01/05 "$(days disk/a)"
		verify disk/a
	done
SMALL
small 48M 1000 <<-'SMALL'
	run 0 "$FLOWKEEP" split -q -d disk/a [0-4].pcap
	run 2 "$FLOWKEEP" prune -d disk/a --min-inodes 1000
	run 0 "$FLOWKEEP" prune -d disk/a --max-disk 40MiB
	free=$(df --output=iavail disk | tail -1 | tr -d ' ')
	run 0 "$FLOWKEEP" prune -d disk/a --min-inodes $((free + 10))
	check "inodes: $(wc -l <out) files go" test "$(wc -l <out)" -ge 10 -a "$(wc -l <out)" -le 20
	run 0 "$FLOWKEEP" prune -d disk/a --min-inodes 70%
	check "inodes that are free" test "$(df --output=iavail disk | tail -1 | tr -d ' ')" -ge 700
	verify disk/a
SMALL
finish
