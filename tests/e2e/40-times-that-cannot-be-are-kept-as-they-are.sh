#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Packets of 1970 and of 2106, with fractions of more than a second, and out of order: each is kept
# with the time that it came with, its flow lies in the day of its first packet, and neither find nor
# prune takes one for another. One packet of an absurd time ends no flow but its own.
. "$(dirname "$0")/lib.sh"
need python3

# FILE: packets of three clients; the number of each is its sequence number
cat >make.py <<'PYTHON'
import struct, sys

TIMES = [  # client, seconds, microseconds
    (1, 0, 1), (2, 4294967295, 999999), (3, 1700000000, 0), (3, 1700000000, 1500000),
    (3, 1700000001, 4294967295), (3, 1699999999, 5), (1, 0, 2)]


def frame(client, number):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0,
                     bytes([192, 0, 2, client]), bytes([198, 51, 100, 1]))
    tcp = struct.pack("!HHIIBBHHH", 1000 + client, 80, number, 0, 0x50, 0x10, 1000, 0, 0)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp


with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    for number, (client, seconds, fraction) in enumerate(TIMES):
        packet = frame(client, number)
        f.write(struct.pack("<IIII", seconds, fraction, len(packet), len(packet)) + packet)
PYTHON

# The number and the time of each packet in pcap files of nanoseconds, a line for each
cat >list.py <<'PYTHON'
import gzip, struct, sys

for name in sys.argv[1:]:
    data = (gzip.open if name.endswith(".gz") else open)(name, "rb").read()
    magic, at = struct.unpack("<I", data[:4])[0], 24
    assert magic == 0xa1b23c4d, hex(magic)
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack("<IIII", data[at:at + 16])
        number = struct.unpack("!I", data[at + 16 + 38:at + 16 + 42])[0]
        print(number, "%d.%09d" % (seconds, fraction))
        at += 16 + length
PYTHON

python3 make.py odd.pcap
run 0 "$FLOWKEEP" split --json -d a odd.pcap
check "the ledger balances" balanced
same "all are archived" 7 "$(json .packets_archived)"
mapfile -t files < <(flow_files a)
want=$'0 0.000001000
1 4294967295.999999000
2 1700000000.000000000
3 1700000001.500000000
4 1700004295.967295000
5 1699999999.000005000
6 0.000002000'
same "each has its time" "$want" "$(python3 list.py "${files[@]}" | sort -n)"
same "flows lie in the days of their first packets" "1970/01/01 2023/11/14 2106/02/07" \
	"$(find a -name flows.sqlite -printf '%P\n' | sort | xargs -n1 dirname | paste -sd' ')"
run 0 "$FLOWKEEP" verify -d a

# find puts them in order, and knows both ends of time
same "the oldest" 2 "$("$FLOWKEEP" find -d a --count before 1971-01-01)"
same "the newest" 1 "$("$FLOWKEEP" find -d a --count after 2106-01-01)"
same "in order" "1970-01-01 1970-01-01 2023-11-14 2106-02-07" \
	"$("$FLOWKEEP" find -d a --format csv --sort start | tail -n +2 | grep -oE '(1970|2023|2106)-[0-9]{2}-[0-9]{2}T' |
		tr -d T | awk 'NR % 2' | paste -sd' ')"

# What is not over yet is not old, however much there is before it.
run 0 "$FLOWKEEP" prune -d a --max-age 1d
same "what is of the future stays" "2106/02/07" \
	"$(flow_files a | sed 's|^a/||; s|/[^/]*$||' | sort -u | paste -sd' ')"
run 0 "$FLOWKEEP" verify -d a
finish
