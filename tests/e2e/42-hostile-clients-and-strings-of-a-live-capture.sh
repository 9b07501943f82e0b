#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An event server, clients of --metrics, clients of flowkeep events, names of interfaces, records of
# flow files and a terminal that mean harm to a program that runs: what they say is counted under its
# name, or named as damage, and printed escaped; nobody is kept from what he came for; no packet is lost;
# memory and descriptors stay bounded; nothing is written outside of the archive. See hostile_clients.py.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need curl
hostile() { "$python" "$here/hostile_clients.py" "$@"; }
memory() { size "$1" 0 "$1"; } # MiB; what a sanitizer takes says nothing

# verdicts WORDS AT_LEAST COMMAND...: its lines are checks; so many are there at least
verdicts() {
	local words=$1 least=$2 count=0 line
	shift 2
	"$@" >verdicts 2>verdicts.err || fail "$words: $(tail -5 verdicts.err)"
	while read -r line; do
		count=$((count + 1))
		if [ "$line" = fine ]; then pass; else fail "$words: $line"; fi
	done <verdicts
	check "$words: $count verdicts, at least $least: $(tail -3 verdicts.err)" test "$count" -ge "$least"
}
plain() { check "$1: $(hostile plain "${@:2}")" hostile plain "${@:2}"; }
# A message may have bytes that are no ASCII, but nothing that a terminal would take for a command.
log_plain() {
	check "no C1 in $1" eval "! LC_ALL=C grep -qaP '\\xc2[\\x80-\\x9f]' $1"
	tr -d '\200-\377' <"$1" >ascii
	plain "$1" ascii
}
says() { grep -q -- "$1" "$capture_err"; }
found() {
	local format
	for format in table json csv uuid; do
		run 0 "$FLOWKEEP" find -d "$1" --format "$format"
		cp out "found.$format"
		plain "find --format $format" out err
	done
}

# Records of flow files: beside all the rest, which waits much of the time.
mkdir records
(
	cd records || exit
	for store in files segments; do
		"$FLOWKEEP" split -q -d $store --store $store "$data/demo.pcap" &&
			hostile records "$FLOWKEEP" $store "$(memory 128)" "$(size 1 7 3)" >>verdicts || exit
	done
) 2>records/err &
records=$!
net_start

# ---- an event server, and clients of --metrics

start_server --prefix hostile 8080
start_dump wire.pcap srv0
mkdir inner
start_capture -v -d inner/archive -i srv0 --events "$sockets/hostile" --metrics 127.0.0.1:9990 --max-flows 2000 \
	--uuid-wait 500ms --linger 300ms || net_finish
start_client load --seconds 1000 --rate 40 --port 40000 --mix short:8,bulk:1 --seed 42 10.77.1.1/8080
hostile events "$server_ns" "$client_ns" "$sockets/hostile" "$capture_pid" 2>play.err || fail "in the scene $(tail -5 play.err)"
verdicts "clients of --metrics" 20 in_server "$python" "$here/hostile_clients.py" crowd 9990 "$capture_pid" \
	"$(size 15 60 15)" "$(memory 32)" "$(size 3000 500 1000)"
cat verdicts.err >crowd.err
kill -USR2 "${client_pids[load]}"
end_client load
kill -USR1 "$capture_pid"
await 60 "the numbers on SIGUSR1" says "  outcomes"
scrape >scraped
check "Prometheus takes it: $(hostile exposition scraped)" hostile exposition scraped
ip netns exec "$server_ns" "$python" "$here/hostile_clients.py" hold 9990 >hold.out 2>hold.err &
holder=$!
await 60 "all places of --metrics to be taken" grep -q held hold.out
stop_dump
stop_capture 0
check "the stop waits for no client: $stop_ms ms" test "$stop_ms" -lt "$(size 5000 60000 5000)"
kill "$holder"
cp out ledger
same "kernel drops" 0 "$(kernel_drops)"
same "dropped" "" "$(python3 -c 'import json; print(*(k for k, v in json.load(open("out"))["dropped"].items() if v))')"
check "every line is counted once: $(json events)" events_balanced
verdicts "what was told" 70 hostile told inner/archive ledger scraped
[ "$(memory 1)" -eq 0 ] || check "memory grew by $(cat grown) MiB" awk '{ exit !($1 < 32) }' grown
check "archive and tcpdump agree" "$python" "$here/net/compare.py" --archive inner/archive --dump wire.pcap --reused
plain "what capture says" ledger "$capture_err" scraped
verify_clean inner/archive
plain "what verify says" out err
found inner/archive
same "beside the archive" archive "$(ls -A inner)"
same "names that no event may give" "" "$(find inner -regextype posix-extended ! -regex '[-A-Za-z0-9._~/]*'
	find . -name 'escaped*'
	find /tmp -maxdepth 1 -name 'flowkeep-hostile-name*')"

