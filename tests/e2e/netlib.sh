# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# What the scenarios of `flowkeep capture` share: two network namespaces joined by veth, processes that
# are waited for and never outlive the script, tcpdump as the other opinion. After lib.sh:
#     . "$here/netlib.sh"
# The program under test runs in $server_ns on srv0 (10.77.1.1, fd77:1::1), the clients in $client_ns on
# cli0 (10.77.1.2, fd77:1::2). Nothing leaves the namespaces.
need python3 ip tcpdump

[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root to make network namespaces" && exit 77; }
server_ns=fk$$s client_ns=fk$$c
python=$(python3 -c 'import sys; print(sys.executable)')
export PYTHONDONTWRITEBYTECODE=1
: "${SYNFLOOD:=$(dirname "${FLOWGEN:-.}")/synflood}"
sockets=$work # short names only: sun_path has 108 bytes, see unix(7)
[ ${#sockets} -lt 80 ] || sockets=$(mktemp -d /tmp/flowkeep-e2e.XXXXXX)
chmod 755 "$work" "$sockets" # for --user
notify=$sockets/notify
notifier='' captures=0 capture_pid='' dump_pid=''
declare -A client_pids

# --no-seccomp: what a sanitizer calls is not on the list
capture_always=()
[ -z "${FLOWKEEP_SANITIZED-}" ] || capture_always=(--no-seccomp)

net_cleanup() {
	local ns
	exec 2>/dev/null # bash tells of everyone who is killed
	for ns in "$server_ns" "$client_ns"; do
		ip netns pids "$ns" | xargs -r kill -9
	done
	[ -z "$notifier" ] || kill "$notifier"
	for ns in "$server_ns" "$client_ns"; do
		ip netns del "$ns"
	done
	wait
	rm -rf "$work" "$sockets" ${store:+"$store"}
}
trap net_cleanup EXIT

# Behind & the function itself would be the process: write `ip netns exec` out there, which becomes the
# program.
in_server() { ip netns exec "$server_ns" "$@"; }
in_client() { ip netns exec "$client_ns" "$@"; }

# the metrics of a capture that was started with --metrics 127.0.0.1:9990
scrape() { in_server curl -s -m 20 http://127.0.0.1:9990/metrics; }

now_ns() { date +%s%N; }

# await SECONDS WORDS COMMAND...: until the command succeeds; says what was awaited if it never does
await() {
	local end=$(($(date +%s) + $1)) words=$2
	shift 2
	until "$@"; do
		if [ "$(date +%s)" -gt "$end" ]; then
			fail "waited in vain for: $words"
			return 1
		fi
		sleep 0.05
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# pair NUMBER SERVER_IF CLIENT_IF [quiet]: joined by veth, neighbours known, no autoconfiguration;
# quiet: no IPv6 either, so that nothing moves that the test did not send
pair() {
	local n=$1 ipv6=0 ns dev end
	[ "${4-}" != quiet ] || ipv6=1
	ip link add name "$2" netns "$server_ns" address "02:00:00:00:0$n:01" type veth \
		peer name "$3" netns "$client_ns" address "02:00:00:00:0$n:02" || return 1
	for end in 1 2; do
		if [ $end -eq 1 ]; then ns=$server_ns dev=$2; else ns=$client_ns dev=$3; fi
		ip netns exec "$ns" sysctl -qw "net.ipv6.conf.$dev.disable_ipv6=$ipv6" \
			"net.ipv6.conf.$dev.accept_ra=0" "net.ipv6.conf.$dev.router_solicitations=0" || return 1
		ip -n "$ns" addr add "10.77.$n.$end/24" dev "$dev" || return 1
		[ $ipv6 -eq 1 ] || ip -n "$ns" addr add "fd77:$n::$end/64" dev "$dev" nodad || return 1
		ip -n "$ns" link set "$dev" up || return 1
		ip -n "$ns" neigh replace "10.77.$n.$((3 - end))" lladdr "02:00:00:00:0$n:0$((3 - end))" \
			dev "$dev" nud permanent || return 1
		[ $ipv6 -eq 1 ] || ip -n "$ns" neigh replace "fd77:$n::$((3 - end))" \
			lladdr "02:00:00:00:0$n:0$((3 - end))" dev "$dev" nud permanent || return 1
	done
}

# net_start [quiet]: both namespaces and the first pair
net_start() {
	{ ip netns add "$server_ns" && ip netns add "$client_ns"; } 2>/dev/null ||
		{ echo "skipped: cannot make network namespaces here" && exit 77; }
	ip -n "$server_ns" link set lo up
	ip -n "$client_ns" link set lo up
	pair 1 srv0 cli0 "${1-}" 2>pair.err || { echo "skipped: cannot join namespaces by veth: $(head -1 pair.err)" && exit 77; }
	"$python" "$here/net/notify.py" "$notify" >notified &
	notifier=$!
	await 60 "the listener for sd_notify" grep -q LISTENING notified || finish
}

# ---- flowkeep capture ---------------------------------------------------------------------------

capture_said() { grep -q "^$capture_pid $1" notified; }
capture_ready_or_gone() { capture_said READY=1 || gone "$capture_pid"; }

# start_capture ARGUMENTS...: in the server's namespace, until it says that it is ready
start_capture() {
	captures=$((captures + 1))
	capture_out=capture$captures.out capture_err=capture$captures.err
	ip netns exec "$server_ns" env NOTIFY_SOCKET="$notify" "$FLOWKEEP" capture --json "${capture_always[@]}" "$@" \
		>"$capture_out" 2>"$capture_err" </dev/null &
	capture_pid=$!
	await 60 "READY=1 of flowkeep capture" capture_ready_or_gone || return 1
	if gone "$capture_pid"; then
		wait "$capture_pid"
		fail "flowkeep capture $* ended with status $? before it was ready: $(head -c 1000 "$capture_err")"
		return 1
	fi
}

no_sanitizer() {
	if grep -qE 'Sanitizer|runtime error:' "$1"; then fail "sanitizer: $(head -60 "$1")"; fi
}

# stop_capture STATUS [SIGNAL]: ends it, leaves the ledger in out (see json, balanced) and the log in
# err, the time that it took in stop_ms
stop_capture() {
	local start got
	start=$(now_ns)
	kill -"${2:-TERM}" "$capture_pid" 2>/dev/null || fail "flowkeep capture had ended by itself"
	await 180 "the end of flowkeep capture after a signal" gone "$capture_pid" || kill -9 "$capture_pid"
	stop_ms=$((($(now_ns) - start) / 1000000))
	wait "$capture_pid" 2>/dev/null
	got=$?
	same "exit status of flowkeep capture" "$1" "$got"
	[ "$got" -eq "$1" ] || tail -5 "$capture_err"
	cp "$capture_out" out
	cp "$capture_err" err
	no_sanitizer err
	if [ "$1" -le 1 ]; then
		check "the ledger balances: $(head -c 1500 out)" balanced
	fi
}

kernel_drops() {
	"$python" -c 'import json; print(sum(json.load(open("out"))["kernel_drops"].values()))'
}

# the ledger of events: every line read is in exactly one outcome
events_balanced() {
	"$python" -c 'import json, sys
events = json.load(open("out"))["events"]
sys.exit(events["lines"] != sum(n for name, n in events.items() if name != "lines"))'
}

# ---- tcpdump: the other opinion -----------------------------------------------------------------

dump_ready() { grep -q "listening on" dump.err; }
dump_has() { tail -c 20000 "$dump_file" | grep -qa "$1"; }

# start_dump FILE INTERFACE [FILTER]
start_dump() {
	dump_file=$1
	: >dump.err
	ip netns exec "$server_ns" tcpdump -i "$2" -n -U --nano -s 128 -B 131072 -Z root -w "$1" "${3:-}" 2>dump.err &
	dump_pid=$!
	await 60 "tcpdump to listen on $2" dump_ready || cat dump.err
}

# stop_dump: once tcpdump has written all that was on the wire until now. The mark is one datagram.
stop_dump() {
	local mark=end-mark-$RANDOM$RANDOM
	in_client "$python" -c 'import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), ("10.77.1.1", 9))' $mark
	await 60 "the last packet in tcpdump's file" dump_has $mark
	kill -INT "$dump_pid"
	wait "$dump_pid"
	check "tcpdump lost nothing: $(tail -3 dump.err)" grep -q "^0 packets dropped by kernel" dump.err
}

# ---- servers and clients ------------------------------------------------------------------------

# start_server ARGUMENTS...: names of connections go to names
start_server() {
	ip netns exec "$server_ns" "$python" "$here/net/server.py" --names names "$@" >server.out 2>server.err &
	server_pid=$!
	await 60 "the server" grep -q ready server.out
}

# start_client NAME ARGUMENTS...: what it says is in NAME.out
start_client() {
	local name=$1
	shift
	: >"$name.out"
	ip netns exec "$client_ns" "$python" "$here/net/client.py" "$@" >"$name.out" 2>"$name.err" </dev/null &
	client_pids[$name]=$!
}

client_open() { grep -q "^open" "$1.out" || gone "${client_pids[$1]}"; }

# release_client NAME: one that was started with --release, and has said "open", may close what lasts
release_client() { kill -USR1 "${client_pids[$1]}"; }

# end_client NAME: waits for its end, which must be without a failure
end_client() {
	local pid=${client_pids[$1]}
	await 300 "the end of the client $1" gone "$pid" || kill -9 "$pid"
	wait "$pid" || fail "client $1: $(cat "$1.out") $(head -5 "$1.err")"
}

# connectable SOCKET: someone listens there
connectable() {
	"$python" -c 'import socket, sys
try:
	socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except OSError:
	sys.exit(1)' "$1"
}

connectable_or_gone() { connectable "$1" || gone "$events_pid"; }

# start_events SOCKET: flowkeep's own event server, in the server's namespace
start_events() {
	ip netns exec "$server_ns" "$FLOWKEEP" events --listen "$1" --prefix-file "$work/prefix" >events.out 2>>events.err </dev/null &
	events_pid=$!
	await 60 "flowkeep events" connectable_or_gone "$1"
	if gone "$events_pid"; then fail "flowkeep events ended before it was ready: $(tail -3 events.err)"; fi
}

# has_client SOCKET: the event server has a client. The accepted side shows the path, state 03.
has_client() { in_server awk -v path="$1" '$8 == path && $6 == "03" { found = 1 } END { exit !found }' /proc/net/unix; }

verify_clean() { run 0 "$FLOWKEEP" verify -d "$1"; }

# finish, but show what flowkeep said if anything went wrong
net_finish() {
	local log
	if [ "$failed" -gt 0 ]; then
		for log in capture*.err events.err; do
			[ -s "$log" ] || continue
			echo "---- $log: $(wc -l <"$log") lines, the last:"
			tail -30 "$log"
		done
	fi
	finish
}
