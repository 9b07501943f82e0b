#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A capture on a small disk. Without limits the disk runs full: it says so once, counts what does not
# fit, and goes on by itself when there is room. With limits room is made before that: no packet is
# lost, the limits are kept at every moment, and it is the oldest that goes. Limits that cannot be met
# are refused at start. In both stores.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need tcpreplay curl gzip sqlite3 python3

small_disks=()
unmount() {
	local disk
	for disk in "${small_disks[@]}"; do umount -l "$work/$disk"; done
}
trap 'unmount 2>/dev/null; net_cleanup' EXIT

# disk NAME SIZE [INODES]: a file system of that size there
disk() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,nr_inodes=${3:-0}" tmpfs "$1" 2>/dev/null ||
		{ echo "skipped: cannot mount a tmpfs here" && exit 77; }
	small_disks+=("$1")
}

metric() { awk -v name="$1" '$1 == name { print $2 }' scraped; }
is_at_least() { scrape >scraped && [ "$(metric "$1")" -ge "$2" ] 2>/dev/null; }
is_equal() { scrape >scraped && [ "$(metric "$1")" -eq "$2" ] 2>/dev/null; }
says() { grep -q -- "$1" "$capture_err"; }
said() { grep -c -- "$1" "$capture_err"; }
replay() { in_client tcpreplay -q -i cli0 "$@" >replayed 2>&1 || fail "tcpreplay: $(tail -3 replayed)"; }

# archived_whole ARCHIVE LIST: each flow of the list is found, and fetched with all its packets
archived_whole() {
	local proto client cport server sport packets rest uuid
	while read -r proto client cport server sport packets rest; do
		uuid=$("$FLOWKEEP" find -d "$1" --format uuid "host $client and port $cport and host $server and port $sport")
		if [ -z "$uuid" ] || [ "$(wc -w <<<"$uuid")" -ne 1 ]; then
			fail "$1: flow $proto $client $cport $server $sport is found: '$uuid'"
			continue
		fi
		"$FLOWKEEP" fetch -q -d "$1" -w fetched.pcap "$uuid" 2>err || fail "$1: fetch $uuid: $(head -3 err)"
		same "$1: packets of $uuid" "$packets" "$(tcpdump -n -r fetched.pcap 2>/dev/null | wc -l)"
		rm -f fetched.pcap
	done <"$2"
}

net_start quiet

# ---- impossible limits -----------------------------------------------------------------------------

disk tiny 64m 8000
disk uncounted 64m
# refused WORDS DIR OPTIONS...: at start, and by --check
refused() {
	local words=$1 dir=$2 check
	shift 2
	for check in '' --check; do
		run 2 timeout 60 ip netns exec "$server_ns" "$FLOWKEEP" capture "${capture_always[@]}" $check -d "$dir/a" -i srv0 "$@"
		same "lines of 'capture $check $*': $(cat err)" 1 "$(wc -l <err)"
		check "'capture $check $*' says '$words': $(cat err)" grep -q -- "$words" err
		same "'capture $check $*' archives" '' "$(find "$dir" -mindepth 1 -type f -size +0)"
		[ -z "$check" ] || same "'capture $check $*' creates" '' "$(ls -A "$dir")"
		rm -rf "$dir/a"
	done
}
refused "max-disk 1MiB: an archive needs" tiny --max-disk 1MiB
refused "max-disk 1GiB: the file system has 64MiB" tiny --max-disk 1GiB
refused "min-free 64MiB: the file system has 64MiB" tiny --min-free 64MiB
refused "min-free: '100%'" tiny --min-free 100%
refused "min-inodes 8000: the file system has 8000" tiny --min-inodes 8000
refused "min-inodes: '100%'" tiny --min-inodes 100%
refused "min-inodes 5: the file system counts none" uncounted --min-inodes 5
refused "max-age: '0'" tiny --max-age 0

# ---- a full disk, no limits ------------------------------------------------------------------------

"$FLOWGEN" --flows 1000 --duration 20 --mean-bytes 30000 --payload random --udp-fraction 0 --seed 30 full.pcap || fail "flowgen"
"$FLOWGEN" --flows 60 --duration 20 --payload random --udp-fraction 0 --ends 1:0:0 --packets 12:40 \
	--seed 31 --list after.list after.pcap || fail "flowgen"

