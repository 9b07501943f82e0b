#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows that no generator of traffic makes, for reference_find.py to ask about.

    odd_flows.py capture OUT.pcapng     other protocols, strange addresses, ends of ranges
    odd_flows.py rename ARCHIVE         an archive of files becomes one whose flows have names of an
                                        application, interfaces, losses and all ends; connections of
                                        equal ends become parts of one flow. Reindex it afterwards.
"""
import glob
import ipaddress
import json
import os
import random
import sqlite3
import struct
import sys
import uuid

SECOND = 10**9
MIDNIGHT = 1767398400 * SECOND  # 2026-01-03


# Packets


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(src, dst, protocol, payload):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + src.packed + dst.packed + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + src.packed + dst.packed
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def udp(src, sport, dst, dport, size=8):
    return ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + size, 0) + b"u" * size)


def tcp(src, sport, dst, dport, flags, seq=1, size=0):
    return ip(src, dst, 6, struct.pack(">HHIIBBHHH", sport, dport, seq, 1, 5 << 4, flags, 1000, 0, 0) + b"t" * size)


def icmp(src, dst, kind, identifier, protocol=1):
    return ip(src, dst, protocol, struct.pack(">BBHHH", kind, 0, 0, identifier, 1) + b"ping")


def ethernet(packet, vlan=None):
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    tag = b"" if vlan is None else b"\x81\x00" + struct.pack(">H", vlan)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + tag + kind + packet


# The capture


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(linktype, name):
    options = option(2, name.encode()) if name else b""
    return block(1, struct.pack("<HHI", linktype, 0, 0) + options + option(9, b"\x09") + option(0, b""))


def odd_packets():
    """Of each: interface, time, bytes, original length or None; and when it comes, if not at its time."""
    v4, v6 = "192.0.2.", "2001:db8::"
    t = MIDNIGHT - 3 * 3600 * SECOND
    for n in range(1, 6):  # ICMP of the same start, questions and answers
        yield 0, t, icmp(v4 + "1", v4 + str(n + 1), 8, n), None
        yield 0, t + n, icmp(v4 + str(n + 1), v4 + "1", 0, n), None
        yield 0, t, icmp(v6 + "1", v6 + str(n + 1), 128, 65536 - n, 58), None
        yield 0, t + n, icmp(v6 + str(n + 1), v6 + "1", 129, 65536 - n, 58), None
    yield 0, t, ip(v4 + "1", v4 + "9", 1, struct.pack(">BBHI", 3, 1, 0, 0) + b"x" * 28), None
    for protocol in 0, 47, 89, 132, 254, 255:
        body = struct.pack(">HHII", 5000, 6000, 1, 0) + b"s" * 20
        yield 0, t + protocol, ip(v4 + "7", v4 + "8", protocol, body), None
        yield 1, t + protocol, ethernet(ip(v6 + "7", v6 + "8", protocol or 253, body), 100), None
    strange = ["0.0.0.0", "255.255.255.255", "127.0.0.1", "128.0.0.0", "127.255.255.255"]
    strange6 = ["::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::192.0.2.1", "::fffe:192.0.2.1",
                "::ffff:192.0.2.1", "::ffff:0.0.0.0", "7fff:ffff::", "8000::", "fe80::1"]
    for n, (here, there) in enumerate([(a, strange[0]) for a in strange] + [(a, v4 + "1") for a in strange] +
                                      [(a, "::ffff:192.0.2.2") for a in strange6] + [(a, v6 + "2") for a in strange6]):
        for step in range(n % 4 + 1):
            yield n % 2, t + 60 * SECOND * n + step, (ethernet if n % 2 else bytes)(udp(here, 1000, there, n, n)), None
    for n, (sport, dport) in enumerate([(0, 0), (0, 65535), (65535, 65535), (65535, 1), (1, 0), (443, 443)]):
        yield 2, t + n, ethernet(udp(v4 + "10", sport, v4 + "11", dport), n and 4096 - n), None
    for n, (start, length) in enumerate([(-1, 0), (0, 0), (1, 0), (-1, 1), (-1, 2), (-SECOND, SECOND), (0, SECOND)]):
        yield 2, MIDNIGHT + start, ethernet(udp(v4 + "20", 2000 + n, v4 + "21", 53)), None
        yield 2, MIDNIGHT + start + length, ethernet(udp(v4 + "21", 53, v4 + "20", 2000 + n)), None
    for n, size in enumerate([999, 1000, 1001, 1023, 1024, 1025, 999999, 10**6, 10**6 + 1, 1 << 20, (1 << 20) + 1]):
        packet = udp(v4 + "30", 3000 + n, v4 + "31", 53, min(size - 28, 1400))
        yield 3, MIDNIGHT + 5 * SECOND, packet, size
    # Time runs backwards.
    yield 3, MIDNIGHT + 9 * SECOND, udp(v4 + "40", 4000, v4 + "41", 53), None
    yield 3, MIDNIGHT + 8 * SECOND, udp(v4 + "41", 53, v4 + "40", 4000), None, MIDNIGHT + 10 * SECOND
    # A connection that is closed and goes on for days: each packet after its end is another part.
    for n, pause in enumerate([3, 3600, 86400, 2 * 86400, 5 * 86400]):
        client, server = (v4 + "50", 5000 + n), (v4 + str(200 + n), 80)
        t = MIDNIGHT - 3600 * SECOND + n
        for segment in (client + server + (0x02, 1), client + server + (0x11, 2),
                        server + client + (0x12, 1), server + client + (0x11, 2)):
            yield 1, t, ethernet(tcp(*segment)), None
            t += 1
        for again in range(1, 4):
            late = tcp(*client, *server, 0x10, 3, 10 * again)
            yield 1, t - 1 + again * pause * SECOND, ethernet(late), None
    # Ends of what time can be
    yield 0, 1, udp(v4 + "60", 1, v4 + "61", 1), None
    yield 0, ((1 << 32) - 1) * SECOND + 999999999, udp(v4 + "60", 2, v4 + "61", 1), None


def capture(path):
    packets = sorted(odd_packets(), key=lambda packet: packet[-1] if len(packet) > 4 else packet[1])
    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for linktype, name in (101, "tun0"), (1, "eth0"), (1, "eth0.100"), (101, None):
            out.write(interface(linktype, name))
        for number, ns, data, length, *_ in packets:
            head = struct.pack("<IIIII", number, ns >> 32, ns & 0xFFFFFFFF, len(data), length or len(data))
            out.write(block(6, head + data))


# The names


def record_of(data):
    """Where the last member begins, and its record; see flowkeep-archive(5)."""
    at = data.rindex(b"\x1f\x8b\x08\x04")
    length = struct.unpack("<H", data[at + 14 : at + 16])[0]
    return at, json.loads(data[at + 16 : at + 16 + length])


def rewritten(path, record):
    with open(path, "rb") as f:
        data = f.read()
    at, _ = record_of(data)
    text = json.dumps(record, separators=(",", ":")).encode()
    member = data[at : at + 10] + struct.pack("<H2sH", len(text) + 4, b"FK", len(text)) + text
    os.unlink(path)
    return data[:at] + member + b"\x03\0" + b"\0" * 8


def rename(archive):
    rng = random.Random(5)
    names, taken, number = {}, set(), 0
    for index in sorted(glob.glob(f"{archive}/[0-9]*/*/*/flows.sqlite")):
        day = os.path.dirname(index)
        with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as db:
            rows = db.execute("select hex(uuid), part, proto, client_ip, client_port, server_ip, server_port,"
                              " client_flags & 2 from flow order by start_ns, uuid, part").fetchall()
        for text, part, proto, client, client_port, server, server_port, syn in rows:
            path = f"{day}/{uuid.UUID(text)}{'~' + str(part) if part else ''}.pcap.gz"
            with open(path, "rb") as f:
                _, record = record_of(f.read())
            low, high = sorted([(client, client_port), (server, server_port)])
            if (proto, low, high) not in names or syn:
                number += 1
                # Every ninth has the name of the one before it: another flow under the same name. Every
                # seventh keeps the name that it has.
                name = f"host.example_1577836800_{number - (number % 9 == 0):016X}"
                names[proto, low, high] = record["uuid"] if number % 7 == 0 else name, number
            record["uuid"], number_of = names[proto, low, high]
            record["uuid_source"] = "event" if number_of % 7 else "generated"
            record["client"] = "low" if low == (client, client_port) else "high"
            record["end_reason"] = rng.choice("fin rst idle reused evicted eof stop crash continued".split())
            for name, value in ("lost_packets", rng.randint(1, 9)), ("interface", rng.choice(["eth0", "eth1", "lo"])):
                record.pop(name, None)
                if rng.random() < 0.5:
                    record[name] = value
            # A connection that has a name of its own begins each day with part 0; others are counted on.
            scope, part = day if proto == 6 and record["uuid_source"] == "event" else "", 0
            while (scope, record["uuid"], part) in taken:
                part += 1
            taken.add((scope, record["uuid"], part))
            data = rewritten(path, record)
            with open(f"{day}/{record['uuid']}{'~' + str(part) if part else ''}.pcap.gz", "wb") as f:
                f.write(data)


if sys.argv[1] == "capture":
    capture(sys.argv[2])
else:
    rename(sys.argv[2])
