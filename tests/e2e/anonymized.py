#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an anonymized archive should be, computed without flowkeep.

    anonymized.py make CASE FILE                          one of the captures below
    anonymized.py same PLAIN OTHER                        the same flows but for addresses and names
    anonymized.py mapped HOW PLAIN OTHER [EXEMPT]         each address of PLAIN became what it should in
                                                          OTHER, in the index and in stored headers; HOW:
                                                          netblock:V4,V6 or cryptopan:KEYFILE
    anonymized.py prefixes PLAIN OTHER                    prefixes are preserved, to the bit
    anonymized.py records ARCHIVE KEY=VALUE|KEY=...       what every record says; KEY= : nothing
    anonymized.py exempt ARCHIVE EXEMPT                   records name the ends that stayed, and no others
    anonymized.py vectors                                 are our own Crypto-PAn's the published values?

EXEMPT: CIDR,... as --anonymize-exempt takes it. Exit status 1 with a few lines where it is not so.
"""
import collections
import glob
import ipaddress
import itertools
import json
import os
import sqlite3
import struct
import subprocess
import sys

import find_bytes
import privacy as p

# -- Crypto-PAn: Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization", ICNP 2002 ----


def aes(key, blocks):
    done = subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()], input=blocks, capture_output=True, check=True)
    return done.stdout


def cryptopan(key, addresses):
    """{address: what it becomes}; addresses of 4 and of 16 bytes."""
    pad = aes(key[:16], key[16:])
    addresses, blocks = sorted(set(addresses)), []
    for address in addresses:
        bits, whole = 8 * len(address), address + pad[len(address) :]
        one, other = int.from_bytes(whole, "big"), int.from_bytes(pad, "big")
        for n in range(bits):
            mask = (1 << 128) - (1 << (128 - n))  # the first n bits are the address's
            blocks.append((one & mask | other & ~mask).to_bytes(16, "big"))
    first_bytes = aes(key[:16], b"".join(blocks))[::16]
    became, at = {}, 0
    for address in addresses:
        bits, flips = 8 * len(address), 0
        for n in range(bits):
            flips = flips << 1 | first_bytes[at + n] >> 7
        at += bits
        became[address] = (int.from_bytes(address, "big") ^ flips).to_bytes(len(address), "big")
    return became


def read_key(path):
    with open(path, "rb") as f:
        data = f.read()
    return data if len(data) == 32 else bytes.fromhex(data.decode().strip())


# The sample trace that came with the authors' implementation
KEY = bytes((21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
             216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2))  # fmt: skip
VECTORS = {"128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
           "141.223.7.43": "141.167.8.160", "192.102.249.13": "252.138.62.131", "24.0.250.221": "100.15.198.226"}  # fmt: skip


def vectors():
    became = cryptopan(KEY, map(p.address, VECTORS))
    return [f"{one}: {became[p.address(one)]}" for one, other in VECTORS.items() if became[p.address(one)] != p.address(other)]


# -- archives -------------------------------------------------------------------------------------

FACTS = ("linktype", "proto", "vlan", "client_port", "server_port", "start_ns", "end_ns", "client_packets", "client_bytes",
         "server_packets", "server_bytes", "client_flags", "server_flags", "end_reason", "uuid_source", "lost_packets")  # fmt: skip


def rows(archive):
    """Of all days, with their day."""
    for path in sorted(glob.glob(os.path.join(archive, "*/*/*/flows.sqlite"))):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        for row in db.execute("select * from flow"):
            yield row, os.path.dirname(path)


def facts(row):
    return tuple(row[name] for name in FACTS)


def packed(blob):
    mapped = ipaddress.IPv6Address(blob).ipv4_mapped
    return mapped.packed if mapped else bytes(blob)


def ends(row):
    return packed(row["client_ip"]), packed(row["server_ip"])


def flow_file(row, folder):
    """(record, [(time in ns, original length, frame)]) of a row's file."""
    uuid = row["uuid"]
    if isinstance(uuid, bytes):
        digits = uuid.hex()
        uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    part = f"~{row['part']}" if row["part"] else ""
    with open(os.path.join(folder, f"{uuid}{part}.pcap.gz"), "rb") as f:
        data, extra = find_bytes.members(f.read())
    return json.loads(extra[4:]), p.read_pcap(data)


