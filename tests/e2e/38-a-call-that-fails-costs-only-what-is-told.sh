#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every command that writes has its system calls fail, one after the other: for want of room, of quota,
# of descriptors, of memory, because the disk is broken. It ends by itself, says what went wrong, counts
# what it lost, and leaves nothing half done to be seen; run again without the fault, it completes the
# archive. Calls that are interrupted or done in part make no difference. See faults.py for what is
# looked at, and failat and failmem for how it is done.
#
# FAULTS_ALL=N takes N moments of each call and error; FAULTS_KEEP=DIR keeps archives with something
# wrong; FAULTS_JOBS=N runs so many at once.
. "$(dirname "$0")/lib.sh"
need python3
: "${FAILAT:=$(dirname "${FLOWGEN:-.}")/failat}"
: "${FAILMEM=$(dirname "${FLOWGEN:-.}")/failmem.so}"
export FAILAT PYTHONDONTWRITEBYTECODE=1
"$FAILAT" --count -o count -- true 2>/dev/null || {
	echo "skipped: cannot trace a process here"
	exit 77
}
# What cannot be loaded before a sanitizer's program is left out.
run 0 "$FLOWGEN" --flows 1 --packets 3:4 --udp-fraction 0 --seed 1 one.pcap
if [ ! -e "$FAILMEM" ] || ! ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 LD_PRELOAD=$FAILMEM \
	FAILMEM_OUT=$work/loaded "$FLOWKEEP" split -q -d one one.pcap >/dev/null 2>&1 || [ ! -s loaded ]; then
	echo "without faults of memory: failmem cannot be loaded before this build"
	skipped=$((skipped + 1))
	FAILMEM=
fi
export FAILMEM
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # which wants to trace, too
export ASAN_OPTIONS

# faults NAME KIND OPTIONS... -- COMMAND...
faults() {
	local name=$1 kind=$2
	shift 2
	if python3 "$here/faults.py" --name "$name" --kind "$kind" --each "$(size 6 2 3)" --jobs "${FAULTS_JOBS:-$(size 3 2 3)}" \
		--timeout "$(size 20 120 20)" --results results ${FAULTS_ALL:+--all "$FAULTS_ALL"} \
		${FAULTS_KEEP:+--keep "$FAULTS_KEEP"} "$@" >told 2>&1; then
		pass
		cat told
	else
		fail "$name: $(head -c 6000 told; echo; tail -1 told)"
	fi
}

# Three days. The flows that are large are open at once, so that some are written out while they live,
# below and above the size from which a segment of its own is made.
first=$((20454 * 86400)) # 2026-01-01
for day in 0 1 2; do
	run 0 "$FLOWGEN" --flows 6 --packets 3:20 --udp-fraction 0 --seed $day \
		--start $((first + day * 86400 + 3600)) --duration 5h day$day.pcap
done
run 0 "$FLOWGEN" --flows 4 --packets 100:120 --payload random --udp-fraction 0 --seed 10 \
	--start $((first + 86400 + 7200)) --duration 90s middle.pcap
run 0 "$FLOWGEN" --flows 3 --bytes 6MB --payload random --udp-fraction 0 --seed 9 \
	--start $((first + 2 * 86400 - 100)) --interleave 3 --duration 90s large.pcap
run 0 "$FLOWGEN" --flows 4 --packets 3:20 --udp-fraction 0 --seed 20 \
	--start $((first + 2 * 86400 + 40000)) --duration 100s more.pcap
in_files=(--store files)
in_segments=(--store segments --segment-size 64KiB)
for store in files segments; do
	run 0 "$FLOWKEEP" split -q -d "of-$store" --store "$store" --segment-size 64KiB --savers 1 \
		day0.pcap day1.pcap middle.pcap day2.pcap
done

# ---- what adds flows -------------------------------------------------------------------------------

all=("$work"/day0.pcap "$work"/middle.pcap "$work"/large.pcap)
add=("$work"/day1.pcap "$work"/more.pcap)
faults "split into files" grow -- \
	"$FLOWKEEP" split -q --json -d {} "${in_files[@]}" --savers 1 --max-memory 8MiB "${all[@]}"
faults "split into segments" grow -- \
	"$FLOWKEEP" split -q --json -d {} "${in_segments[@]}" --savers 1 --max-memory 8MiB "${all[@]}"
faults "more files, each synced" grow --base "$work/of-files" -- \
	"$FLOWKEEP" split -q --json -d {} "${in_files[@]}" --sync each --savers 2 "${add[@]}"
faults "more segments, each synced" grow --base "$work/of-segments" -- \
	"$FLOWKEEP" split -q --json -d {} "${in_segments[@]}" --sync each "${add[@]}"
faults "input" grow --under "$work/large.pcap" -- \
	"$FLOWKEEP" split -q --json -d {} "${in_files[@]}" --savers 1 --max-memory 8MiB "${all[@]}"

# ---- what moves, removes, rebuilds, keeps ----------------------------------------------------------

faults "pack" same --base "$work/of-files" -- "$FLOWKEEP" pack -q -d {} --segment-size 64KiB
age=$(($(date +%s) - first - 86400 - 8000))s # the first day, and of the second one a part
for store in files segments; do
	faults "reindex of $store" same --base "$work/of-$store" -- "$FLOWKEEP" reindex -q -d {}
	faults "prune of $store" prune --base "$work/of-$store" -- "$FLOWKEEP" prune -q -d {} --max-age "$age"
	mapfile -t pins < <("$FLOWKEEP" find -d "of-$store" --format uuid | awk 'NR % 3 == 0')
	faults "pin of $store" pin --base "$work/of-$store" -- "$FLOWKEEP" pin -q -d {} "${pins[@]}"
done

# ---- what is looked for --------------------------------------------------------------------------

run 3 "$FAILAT" --call list --at 1 --on --error EIO --under "$work/of-files/.staging" -o listed -- \
	"$FLOWKEEP" fetch -d of-files 8d1b1c9e-0000-4000-8000-000000000000
check "fetch tells that staged files could not be listed" grep -q "cannot read: '.staging': Input/output error" err

python3 "$here/faults.py" --table results
finish
