#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What an operator can ask of a running capture: metrics over HTTP that agree with the ledger at the
# end, the same numbers on SIGUSR1, a flush on SIGUSR2, life signs for the service manager; SIGHUP ends
# nothing, a second SIGTERM ends it at once.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
need curl

# metric FILE SERIES
metric() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }
staged() { find a/.staging -type f -size +0 | wc -l; }
has_staged() { [ "$(staged)" -ge "$1" ]; }
says() { grep -q -- "$1" "$capture_err"; }
begun() { [ "$(metric <(scrape) flowkeep_flows_begun_total)" -ge "$1" ]; }
archived() { [ "$(metric <(scrape) flowkeep_packets_archived_total)" -ge "$1" ]; }

net_start
start_server --prefix e2e 8080
start_capture -d a -i srv0 --metrics 127.0.0.1:9990 --flush-interval 1h || net_finish
check "it says that it is ready" capture_said READY=1

scrape >first
same "archived before there was anything" 0 "$(metric first flowkeep_packets_archived_total)"
for reason in memory half_open queue disk no_uuid; do
	same "dropped for $reason, from the first scrape on" 0 "$(metric first "flowkeep_packets_dropped_total{reason=\"$reason\"}")"
done
check "each series has its help" test "$(grep -c '^# HELP flowkeep_' first)" -ge 30
same "not found" 404 "$(in_server curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:9990/nothing)"

start_client held --connections 20 --mix hold:1 --port 20000 --release 10.77.1.1/8080
await 60 "open connections" client_open held
await 60 "their flows" begun 20
kill -HUP "$capture_pid"
kill -USR2 "$capture_pid"
await 60 "20 staged files after SIGUSR2" has_staged 20
kill -USR1 "$capture_pid"
await 60 "the numbers on SIGUSR1" says dropped
start_client short --connections 50 --mix short:1 --port 21000 10.77.1.1/8080
end_client short
await 60 "the short connections in the archive" archived 300
release_client held
end_client held
await 60 "STATUS for the service manager" capture_said STATUS=

scrape >second
check "nothing is on its way to be lost" test "$(metric second flowkeep_packets_read_total)" -ge "$(metric second flowkeep_packets_archived_total)"
stop_capture 0
check "it says that it stops" capture_said STOPPING=1
check "the metrics were right: $(metric second flowkeep_packets_read_total) read, in the end $(json packets_read)" \
	test "$(metric second flowkeep_packets_read_total)" -le "$(json packets_read)"
same "refused system calls" 0 "$(metric second flowkeep_refused_system_calls_total)"
verify_clean a

# The watchdog is fed twice as often as it asks for, and a second signal ends everything at once.
WATCHDOG_USEC=400000 start_capture -d b -i srv0 || net_finish
await 60 "two life signs" awk -v pid="$capture_pid" '$1 == pid && /WATCHDOG=1/ { n++ } END { exit n < 2 }' notified
# Stopped, so that both signals are there before it can act on the first.
kill -STOP "$capture_pid"
kill -TERM "$capture_pid"
kill -INT "$capture_pid"
kill -CONT "$capture_pid"
await 60 "the end after two signals" gone "$capture_pid"
wait "$capture_pid"
same "status after two signals" 130 $?
net_finish
