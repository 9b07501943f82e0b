#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A link is taken down and up, an interface is deleted and made again: the log says both, capture goes on,
# and every connection made before and after is complete. The same after flowkeep has become `nobody`.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"

each=$(size 40 20 20)
net_start

said_more() { [ "$(grep -c "$1" "$capture_err")" -gt "$2" ]; }

# does WORDS COMMAND...: after the command, a new line of the log names srv0
does() {
	local words=$1 before
	shift
	before=$(grep -c srv0 "$capture_err")
	"$@" || fail "$words: $*"
	await 30 "a line about srv0 in the log after: $words" said_more srv0 "$before"
}

make_again() { pair 1 srv0 cli0; }
remove() { ip -n "$server_ns" link del srv0; }
link_is() {
	ip -n "$server_ns" link set srv0 "$1" || return 1
	# What a link that was down has forgotten.
	[ "$1" = down ] || ip -n "$server_ns" addr replace fd77:1::1/64 dev srv0 nodad
	[ "$1" = down ] || ip -n "$server_ns" neigh replace 10.77.1.2 lladdr 02:00:00:00:01:02 dev srv0 nud permanent
	[ "$1" = down ] || ip -n "$server_ns" neigh replace fd77:1::2 lladdr 02:00:00:00:01:02 dev srv0 nud permanent
}

# traffic NAME PORT: connections, compared with a tcpdump of their own
traffic() {
	start_dump "$name-$1.pcap" srv0
	start_client "$1" --connections "$each" --port "$2" --mix short:6,bulk:1,server:1 10.77.1.1/8080 fd77:1::1/8080
	end_client "$1"
	stop_dump
	rounds+=("$1:$2")
}

# scene NAME OPTIONS...
scene() {
	local name=$1 round
	shift
	rounds=()
	mkdir "$name"
	[ "$name" != nobody ] || chown nobody "$name"
	start_capture -d "$name" -i srv0 "$@" || net_finish
	traffic first 20000
	does "link down" link_is down
	does "link up" link_is up
	traffic again 21000
	does "removed" remove
	does "made again" make_again
	await 60 "capture on the interface that was made again" grep -q "is back; capturing again" "$capture_err"
	traffic anew 22000
	stop_capture 0
	same "$name: kernel drops" 0 "$(kernel_drops)"
	for round in "${rounds[@]}"; do
		check "$name: archive and tcpdump agree on the traffic '${round%:*}'" "$python" "$here/net/compare.py" \
			--archive "$name" --dump "$name-${round%:*}.pcap" --ports "${round#*:}"
	done
	verify_clean "$name"
}

start_server --prefix e2e 8080
scene root
# The leak checker cannot look into a process that gave up its privileges.
export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
if runuser -u nobody -- test -x "$FLOWKEEP" && runuser -u nobody -- test -x "$work"; then
	scene nobody --user nobody
	same "who the files belong to" nobody "$(find nobody -name '*.pcap.gz' -printf '%u\n' | sort -u)"
	same "how they may be read" 640 "$(find nobody -name '*.pcap.gz' -printf '%m\n' | sort -u)"
else
	echo "skipped: --user, as 'nobody' cannot reach $work"
	skipped=$((skipped + 1))
fi
net_finish
