#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every command that writes is killed just before or after system calls that write, all over its run.
# What is published then is found and fetched at once, as it was; nothing half is; the next start, or
# reindex, brings index and files into step, and the command, run again, completes what it had begun.
# See killed.py for what is looked at.
. "$(dirname "$0")/lib.sh"
need python3 gzip
: "${KILLAT:=$(dirname "${FLOWGEN:-.}")/killat}"
export FLOWKEEP KILLAT PYTHONDONTWRITEBYTECODE=1
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # which wants to trace, too
export ASAN_OPTIONS
"$KILLAT" --count -o count -- true 2>/dev/null || {
	echo "skipped: cannot trace a process here"
	exit 77
}
seed=35 all=0 every=$(size 1 6 4)

# kills NUMBER NAME KIND OPTIONS... -- COMMAND...: so many, or one in so many of them
kills() {
	local number=$1 name=$2 kind=$3
	shift 3
	number=$(((number + every - 1) / every))
	all=$((all + number)) seed=$((seed + 1))
	if python3 "$here/killed.py" --name "$name" --kind "$kind" --kills "$number" --seed $seed \
		${KEEP_KILLED:+--keep "$KEEP_KILLED"} "$@" >told 2>&1; then
		pass
		cat told
	else
		fail "$name: $(head -c 4000 told; echo; tail -1 told)"
	fi
}

# Three days; the flows that are large see the second midnight, and are open at once, so that some
# are written out while they live, below and above the size from which a segment of its own is made.
first=$((20454 * 86400)) # 2026-01-01
for day in 0 1 2; do
	run 0 "$FLOWGEN" --flows 3 --packets 3:20 --udp-fraction 0 --seed $day \
		--start $((first + day * 86400 + 3600)) --duration 5h day$day.pcap
done
run 0 "$FLOWGEN" --flows 2 --packets 100:120 --payload random --udp-fraction 0 --seed 10 \
	--start $((first + 86400 + 7200)) --duration 90s middle.pcap
run 0 "$FLOWGEN" --flows 5 --bytes 6MB --payload random --udp-fraction 0 --seed 9 \
	--start $((first + 2 * 86400 - 100)) --interleave 5 --duration 90s large.pcap
run 0 "$FLOWGEN" --flows 4 --packets 3:20 --udp-fraction 0 --seed 20 \
	--start $((first + 2 * 86400 + 40000)) --duration 100s more.pcap
small=(day0.pcap day1.pcap middle.pcap day2.pcap)
in_files=(--store files)
in_segments=(--store segments --segment-size 64KiB)
run 0 "$FLOWKEEP" split -q -d of-files "${in_files[@]}" --savers 1 "${small[@]}"
run 0 "$FLOWKEEP" split -q -d of-segments "${in_segments[@]}" --savers 1 "${small[@]}"

# ---- what adds flows -------------------------------------------------------------------------------

large=(--savers 1 --max-memory 8MiB day0.pcap day1.pcap large.pcap)
kills 12 "split into files" grow -- "$FLOWKEEP" split -q -d {} "${in_files[@]}" "${large[@]}"
kills 14 "split into segments" grow --recover-options "${in_segments[*]}" -- \
	"$FLOWKEEP" split -q -d {} "${in_segments[@]}" "${large[@]}"
# What was staged for the one store is adopted into the other.
kills 4 "split into segments, recovered into files" grow -- \
	"$FLOWKEEP" split -q -d {} "${in_segments[@]}" "${large[@]}"
kills 5 "more files" grow --base of-files -- \
	"$FLOWKEEP" split -q -d {} "${in_files[@]}" --savers 2 day1.pcap more.pcap
kills 7 "more segments, each synced" grow --base of-segments -- \
	"$FLOWKEEP" split -q -d {} "${in_segments[@]}" --sync each day1.pcap more.pcap
kills 4 "segments onto files" grow --base of-files -- \
	"$FLOWKEEP" split -q -d {} "${in_segments[@]}" day1.pcap more.pcap

# ---- what moves, removes, rebuilds, keeps ----------------------------------------------------------

kills 14 "pack" same --base of-files -- "$FLOWKEEP" pack -q -d {} --segment-size 64KiB
age=$(($(date +%s) - first - 86400 - 8000))s # the first day, and of the second one a part
for store in files segments; do
	kills 4 "reindex of $store" same --base of-$store -- "$FLOWKEEP" reindex -q -d {}
	kills 5 "prune of $store by age" prune --base of-$store -- "$FLOWKEEP" prune -q -d {} --max-age "$age"
	mapfile -t pins < <("$FLOWKEEP" find -d of-$store --format uuid | awk 'NR % 3 == 0')
	kills 6 "pin of $store" pin --base of-$store -- "$FLOWKEEP" pin -q -d {} "${pins[@]}"
