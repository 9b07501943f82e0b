#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two signals: the second one quits, without waiting for what the first one began. What is published is
# whole, and the next run finds nothing in its way.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3

mkfifo pipe
"$FLOWKEEP" split -d a --linger 1ms pipe >out 2>err &
pid=$!
exec 3>pipe
head -c 100000 "$data/demo.pcap" >&3
until grep -q '^270 packets read' err; do kill -USR1 "$pid"; done
# Both are pending when it goes on, and it takes them one by one.
kill -STOP "$pid"
kill -INT "$pid"
kill -TERM "$pid"
kill -CONT "$pid"
wait "$pid"
same "exit status, as of a program that SIGINT ended" 130 $?
exec 3>&-
check "it had said so" grep -q "once more quits now" err
for file in $(flow_files a); do check "$file is whole" gzip -t "$file"; done
run 0 "$FLOWKEEP" split -q -d a --linger 1ms --json "$data/demo.pcap"
check "the ledger balances" balanced
run 0 "$FLOWKEEP" verify -q -d a
run 0 "$FLOWKEEP" split -q -d want --linger 1ms "$data/demo.pcap"
same "the files of an undisturbed run" "$(files_sum want)" "$(files_sum a)"
same "and its rows" "$(rows_sum want)" "$(rows_sum a)"
finish
