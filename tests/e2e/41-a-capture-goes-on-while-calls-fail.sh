#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A running capture has its calls fail, one after the other: for want of room, of quota, of descriptors,
# of memory, of threads, because the disk is broken; at its start, while packets come, when it is stopped;
# with both stores, over what a kill has left, with events, metrics and limits. It goes on, says once what
# is wrong, and counts every packet that it loses; or it does not start, and says why. Nothing half done
# is ever to be seen, and the next start brings all into order. Calls that are interrupted or done in part
# make no difference. See faults_capture.py for what is looked at. The capture is confined as ever: its
# own filter of system calls lets failat's stand.
#
# FAULTS_ALL=N takes N moments of each call and error; FAULTS_KEEP=DIR keeps archives with something
# wrong; FAULTS_ONLY=WORDS takes the campaigns with these words in their names, FAULTS_CALLS=KIND,...
# these kinds of call; FAULTS_STRICT=1 takes for wrong what is known and not mended yet.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
: "${FAILAT:=$(dirname "${FLOWGEN:-.}")/failat}"
: "${FAILMEM=$(dirname "${FLOWGEN:-.}")/failmem.so}"
export FAILAT
"$FAILAT" --count -o count -- true 2>/dev/null || {
	echo "skipped: cannot trace a process here"
	exit 77
}
# Events have 300 ms to name a flow, which a traced capture under TSan does not keep.
case ${FLOWKEEP_SANITIZED-} in *thread*)
	echo "skipped: too slow under ThreadSanitizer"
	exit 77
	;;
esac
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # which wants to trace, too
export ASAN_OPTIONS
run 0 "$FLOWGEN" --flows 1 --packets 3:4 --udp-fraction 0 --seed 1 one.pcap
if [ ! -e "$FAILMEM" ] || ! ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$FAILMEM \
	FAILMEM_OUT=$work/loaded "$FLOWKEEP" split -q -d one one.pcap >/dev/null 2>&1 || [ ! -s loaded ]; then
	echo "without faults of memory: failmem cannot be loaded before this build"
	skipped=$((skipped + 1))
	FAILMEM=
fi
export FAILMEM

rooms=$(size 3 2 3)
net_start quiet
for ((n = 1; n < rooms; n++)); do
	pair $((n + 1)) "srv$n" "cli$n" quiet || fail "pair $n"
done

# Of those that do not end one is written out in segments of its own, the others are not.
for which in live left; do
	seed=$([ $which = live ] && echo 41 || echo 141)
	run 0 "$FLOWGEN" --flows 7 --packets 6:20 --ends 3:1:0 --udp-fraction 0 --seed "$seed" $which.ended.pcap
	run 0 "$FLOWGEN" --flows 4 --bytes 900kB --ends 0:0:1 --payload random --udp-fraction 0 --interleave 4 \
		--seed $((seed + 1)) $which.open.pcap
done

# capture WHICH NAME WORDS-OF-FAULTS... -- OPTIONS...
capture() {
	local which=$1 name=$2 words=()
	shift 2
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	python3 "$here/faults_capture.py" --name "$name" --server "$server_ns" --client "$client_ns" --rooms "$rooms" \
		--sockets "$sockets" --ended "$which.ended.pcap" --open "$which.open.pcap" --timeout "$(size 20 120 20)" \
		--results results "${words[@]}" -- "$FLOWKEEP" capture --json "${capture_always[@]}" -d {} -i '{if}' \
		--ring-size 16MiB --max-memory 16MiB --savers 1 --linger 50ms "$@" >told 2>&1
}

# faults NAME WORDS... -- OPTIONS...
faults() {
	case $1 in *"${FAULTS_ONLY-}"*) ;; *) return ;; esac
	if capture live "$@"; then
		pass
		cat told
	else
		fail "$1: $(head -c 9000 told; echo; tail -1 told)"
	fi
}
more=(${FAULTS_ALL:+--all "$FAULTS_ALL"} ${FAULTS_KEEP:+--keep "$FAULTS_KEEP"} ${FAULTS_CALLS:+--calls "$FAULTS_CALLS"} ${FAULTS_VERBOSE:+--verbose} ${FAULTS_STRICT:+--strict})

# What a kill leaves: flows that are published, and flows in .staging.
in_files=(--store files)
in_segments=(--store segments --segment-size 64KiB)
capture left "what a kill leaves in files" --leave "$work/files" --ended-flows 7 -- "${in_files[@]}" || fail "$(head -c 3000 told)"
capture left "what a kill leaves in segments" --leave "$work/segments" --ended-flows 7 -- "${in_segments[@]}" || fail "$(head -c 3000 told)"

shares=$(size 4 8 8) # of which four are taken: with 4 all of them
faults "files" --share "1/$shares" "${more[@]}" -- "${in_files[@]}" --user nobody
faults "segments, over what a kill left" --share "2/$shares" --base "$work/segments" "${more[@]}" -- \
	"${in_segments[@]}" --events '{events}' --uuid-wait 300ms
faults "files, each synced, over what a kill left" --share "3/$shares" --base "$work/files" "${more[@]}" -- \
	"${in_files[@]}" --sync each --metrics 127.0.0.1:0 --events '{events}' --uuid-wait 300ms
faults "segments within limits" --share "4/$shares" "${more[@]}" -- \
	"${in_segments[@]}" --metrics 127.0.0.1:0 --max-disk 64MiB --min-free 1MiB
# What a sanitizer reads there of itself must not fail.
[ -n "${FLOWKEEP_SANITIZED-}" ] || faults "what the start reads" --under /proc --calls open,read "${more[@]}" -- "${in_files[@]}"

python3 "$here/faults.py" --table results
net_finish