done
# Limits of less than 16 MiB are refused: this is above, by what a file takes that nobody reads.
run 0 "$FLOWKEEP" split -q -d of-much --store segments --segment-size 1MiB --compress none --savers 1 \
	day0.pcap day1.pcap large.pcap day2.pcap
mkdir of-much/damaged
head -c 14MiB /dev/zero | tr '\0' x >of-much/damaged/x
kills 4 "prune of segments by room" prune --base of-much -- "$FLOWKEEP" prune -q -d {} --max-disk 18MiB

# ---- repair ----------------------------------------------------------------------------------------

# One byte of a flow, the end of another one, an index.
for store in files segments; do
	cp -a of-$store damaged-$store
	python3 - damaged-$store <<'END'
import glob, os, sys
days = sorted(glob.glob(sys.argv[1] + "/*/*/*"))
def spoil(path):
    with open(path, "r+b") as f:
        at = os.path.getsize(path) // 2
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 255]))
stores = sorted(glob.glob(days[0] + "/*.pcap.gz") + glob.glob(days[0] + "/*.tar"))
spoil(stores[0])
stores = sorted(glob.glob(days[1] + "/*.pcap.gz"))
for path in stores[:1]:
    os.truncate(path, os.path.getsize(path) - 30)
with open(days[2] + "/flows.sqlite", "r+b") as f:
    f.write(b"no index" * 100)
END
	kills 5 "repair of $store" repair --base damaged-$store -- "$FLOWKEEP" verify -q --repair -d {}
done

# ---- capture ---------------------------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! command -v ip tcpdump tcpreplay >/dev/null || ! ip netns list >/dev/null 2>&1; then
	echo "$all kills; those of capture skipped: they need root, ip, tcpdump and tcpreplay"
	skipped=$((skipped + 1))
	finish
fi
. "$here/netlib.sh"
net_start quiet

# capture_killed AT WHEN STORE OPTIONS...: it is given packets until it has made so many calls
capture_killed() {
	local at=$1 when=$2 store=$3 end name status
	shift 3
	name="capture into $store: killed $when call $at"
	ip netns exec "$server_ns" "$KILLAT" --at "$at" "--$when" -o killed.at -- "$FLOWKEEP" capture -q \
		-d "live.$store" -i srv0 --local none --flush-interval 100ms --linger 100ms --idle-timeout 1s \
		"${capture_always[@]}" "$@" 2>killed.err </dev/null &
	capture_pid=$! end=$(($(date +%s) + 120))
	until gone "$capture_pid" || [ "$(date +%s)" -gt "$end" ]; do
		in_client tcpreplay -q --mbps 40 -i cli0 live.pcap >replay.out 2>&1 || fail "tcpreplay: $(cat replay.out)"
	done
	if ! gone "$capture_pid"; then
		fail "$name: it never came to that call"
		kill -9 "$capture_pid"
	fi
	wait "$capture_pid" 2>/dev/null
	status=$?
	same "$name: exit status: $(head -c 500 killed.err)" 137 $status
	all=$((all + 1))
	[ -e "live.$store/.staging" ] || return # it is no archive yet
	check "$name" python3 "$here/killed.py" --name "$name" --look before "live.$store"
	start_capture -q -d "live.$store" -i srv0 --local none "$@" || net_finish
	stop_capture 0
	check "$name, recovered" python3 "$here/killed.py" --name "$name, recovered" --compare before "live.$store"
}

# Many short flows, and some that are written out while they live.
run 0 "$FLOWGEN" --flows 12 --mean-bytes 40KiB --payload random --udp-fraction 0 --seed 30 --duration 2s \
	--interleave 6 live.pcap
RANDOM=$seed
for store in files segments; do
	rm -rf "live.$store"
	for ((round = 0; round < $(size 5 2 2); round++)); do
		when=before
		[ $((RANDOM % 2)) -eq 0 ] || when=after
		if [ $store = files ]; then options=("${in_files[@]}"); else options=("${in_segments[@]}"); fi
		# From the first call to what is made when flows have ended and their rows are written.
		capture_killed $((1 + round * 60 + RANDOM % 60)) $when $store "${options[@]}"
	done
	check "capture into $store: flows were archived" test "$("$FLOWKEEP" find -d live.$store --count)" -gt 0
done

echo "$all kills"
net_finish