# ---- names of interfaces

names=($'\e[31mr\a\x7f\b' $'q"b\\c{}' $'\xff\xfe\xc2\x9bx\xc3\xa9' "=cmd(),'a'" '$(id);`id`' '-d' $'\e]0;t\\' $'\e' '\x1b')
ip netns exec "$server_ns" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec "$client_ns" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
n=0
for name in "${names[@]}"; do
	ip -n "$client_ns" link add name "odd$n" type veth peer name "$name" netns "$server_ns" &&
		ip -n "$server_ns" link set dev "$name" up && ip -n "$client_ns" link set dev "odd$n" up ||
		fail "the kernel does not take the name $(printf %q "$name")"
	printf '%s\n' "$name" >>names.list
	n=$((n + 1))
done
run 0 in_server "$FLOWKEEP" capture -D
plain "a list of interfaces" out err
same "interfaces in the list" $((n + 2)) "$(wc -l <out)"
talked() { scrape | awk -v n="$1" '/^flowkeep_interface_packets_received_total/ && $NF >= 6 { heard++ }
	/^flowkeep_packets_archived_total / { archived = $2 } END { exit !(heard == n && archived >= 6 * n) }'; }
start_capture -v -d odd -i "${names[0]}" -i "${names[1]}" --metrics 127.0.0.1:9990 --linger 100ms || net_finish
stop_capture 0
plain "a capture on some of them" "$capture_out" "$capture_err"
start_capture -v -d b --metrics 127.0.0.1:9990 --linger 100ms || net_finish # on all that are up
for ((i = 0; i < n; i++)); do
	in_client "$python" "$here/hostile_clients.py" talk "odd$i" $((45000 + i))
done
await 60 "six packets of each interface" talked "$n"
scrape >scraped
kill -USR1 "$capture_pid"
await 60 "the numbers on SIGUSR1" says "  outcomes\|not asked for"
for name in "${names[0]}" "${names[2]}"; do # they go, and one comes again
	ip -n "$server_ns" link del dev "$name"
done
await 60 "two interfaces are gone" eval '[ "$(scrape | grep -c "^flowkeep_interface_open{.* 0")" -eq 2 ]'
ip -n "$client_ns" link add name odd0 type veth peer name "${names[0]}" netns "$server_ns"
ip -n "$server_ns" link set dev "${names[0]}" up
ip -n "$client_ns" link set dev odd0 up
await 60 "one of them is open again" eval '[ "$(scrape | grep -c "^flowkeep_interface_open{.* 0")" -eq 1 ]'
scrape >scraped2
stop_capture 0
cp out ledger
log_plain "$capture_err"
plain "what capture says of them" ledger scraped scraped2
check "Prometheus takes them: $(hostile exposition scraped)" hostile exposition scraped
check "Prometheus takes them later: $(hostile exposition scraped2)" hostile exposition scraped2
verify_clean b
plain "what verify says" out err
found b
verdicts "names of interfaces" $((4 * n)) hostile interfaces scraped ledger found.json found.csv names.list

# ---- clients of flowkeep events

printf "hostile_1577836800" >prefix
start_events "$sockets/own"
verdicts "clients of flowkeep events" 10 in_server "$python" "$here/hostile_clients.py" listeners "$sockets/own" "$events_pid" \
	events.err "$(size 40 4 4)" "$(memory 224)"
kill "$events_pid"
wait "$events_pid"
same "exit status of flowkeep events" 0 $?
plain "what flowkeep events says" events.out events.err
no_sanitizer events.err

# ---- a terminal

odd=$'\e]0;title\a\e[2J\r\xc2\x9b31m.pcap'
cp "$data/demo.pcap" "good$odd"
head -c 300 "$data/demo.pcap" >"cut$odd"
hostile terminal terminal.out "$FLOWKEEP" split -d "dir$odd" "good$odd" "cut$odd" "missing$odd"
same "exit status on a terminal" 1 $?
check "there is a progress line" grep -qa $'\r\e\[K' terminal.out
check "and the names" grep -qaF '\x1b]0;title\x07\x1b[2J\x0d\xc2\x9b31m.pcap' terminal.out
# What is left without the sequence that clears the progress line, and the terminal's own line ends.
python3 -c 'import sys
data = open("terminal.out", "rb").read().replace(b"\r\x1b[K", b"").replace(b"\r\n", b"\n")
open("rest.out", "wb").write(data)'
plain "on a terminal" rest.out

# ---- records

wait "$records" || fail "records: $(cat records/err)"
verdicts "records" "$(size 80 10 30)" cat records/verdicts
net_finish
