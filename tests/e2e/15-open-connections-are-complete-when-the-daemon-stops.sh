#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 800 connections are open when SIGTERM comes: 800 complete flows, exit status 0. The same with a second
# interface on which nothing moves, and an event server that never comes: it ends as soon.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"

connections=$(size 800 200 200)
net_start
pair 2 srv1 cli1 quiet || fail "a second pair"
start_server --prefix e2e 8080

# scene NAME ARGUMENTS...: leaves the time that the stop took in stop_ms
scene() {
	local name=$1
	shift
	start_dump "$name.pcap" srv0
	start_capture -d "$name" -i srv0 "$@" || net_finish
	start_client "$name" --connections "$connections" --mix hold:3,chat:1 --release --port 20000 \
		10.77.1.1/8080 fd77:1::1/8080
	await 120 "$connections open connections" client_open "$name"
	same "open connections" "open $connections" "$(cat "$name.out")"
	# Silence, so that both saw the same: the connections stop where they are, and stay open.
	kill -STOP "${client_pids[$name]}"
	await 60 "the last answers to be on the wire" quiet_wire
	stop_dump
	stop_capture 0
	echo "$name: $connections open connections, stopped in $stop_ms ms"
	same "$name: kernel drops" 0 "$(kernel_drops)"
	same "$name: flows" "$connections" "$(json flows)"
	check "$name: archive and tcpdump agree" "$python" "$here/net/compare.py" --archive "$name" --dump "$name.pcap"
	verify_clean "$name"
	kill -CONT "${client_pids[$name]}"
	release_client "$name"
	end_client "$name"
}

# quiet_wire: nothing moved on srv0 for half a second
quiet_wire() {
	local before
	before=$(in_server cat /sys/class/net/srv0/statistics/{rx,tx}_packets)
	sleep 0.5
	[ "$before" = "$(in_server cat /sys/class/net/srv0/statistics/{rx,tx}_packets)" ]
}

scene alone
drain_ms=$stop_ms
scene silent -i srv1 --events "$sockets/nobody"
bound=$((2 * drain_ms + 2000))
[ -z "${FLOWKEEP_SANITIZED-}" ] || bound=10000
check "stopped in $stop_ms ms with a silent interface, wanted under $bound" test "$stop_ms" -lt "$bound"

# Nothing at all: no packet ever came.
start_capture -d nothing -i srv1 || net_finish
stop_capture 0 INT
check "stopped in $stop_ms ms where no packet ever came, wanted under $bound" test "$stop_ms" -lt "$bound"
same "packets read" 0 "$(json packets_read)"
net_finish