def header_addresses(frame):
    """Source and destination of an Ethernet frame with no more than VLAN tags; None if it is another."""
    at = 12
    while frame[at : at + 2] in (b"\x81\0", b"\x88\xa8"):
        at += 4
    kind, at = frame[at : at + 2], at + 2
    if kind == b"\x08\0" and len(frame) >= at + 20:
        return frame[at + 12 : at + 16], frame[at + 16 : at + 20]
    if kind == b"\x86\xdd" and len(frame) >= at + 40:
        return frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    return None


def folded(address):
    return address[12:] if address[:12] == b"\0" * 10 + b"\xff\xff" else address


def text(address):
    return str(ipaddress.ip_address(address))


# -- what is asked --------------------------------------------------------------------------------


SIDES = [FACTS.index(name) for name in ("client_packets", "client_bytes", "server_packets", "server_bytes", "client_flags", "server_flags")]


def without_sides(flow):
    """What a flow's packets tell where both ends became one: who sent which is not among it."""
    packets, size, packets2, size2, flags, flags2 = (flow[at] for at in SIDES)
    return (*(value for at, value in enumerate(flow) if at not in SIDES), packets + packets2, size + size2, flags | flags2)


def one_end(row):
    return packed(row["client_ip"]) == packed(row["server_ip"]) and row["client_port"] == row["server_port"]


def same(plain, other):
    one, two = (collections.Counter(facts(row) for row, _ in rows(archive)) for archive in (plain, other))
    told = collections.Counter(facts(row) for row, _ in rows(other) if not one_end(row))
    print(f"{sum(one.values())} flows in {plain}, {sum(two.values())} in {other}, {sum(told.values())} of them with two ends")
    wrong = [f"only in {other}: {dict(zip(FACTS, flow))}" for flow in told - one]
    one, two = (collections.Counter(map(without_sides, found.elements())) for found in (one, two))
    wrong += [f"only in {plain}: {flow}" for flow in one - two]
    wrong += [f"only in {other}: {flow}" for flow in two - one]
    for archive in (plain, other):
        for row, folder in rows(archive):
            _, packets = flow_file(row, folder)
            if len(packets) != row["client_packets"] + row["server_packets"]:
                wrong.append(f"{archive}: {row['uuid']} has {len(packets)} packets")
    return wrong or ([] if one else ["no flow at all"])


def paired(plain, other):
    """Rows of the same flow in both; those that cannot be told apart are left out."""
    found = collections.defaultdict(lambda: ([], []))
    for side, archive in enumerate((plain, other)):
        for row, folder in rows(archive):
            found[facts(row)][side].append((row, folder))
    return [(one[0], two[0]) for one, two in found.values() if len(one) == len(two) == 1]


def mapping(how, exempt, addresses):
    """{address: what it should become}"""
    kind, _, argument = how.partition(":")
    if kind == "cryptopan":
        became = cryptopan(read_key(argument), addresses)
    else:
        bits = {4: int(argument.split(",")[0]), 16: int(argument.split(",")[1])}
        became = {}
        for a in addresses:
            hidden = 8 * len(a) - bits[len(a)]
            became[a] = (int.from_bytes(a, "big") >> hidden << hidden).to_bytes(len(a), "big")
    for a in became:
        if any(ipaddress.ip_address(a) in network for network in exempt):
            became[a] = a
    return became


def networks(exempt):
    return [ipaddress.ip_network(text, strict=False) for text in exempt.split(",") if text]


