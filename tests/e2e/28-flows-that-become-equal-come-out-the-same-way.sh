#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clients that become one address may begin at the same time, and then their flows have one UUID.
# Which of them is which part hangs on their packets alone: not on threads, nor on what is hidden.
. "$(dirname "$0")/lib.sh"
need python3

# clients FILE FIRST...: sixteen of them ask at the same time, from 192.0.2.FIRST, FIRST + 7 and so on
clients() {
	python3 - "$@" <<'END'
import socket, struct, sys

with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
    for i in range(16):
        payload = bytes([65 + i]) * 20
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0)
        ip += bytes([192, 0, 2, (int(sys.argv[2]) + 7 * i) % 256]) + socket.inet_aton("198.51.100.7")
        packet = ip + struct.pack("!HHHH", 123, 123, 8 + len(payload), 0) + payload
        f.write(struct.pack("<IIII", 1767323045, 0, len(packet), len(packet)) + packet)
END
}

clients one.pcap 1
clients other.pcap 130
want=
for savers in 1 8 8 8 8; do
	for input in one other; do
		rm -rf a
		run 0 "$FLOWKEEP" split -q -d a --json --sync none --protocols udp --anonymize netblock --savers "$savers" "$input.pcap"
		same "$input, $savers savers: packets" 16 "$(json packets_archived)"
		same "$input, $savers savers: files" 16 "$(flow_files a | wc -l)"
		[ -n "$want" ] || want=$(files_sum a)
		same "$input, $savers savers: their bytes" "$want" "$(files_sum a)"
	done
done
run 0 "$FLOWKEEP" verify -q -d a
finish