# full STORE: 30 MB come upon 8 MiB
full() {
	local store=$1 published packets
	disk "full.$store" 20m
	head -c 12M /dev/zero >"full.$store/ballast"
	start_capture -d "full.$store/a" -i srv0 --store "$store" --savers 2 --segment-size 4MiB --metrics 127.0.0.1:9990 \
		--linger 100ms --flush-interval 1s --idle-timeout 1s || net_finish
	replay --mbps "$(size 80 40 80)" full.pcap
	await 60 "$store: the message that it cannot be written" says "cannot write to the archive"
	await 60 "$store: dropped for the disk, in the metrics" is_at_least 'flowkeep_packets_dropped_total{reason="disk"}' 1000
	await 60 "$store: failed writes, in the metrics" is_at_least flowkeep_write_failures_total 1
	await 60 "$store: all savers suspended, in the metrics" is_at_least flowkeep_savers_suspended 1
	packets=$(metric flowkeep_packets_archived_total)
	check "$store: some had been archived before" test "$packets" -gt 0
	same "$store: times that it said that it cannot write" 1 "$(said "cannot write to the archive.*No space left on device")"
	same "$store: times that it said that it can again" 0 "$(said "can be written again")"
	check "$store: few lines" test "$(wc -l <"$capture_err")" -lt 12
	flow_files "full.$store/a" | xargs -r gzip -t || fail "$store: a published file is not whole"
	"$FLOWKEEP" find -d "full.$store/a" --format uuid 2>err | sort >before
	check "$store: what was published is found on the full disk: $(head -3 err)" test -s before

	rm "full.$store/ballast"
	replay --mbps 8 after.pcap
	await 60 "$store: the message that it can be written again" says "can be written again"
	await 60 "$store: no saver suspended any more" is_equal flowkeep_savers_suspended 0
	await 60 "$store: archived again" is_at_least flowkeep_packets_archived_total $((packets + $(awk '{ n += $6 } END { print n }' after.list)))
	stop_capture 0
	same "$store: times that it said that it cannot write, in all" 1 "$(said "cannot write to the archive")"
	same "$store: times that it said that it can again, in all" 1 "$(said "can be written again")"
	echo "full $store: $(json packets_read) read, $(json packets_archived) archived, dropped $(json dropped)"
	same "$store: dropped for the disk alone" "$(json dropped.disk)" $(($(json packets_read) - $(json packets_archived)))
	check "$store: packets were dropped" test "$(json dropped.disk)" -gt 1000
	published=$(json files)
	verify_clean "full.$store/a"
	same "$store: parts in the index" "$published" "$(sqlite3 -readonly "full.$store"/a/*/*/*/flows.sqlite 'select count(*) from flow')"
	"$FLOWKEEP" find -d "full.$store/a" --format uuid | sort >found
	same "$store: found on the full disk, and lost now" '' "$(comm -23 before found)"
	archived_whole "full.$store/a" after.list
	umount "full.$store" || fail "umount"
}
full files
full segments

# ---- limits that are kept --------------------------------------------------------------------------

seconds=$(size 50 15 15)
# Four days of about 6.5 MiB and 600 flows are there already.
first=$((20454 * 86400)) # 2026-01-01
for day in 0 1 2 3; do
	"$FLOWGEN" --flows 600 --mean-bytes 11000 --payload random --udp-fraction 0 --seed $((40 + day)) \
		--start $((first + day * 86400 + 3600)) --duration 5h old$day.pcap || fail "flowgen"
done
# A megabyte a second, each flow with a tuple of its own and an end of its own.
"$FLOWGEN" --flows $((seconds * 70)) --duration "$seconds" --payload random --udp-fraction 0 \
	--ends 1:0:0 --packets 12:32 --seed 50 --list live.list live.pcap || fail "flowgen"
"$FLOWGEN" --flows 10 --duration 1 --packets 12:40 --ends 1:0:0 --udp-fraction 0 --seed 51 --list last.list last.pcap || fail "flowgen"

