#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The event server is killed and started again five times while connections come and go: no packet is
# lost, and flows that begin once it is back, or that are still open then, have their names.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"

each=$(size 60 20 20)
events=$sockets/events
net_start
printf 'e2e-host_1577836800' >prefix
start_server --prefix e2e-host_1577836800 8080
start_dump wire.pcap srv0
start_capture -d a -i srv0 --events "$events" --uuid-wait 500ms || net_finish # the socket does not exist yet

# traffic all the time, from ports that nobody else uses; some of it stays open
start_client load --seconds 1000 --rate 40 --port 40000 --mix short:8,bulk:1 --seed 14 10.77.1.1/8080
start_client held --connections 20 --mix hold:1 --port 10000 --release 10.77.1.1/8080 fd77:1::1/8080
await 60 "the connections that last" client_open held
: >must
for round in 1 2 3 4 5; do
	# while it is away: these may end before it is back, and then have another name
	start_client "away$round" --connections "$each" --mix short:6,server:1 --port $((10000 + round * 1000)) 10.77.1.1/8080
	end_client "away$round"
	start_events "$events"
	await 60 "flowkeep capture at the event socket, round $round" has_client "$events"
	before=$(wc -l <names)
	start_client "back$round" --connections "$each" --mix short:6,server:1,bulk:1 --port $((10500 + round * 1000)) \
		10.77.1.1/8080 fd77:1::1/8080
	end_client "back$round"
	tail -n +$((before + 1)) names | awk -v low=$((10500 + round * 1000)) '$3 >= low && $3 < low + 500' >>must
	if [ "$round" -eq 1 ]; then awk '$3 >= 10000 && $3 < 10500' names >>must; fi
	kill -9 "$events_pid"
	wait "$events_pid" 2>/dev/null
done
same "connections that must have a name" $((5 * each + 20)) "$(wc -l <must)"
kill -USR2 "${client_pids[load]}"
end_client load
release_client held
end_client held
stop_dump
stop_capture 0
same "kernel drops" 0 "$(kernel_drops)"
check "every event is counted once: $(json events)" events_balanced
check "archive and tcpdump agree" "$python" "$here/net/compare.py" --archive a --dump wire.pcap --names must
verify_clean a
net_finish
