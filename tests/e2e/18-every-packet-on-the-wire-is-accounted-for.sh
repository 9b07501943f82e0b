#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bulk traffic, first at a gigabit, then as fast as it goes: the packets that the interface counted are
# those that were read and those that the kernel says it dropped; nothing is lost in silence.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need iperf3

seconds=$(size 10 3 3)
store=$work
if [ "$(df --output=avail -B1M /dev/shm 2>/dev/null | tail -1)" -gt 8000 ] 2>/dev/null; then
	store=$(mktemp -d /dev/shm/flowkeep-e2e.XXXXXX)
fi
# no IPv6, neighbours known: on this pair moves what the test sends
net_start quiet

# Received, sent, and handed to the driver but thrown away there, which a capture sees too.
wire_packets() {
	in_server ip -s -j link show srv0 | "$python" -c 'import json, sys
stats = json.load(sys.stdin)[0]["stats64"]
print(stats["rx"]["packets"] + stats["tx"]["packets"] + stats["tx"]["dropped"])'
}

# its port, 5201, in state LISTEN, see proc(5)
iperf_listens() { in_server grep -q ':1451 00000000:0000 0A' /proc/net/tcp; }

# scene NAME SECONDS IPERF-OPTIONS...
scene() {
	local name=$1 seconds=$2 before wire cpu
	shift 2
	before=$(wire_packets)
	start_capture -d "$store/$name" -i srv0 --max-memory 256MiB || net_finish
	ip netns exec "$server_ns" iperf3 -s -1 -B 10.77.1.1 >iperf-server.out 2>&1 &
	await 30 "iperf3's server" iperf_listens
	in_client iperf3 -c 10.77.1.1 -t "$seconds" "$@" >iperf.out 2>&1 || fail "iperf3: $(tail -3 iperf.out)"
	cpu=$(awk '{ print ($14 + $15) * 10 }' "/proc/$capture_pid/stat")
	stop_capture 0
	wire=$(($(wire_packets) - before))
	echo "$name: $(grep -m1 receiver iperf.out | awk '{ print $7, $8 }'), $wire packets on the wire, $(json packets_read) read," \
		"$(kernel_drops) dropped by the kernel, $(json packets_archived) archived, $(json dropped), $cpu ms of CPU in $seconds s, stopped in $stop_ms ms"
	check "$name: there was traffic" test "$wire" -gt 1000
	same "$name: packets on the wire = read + dropped by the kernel" "$wire" $(($(json packets_read) + $(kernel_drops)))
	verify_clean "$store/$name"
	rm -rf "${store:?}/$name"
}

scene gigabit "$seconds" -b 1G
scene unbounded 3 -P 2
net_finish
