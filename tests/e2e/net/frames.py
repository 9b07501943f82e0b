# SPDX-License-Identifier: BSD-2-Clause
"""Capture files and TCP frames, read without any of flowkeep's code: the other opinion.

read_pcap() gives (time in ns, original length, bytes) of each record of a pcap; decode() gives the
two ends of a TCP frame in Ethernet; fingerprint() tells one packet from another.
"""
import gzip
import io
import socket
import struct
import zlib
from collections import namedtuple

Tcp = namedtuple("Tcp", "ends flags sequence payload")
VLAN_TAGS = (0x8100, 0x88A8)  # IEEE 802.1Q, 802.1ad
FIN, SYN, RST, ACK = 1, 2, 4, 16


def read_pcap(stream):
    """All whole records of a pcap; a torn last one is left out."""
    header = stream.read(24)
    if len(header) < 24:
        return
    order = "<" if header[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1 if struct.unpack(order + "I", header[:4])[0] == 0xA1B23C4D else 1000
    record = struct.Struct(order + "IIII")
    while True:
        head = stream.read(16)
        if len(head) < 16:
            return
        seconds, fraction, length, original = record.unpack(head)
        data = stream.read(length)
        if len(data) < length:
            return
        yield seconds * 1_000_000_000 + fraction * unit, original, data


def read_dump(path):
    with open(path, "rb") as stream:
        yield from read_pcap(io.BufferedReader(stream, 1 << 20))


def read_flow_file(path):
    """The records of a published flow file; raises if it is not whole gzip."""
    with gzip.open(path, "rb") as stream:
        yield from read_pcap(io.BytesIO(stream.read()))


def read_staged(path):
    """The records of the whole members of a file that may end anywhere."""
    with open(path, "rb") as stream:
        rest = stream.read()
    whole = []
    while rest:
        member = zlib.decompressobj(31)
        try:
            data = member.decompress(rest)
        except zlib.error:
            break
        if not member.eof:
            break
        whole.append(data)
        rest = member.unused_data
    yield from read_pcap(io.BytesIO(b"".join(whole)))


def decode(frame):
    """The TCP header of an Ethernet frame, or None. Ends are sorted: one value per connection."""
    at = 12
    if len(frame) < 34:
        return None
    kind = frame[at] << 8 | frame[at + 1]
    while kind in VLAN_TAGS:
        at += 4
        kind = frame[at] << 8 | frame[at + 1]
    at += 2
    if kind == 0x0800 and frame[at + 9] == socket.IPPROTO_TCP:
        family, source, target = socket.AF_INET, frame[at + 12 : at + 16], frame[at + 16 : at + 20]
        total = frame[at + 2] << 8 | frame[at + 3]
        tcp = at + (frame[at] & 15) * 4
        end = at + total
    elif kind == 0x86DD and frame[at + 6] == socket.IPPROTO_TCP:
        family, source, target = socket.AF_INET6, frame[at + 8 : at + 24], frame[at + 24 : at + 40]
        tcp = at + 40
        end = tcp + (frame[at + 4] << 8 | frame[at + 5])
    else:
        return None
    if len(frame) < tcp + 20:
        return None
    ports = struct.unpack_from("!HHI", frame, tcp)
    ends = tuple(sorted(((family, bytes(source), ports[0]), (family, bytes(target), ports[1]))))
    return Tcp(ends, frame[tcp + 13], ports[2], frame[tcp + (frame[tcp + 12] >> 4) * 4 : end])


def ends_of(one, one_port, other, other_port):
    """The ends as decode() gives them, from text; mapped IPv4 addresses are IPv4."""
    ends = []
    for address, port in ((one, one_port), (other, other_port)):
        address = address[7:] if address.lower().startswith("::ffff:") else address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        ends.append((family, socket.inet_pton(family, address), int(port)))
    return tuple(sorted(ends))


def words(ends):
    return " - ".join(f"{socket.inet_ntop(family, address)} {port}" for family, address, port in ends)


def fingerprint(original, frame):
    """Tells packets apart by what a capture of 128 bytes per packet has: headers and length."""
    return original, zlib.crc32(frame[:96])
