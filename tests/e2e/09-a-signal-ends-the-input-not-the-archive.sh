#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SIGINT while a pipe is silent: what was read is archived, exit status 1. SIGUSR1 prints the counts
# and ends nothing, nor does SIGHUP.
. "$(dirname "$0")/lib.sh"
need python3

for signal in INT TERM; do
	rm -rf a pipe
	mkfifo pipe
	"$FLOWKEEP" split -d a --json pipe >out 2>err &
	pid=$!
	exec 3>pipe
	head -c 100000 "$data/demo.pcap" >&3
	# SIGUSR1 is asked until it shows that everything was read: then nothing is on its way any more.
	until grep -q '^270 packets read' err; do kill -USR1 "$pid"; done
	kill -HUP "$pid"
	kill -"$signal" "$pid"
	wait "$pid"
	same "$signal: exit status" 1 $?
	exec 3>&-
	check "$signal: it is said" grep -q "interrupted: finishing" err
	check "$signal: the ledger balances" balanced
	same "$signal: what was read is archived" 270 "$(($(json packets_archived) + $(json skipped.not_ip) + $(json skipped.not_tcp)))"
	run 0 "$FLOWKEEP" verify -q -d a
done
finish