def mapped(how, plain, other, exempt=""):
    pairs, wrong, seen = paired(plain, other), [], []
    for (one, folder), (two, folder2) in pairs:
        seen += zip(ends(one), ends(two))
        before, after = flow_file(one, folder)[1], flow_file(two, folder2)[1]
        for (_, length, frame), (_, length2, frame2) in zip(before, after):
            if length != length2:
                wrong.append("another original length")
            was, now = header_addresses(frame), header_addresses(frame2)
            if one["linktype"] == 1 and was and now:
                seen += zip(map(folded, was), map(folded, now))
    became = mapping(how, networks(exempt), {was for was, _ in seen})
    wrong += sorted({f"{text(was)} became {text(now)}, not {text(became[was])}" for was, now in seen if now != became[was]})
    print(f"{len(pairs)} flows, {len(became)} addresses, {sum(was != now for was, now in became.items())} of them changed")
    return wrong or ([] if pairs else ["no flow at all"])


def shared(a, b):
    """Leading bits that two addresses have in common."""
    return 8 * len(a) - (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_length()


def prefixes(plain, other):
    became = {}
    for (one, _), (two, _) in paired(plain, other):
        became.update(zip(ends(one), ends(two)))
    wrong, near = [], 0
    for a, b in itertools.combinations(sorted(became), 2):
        if len(a) == len(b):
            near += len(a) == 4 and shared(a, b) >= 24
            if shared(a, b) != shared(became[a], became[b]):
                wrong.append(f"{text(a)} and {text(b)} shared {shared(a, b)} bits, now {shared(became[a], became[b])}")
    print(f"{len(became)} addresses, {near} pairs in one /24")
    return wrong or ([] if near >= 10 else ["too few pairs in one /24"])


def records(archive, *wanted):
    wrong, count = [], 0
    for row, folder in rows(archive):
        record, _ = flow_file(row, folder)
        count += 1
        for item in wanted:
            key, _, value = item.partition("=")
            got = record.get(key)
            if (got if isinstance(got, str) or got is None else json.dumps(got)) != (value or None):
                wrong.append(f"{record['uuid']}: {key} is {got}")
    return wrong or ([] if count else ["no flow at all"])


def exempt_ends(archive, exempt):
    wrong, told = [], collections.Counter()
    for row, folder in rows(archive):
        record, _ = flow_file(row, folder)
        client, server = ends(row)
        low, high = sorted(((client, row["client_port"]), (server, row["server_port"])))
        stay = [any(ipaddress.ip_address(a) in network for network in networks(exempt)) for a, _ in (low, high)]
        want = {(False, False): None, (True, False): "low", (False, True): "high", (True, True): "both"}[tuple(stay)]
        told[want] += 1
        if record.get("exempt") != want:
            wrong.append(f"{text(low[0])} {low[1]}, {text(high[0])} {high[1]}: {record.get('exempt')}, not {want}")
    print(dict(told))
    return wrong


# -- captures -------------------------------------------------------------------------------------


def conversation(client, server, ports, isn=1000, words=b"ask", answer=b"answer"):
    """(from the client?, flags, bytes) of a whole connection."""
    a, b = isn + 1 + len(words), 5001 + len(answer)
    steps = [(1, "S", isn, 0, b""), (0, "SA", 5000, isn + 1, b""), (1, "A", isn + 1, 5001, b""), (1, "PA", isn + 1, 5001, words),
             (0, "PA", 5001, a, answer), (1, "FA", a, b, b""), (0, "FA", b, a + 1, b""), (1, "A", a + 1, b + 1, b"")]  # fmt: skip
    for forth, flags, seq, ack, payload in steps:
        src, dst, sport, dport = (client, server, *ports) if forth else (server, client, *ports[::-1])
        macs = (p.MAC_CLIENT, p.MAC_SERVER)[:: 1 if forth else -1]
        yield p.ethernet(p.ip(src, dst, p.TCP, p.tcp(src, dst, sport, dport, flags, seq, ack, payload=payload)), *macs)


def datagrams(client, server, ports):
    for number in range(4):
        src, dst, sport, dport = (server, client, *ports[::-1]) if number % 2 else (client, server, *ports)
        yield p.ethernet(p.ip(src, dst, p.UDP, p.udp(src, dst, sport, dport, b"datagram %d" % number)))


def interleaved(*flows, apart=1000):
    """[(ns, frame)]: all at once, `apart` from each other at each step."""
    timed = []
    for lane, frames in enumerate(flows):
        timed += [(1767323045 * 10**9 + step * 10**6 + lane * apart, frame) for step, frame in enumerate(frames)]
    return sorted(timed, key=lambda pair: pair[0])


A, B, S, A6, B6, S6 = "192.0.2.1", "192.0.2.2", "198.51.100.9", "2001:db8:77::1", "2001:db8:77:9::2", "2001:db8:99::9"
MAPPED_A, MAPPED_S = (b"\0" * 10 + b"\xff\xff" + p.address(a) for a in (A, S))
CASES = {
    # Both ends become one address, with equal ports; also with others.
    "one-netblock": lambda: interleaved(
        conversation(A, B, (5000, 5000)), conversation(A6, B6, (5000, 5000)), datagrams(A, B, (5000, 5000)), datagrams(B6, A6, (5000, 5000)),
        conversation(B, A, (5002, 443)), conversation(A, B, (443, 5003))),
    # Two clients become one: the same port to the same server at the same time
    "two-clients": lambda: interleaved(
        conversation(A, S, (5000, 443)), conversation(B, S, (5000, 443), words=b"other"), conversation(A6, S6, (5000, 443)),
        conversation(B6, S6, (5000, 443), words=b"other"), datagrams(A, S, (5000, 53)), datagrams(B, S, (5000, 53))),
    # to the nanosecond, told apart by their sequence numbers
    "same-time": lambda: interleaved(
        conversation(A, S, (5000, 443)), conversation(B, S, (5000, 443), isn=77, words=b"other"), conversation(A6, S6, (5000, 443)),
        conversation(B6, S6, (5000, 443), isn=77, words=b"other"), apart=0),
    # and by nothing but what they say
    "same-name": lambda: interleaved(conversation(A, S, (5000, 443)), conversation(B, S, (5000, 443), words=b"other"), apart=0),
    # and by nothing at all
    "twins": lambda: interleaved(conversation(A, S, (5000, 443)), conversation(B, S, (5000, 443)), apart=0),
    "mapped": lambda: interleaved(
        conversation(A, S, (5000, 443)), conversation(MAPPED_A, MAPPED_S, (5001, 443)), datagrams(MAPPED_A, MAPPED_S, (5002, 53)),
        conversation(MAPPED_A, S6, (5003, 443)), conversation(A6, MAPPED_S, (5004, 443))),
    "hosts": lambda: interleaved(
        *(conversation(f"192.0.2.{n}", S, (5000 + n, 443)) for n in range(1, 60)),
        *(conversation(f"10.{n}.2.3", S, (5000 + n, 443)) for n in range(1, 30)),
        *(conversation(f"2001:db8:77:{n:x}::{n * 77:x}", S6, (5000 + n, 443)) for n in range(1, 60))),
    "exempt": lambda: interleaved(
        conversation(A, S, (5000, 443)), conversation(B, S, (5000, 443), words=b"other"), conversation("198.51.100.9", "203.0.113.5", (5001, 443)),
        conversation(A6, S6, (5002, 443)), conversation("2001:db8:99:1::1", S6, (5003, 443)), conversation("198.51.100.200", S, (5004, 443)),
        conversation(A, B, (5005, 443)), datagrams(S, A, (5006, 53)), conversation(MAPPED_A, MAPPED_S, (5007, 443)),
        conversation(A, "192.0.2.77", (5008, 443)), conversation(A6, B6, (5009, 443)), conversation(B, "203.0.113.77", (5010, 443))),
}  # fmt: skip


def make(case, path):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for ns, frame in CASES[case]():
            f.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)
    return []


def main():
    commands = {"make": make, "same": same, "mapped": mapped, "prefixes": prefixes, "records": records, "exempt": exempt_ends, "vectors": vectors}
    wrong = commands[sys.argv[1]](*sys.argv[2:])
    for line in wrong[:5]:
        print("  " + line)
    if len(wrong) > 5:
        print(f"  {len(wrong)} in all")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
