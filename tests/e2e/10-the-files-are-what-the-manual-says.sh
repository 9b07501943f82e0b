#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every byte of a flow file is where flowkeep-archive(5) says: check_format.py knows the manual only.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3

"$FLOWGEN" --flows 400 --duration 30 --seed 9 --mean-bytes 20000 --udp-fraction 0.1 --vlan-fraction 0.2 in.pcap || fail "flowgen"
run 0 "$FLOWKEEP" split -q -d a --protocols all --max-memory 8MiB --linger 1ms in.pcap "$data/demo.pcapng" "$data/demo.pcap"
run 0 "$FLOWKEEP" split -q -d a --protocols all --vlan-key -s 100 --max-bytes 2000 in.pcap
run 0 "$FLOWKEEP" split -q -d a --payload headers --anonymize netblock --anonymize-exempt 10.0.0.0/8 in.pcap
run 0 "$FLOWKEEP" split -q -d a --payload 100 --anonymize cryptopan --anonymize-key key --anonymize-mac in.pcap
run 0 "$FLOWKEEP" split -q -d a --payload zero in.pcap
run 0 "$FLOWKEEP" split -q -d a --payload 10 --store segments --segment-size 100KiB in.pcap
cat "$here/check_format.py" >/dev/null || fail "check_format.py"
python3 "$here/check_format.py" a >format.out
same "check_format.py" 0 $?
tail -20 format.out
passed=$((passed + $(sed -n 's/^\([0-9]*\) files are as the manual says$/\1/p' format.out)))
finish