# limited NAME STORE SIZE INODES OPTIONS...: a capture under limits on a disk of its own
names=()
declare -A pids outs errs stores pinned
limited() {
	local name=$1 store=$2
	disk "$name" "$3" "$4"
	shift 4
	run 0 "$FLOWKEEP" split -q -d "$name/a" --store "$store" --segment-size 1MiB --savers 1 old[0-3].pcap
	pinned[$name]=$("$FLOWKEEP" find -d "$name/a" --format uuid --sort start --limit 1)
	run 0 "$FLOWKEEP" pin -d "$name/a" "${pinned[$name]}"
	"$FLOWKEEP" fetch -q -d "$name/a" -w "$name.pinned" "${pinned[$name]}" || fail "fetch"
	start_capture -d "$name/a" -i srv0 --store "$store" --savers 1 --linger 100ms "$@" || net_finish
	names+=("$name")
	pids[$name]=$capture_pid outs[$name]=$capture_out errs[$name]=$capture_err stores[$name]=$store
	echo "0 99999999999 99999999999" >"$name.extremes"
}

# sample: the most that was taken, the least that was free, of each
sample() {
	local name most least least_inodes taken
	for name in "${names[@]}"; do
		read -r most least least_inodes <"$name.extremes"
		taken=$(du -s -B1 "$name/a" 2>/dev/null | cut -f1)
		# shellcheck disable=SC2046
		set -- $(df -B1 --output=avail,iavail "$name" | tail -1)
		echo "$((taken > most ? taken : most)) $(($1 < least ? $1 : least)) $(($2 < least_inodes ? $2 : least_inodes))" >"$name.extremes"
	done
}

limited disk.files files 80m 0 --max-disk 32MiB
limited disk.segments segments 80m 0 --max-disk 32MiB
limited free.files files 48m 0 --min-free 16MiB
limited free.segments segments 48m 0 --min-free 33%
limited inodes.files files 80m 6000 --min-inodes 3000

sample
ip netns exec "$client_ns" tcpreplay -q -i cli0 --mbps 8 live.pcap >replayed 2>&1 &
replayer=$!
while ! gone $replayer; do sample; done
wait $replayer || fail "tcpreplay: $(tail -3 replayed)"
replay --mbps 8 last.pcap
sample

# in_order NAME SLACK: of those that were replayed, what is gone ended before what is there, but for SLACK
in_order() {
	"$FLOWKEEP" find -d "$1/a" --format csv 'after 10m ago' | "$python" -c 'import csv, sys
there = {(f["client_ip"], f["client_port"]) for f in csv.DictReader(sys.stdin)}
ended = [tuple(line.split()[1:3]) in there for line in open("live.list")]
first = ended.index(True)
late = sum(not kept for kept in ended[first:])
print(f"of {len(ended)} flows {sum(ended)} are there, {late} went behind the first of them")
sys.exit(late > int(sys.argv[1]) or not all(ended[-len(ended) // 10:]))' "$2"
}

for name in "${names[@]}"; do
	capture_pid=${pids[$name]} capture_out=${outs[$name]} capture_err=${errs[$name]}
	stop_capture 0
	read -r most least least_inodes <"$name.extremes"
	echo "$name: at most $most bytes taken, at least $least bytes and $least_inodes inodes free; $(json packets_read) packets read"
	same "$name: dropped for the disk" 0 "$(json dropped.disk)"
	same "$name: archived" "$(json packets_read)" "$(json packets_archived)"
	same "$name: lines that tell of a full disk" '' "$(grep 'cannot' err)"
	case $name in
	disk.*) check "$name: at most 32 MiB are taken: $most" test "$most" -le $((32 << 20)) ;;
	free.files) check "$name: at least 16 MiB are free: $least" test "$least" -ge $((16 << 20)) ;;
	free.segments) check "$name: a third is free: $least" test "$least" -ge $(((48 << 20) * 33 / 100)) ;;
	inodes.*) check "$name: at least 3000 inodes are free: $least_inodes" test "$least_inodes" -ge 3000 ;;
	esac
	verify_clean "$name/a"
	"$FLOWKEEP" find -d "$name/a" --format uuid 'before 2026-02-01T00:00:00Z' >old
	check "$name: of the old ones some are gone" test "$(wc -l <old)" -lt 2000
	if [ "$seconds" -ge 50 ]; then
		same "$name: of the old ones only what is pinned is there" "${pinned[$name]}" "$(cat old)"
		# What was live and is published goes as a segment of a megabyte.
		check "$name: the oldest go first" in_order "$name" "$([ "${stores[$name]}" = files ] && echo 0 || echo 400)"
	fi
	run 0 "$FLOWKEEP" fetch -q -d "$name/a" -w pinned.now "${pinned[$name]}"
	check "$name: what is pinned is as it was" cmp "$name.pinned" pinned.now
	rm -f pinned.now
	archived_whole "$name/a" last.list
done
net_finish
