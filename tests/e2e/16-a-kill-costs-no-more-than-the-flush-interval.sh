#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 at 20 moments under load: every published file is whole, and after the next start the archive
# has every packet that was older than the flush interval (and a second for the way), by tcpdump's clock.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need gzip

kills=$(size 20 5 5)
slack_ms=$(size 2000 4000 2000) # the flush interval of a second, and the way through the pipeline
RANDOM=16
net_start
start_server --prefix e2e 8080
start_dump wire.pcap srv0
start_client load --seconds 1000 --rate 30 --concurrency 60 --mix short:10,bulk:1,reset:2,server:2 --seed 16 10.77.1.1/8080
# Slow ones fill no chunk: only the flush interval writes them.
start_client held --connections 40 --mix chat:1,slow:1,hold:1 --port 10000 --release 10.77.1.1/8080
await 60 "the connections that last" client_open held

: >windows
for ((round = 1; round <= kills; round++)); do
	start_capture -d a -i srv0 --flush-interval 1s --linger 200ms || net_finish
	ready=$(now_ns)
	# from 1 s, where nothing is certain yet, to 5 s
	sleep "$(printf '%d.%03d' $((slack_ms / 1000 - 1 + RANDOM % 4)) $((RANDOM % 1000)))"
	killed=$(now_ns)
	kill -9 "$capture_pid"
	wait "$capture_pid" 2>/dev/null
	echo "$ready $((killed - slack_ms * 1000000))" >>windows
	flow_files a >files
	xargs -r gzip -t <files || fail "round $round: a published file is not whole"
	no_sanitizer "$capture_err"
done
start_capture -d a -i srv0 --flush-interval 1s || net_finish
ready=$(now_ns)
kill -USR2 "${client_pids[load]}"
end_client load
release_client held
end_client held
echo "$ready $(now_ns)" >>windows
stop_dump
stop_capture 0
same "nothing is staged any more" '' "$(find a/.staging -type f 2>/dev/null)"
verify_clean a
"$FLOWKEEP" find -d a --format json >found || fail "find"
grep '"end_reason":"crash"' found >crashed
check "flows that a kill cut are marked so" test -s crashed
echo "$(awk '$2 > $1' windows | wc -l) windows of $((kills + 1)), $(wc -l <crashed) flows cut by a kill"
check "every packet that was old enough is there" \
	"$python" "$here/net/compare.py" --archive a --dump wire.pcap --windows windows
net_finish
