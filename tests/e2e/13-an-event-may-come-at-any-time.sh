#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Events before the packets of their connection, between them, after them, later than --uuid-wait, after
# publication; connections that idle and go on; ports used again; names told twice; lines that are bad in
# every way: each text that was said is found once, under the right name, and each event is counted once.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need curl
net_start

# as many packets as the dump has of the connection that is not named
unnamed() { tcpdump -n -r missing.pcap 'tcp port 30020' 2>/dev/null | wc -l; }
unnamed_are_dropped() {
	[ "$(scrape | sed -n 's/^flowkeep_packets_dropped_total{reason="no_uuid"} //p')" = "$(unnamed)" ]
}

# scene GROUP OPTIONS...
scene() {
	local group=$1
	shift
	start_dump "$group.pcap" srv0
	start_capture -d "$group" -i srv0 --events "$sockets/$group.socket" --linger 300ms "$@" || net_finish
	"$python" "$here/net/event_timing.py" play "$group" "$server_ns" "$client_ns" "$group" \
		"$sockets/$group.socket" "$capture_pid" >play.out 2>play.err || fail "$group: in the case '$(tail -1 play.out)': $(tail -3 play.err)"
	stop_dump
	[ "$group" != missing ] || await 60 "those without a name are dropped before the end" unnamed_are_dropped
	stop_capture 0
	same "$group: kernel drops" 0 "$(kernel_drops)"
	check "$group: every line is counted once: $(json events)" events_balanced
	check "$group: names and outcomes: $(json events)" "$python" "$here/net/event_timing.py" check "$group" out
	verify_clean "$group"
	cp "$capture_out" out # `run` has written over it
}

scene order --uuid-wait 5s
check "order: archive and tcpdump agree" "$python" "$here/net/compare.py" --archive order --dump order.pcap --reused
scene idle --uuid-wait 500ms --idle-timeout 1s
check "idle: archive and tcpdump agree" "$python" "$here/net/compare.py" --archive idle --dump idle.pcap --reused
run 0 "$FLOWKEEP" find -d idle --format json uuid idle
same "idle: one flow of several parts" "1 True" "$(wc -l <out) $("$python" -c 'import json; print(json.loads(open("out").readline())["parts"] > 1)')"

scene missing --uuid-wait 500ms --uuid-missing drop --metrics 127.0.0.1:9990
dropped=$(unnamed)
same "packets without a name" "$dropped" "$(json dropped.no_uuid)"
same "archived" "$(($(tcpdump -n -r missing.pcap tcp 2>/dev/null | wc -l) - dropped))" "$(json packets_archived)"
net_finish
