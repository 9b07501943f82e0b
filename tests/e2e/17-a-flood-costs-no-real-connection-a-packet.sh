#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 1,000,000 SYNs from random sources while 50 real connections work: memory stays bounded, the 50 are
# complete, and the ledger says what became of each packet.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
[ -x "$SYNFLOOD" ] || { echo "skipped: no synflood (made by make check)" && exit 77; }

syns=$(size 1000000 50000 100000)
rate=$(size 50000 5000 50000)
flows=$(size 1000000 20000 50000)
memory=$(size 64 24 32) # MiB
# Each of many small flows is a file: in memory where there is room.
store=$work
if [ "$(df --output=avail -B1M /dev/shm 2>/dev/null | tail -1)" -gt 8000 ] 2>/dev/null; then
	store=$(mktemp -d /dev/shm/flowkeep-e2e.XXXXXX)
fi
net_start
# Answers go somewhere: the client's side throws them away, as the sources are nobody's.
ip -n "$server_ns" route add default via 10.77.1.2 dev srv0
in_server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.srv0.rp_filter=0
start_server --prefix e2e 8080

# flood RATE PORT: that many SYNs a second, beside connections from PORT on, and what became of them
flood() {
	local flood
	rm -rf "$store/a" first* second*
	start_dump real.pcap srv0 '(host 10.77.1.2 and tcp) or udp port 9'
	# Both caps are reached.
	start_capture -d "$store/a" -i srv0 --max-memory "${memory}MiB" --max-flows "$flows" || net_finish

	start_client first --connections 25 --mix chat:1 --release --port "$2" 10.77.1.1/8080
	await 60 "the first connections" client_open first
	ip netns exec "$client_ns" "$SYNFLOOD" --interface cli0 --target 10.77.1.1 --port 8080 --mac 02:00:00:00:01:01 \
		--count "$syns" --rate "$1" --seed 17 >flood.out 2>flood.err &
	flood=$!
	start_client second --connections 25 --mix chat:1 --release --port $(($2 + 1000)) 10.77.1.1/8080
	await 120 "connections made during the flood" client_open second
	await 300 "the end of the flood" gone $flood
	wait $flood || fail "synflood: $(cat flood.err)"
	cat flood.out
	release_client first
	release_client second
	end_client first
	end_client second
	stop_dump
	resident=$(awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$capture_pid/status")
	stop_capture 0
	echo "peak memory $resident, stopped in $stop_ms ms, ledger: $(cat out)"
}

flood "$rate" 20000
# What comes faster than this machine can read or write at all proves nothing: then, a slower flood.
beyond=$(($(kernel_drops) + $(json dropped.memory) + $(json dropped.queue)))
if [ "$beyond" -ne 0 ]; then
	echo "at $rate a second $beyond packets were too many for this machine"
	failed=0
	flood $((rate / 5)) 30000
fi
bound=$(((memory + 400) << 20))
if [ -z "${FLOWKEEP_SANITIZED-}" ]; then
	check "peak memory $resident before the stop, wanted under $bound" test "$resident" -lt $bound
	check "peak memory $(json peak_rss_bytes), wanted under $bound" test "$(json peak_rss_bytes)" -lt $bound
fi
same "kernel drops" 0 "$(kernel_drops)"
check "every SYN was read: $(json packets_read) packets, wanted at least $syns" test "$(json packets_read)" -ge "$syns"
check "the 50 connections are complete" \
	"$python" "$here/net/compare.py" --archive "$store/a" --dump real.pcap --address 10.77.1.2
net_finish
