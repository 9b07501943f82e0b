# SPDX-License-Identifier: BSD-2-Clause
"""Reads pcap and pcapng files, plain or gzip'd, written from the format documents alone.

It shares nothing with the program under test: what flowkeep makes of an input is compared with what
this module sees. Frames are numbered from 1 as tshark numbers them.

Sources: pcap-savefile(5); draft-ietf-opsawg-pcapng.
"""
import gzip
import struct
import zlib
from dataclasses import dataclass, field

MAX_CAPLEN = 262144  # wiretap and libpcap: nothing larger is a packet


@dataclass
class Frame:
    number: int
    ts_ns: int
    caplen: int
    origlen: int
    linktype: int
    data: bytes
    end: int  # offset of the first byte behind its record

    def key(self):
        """What flowkeep promises never to alter."""
        return (self.ts_ns, self.caplen, self.origlen, self.data)


@dataclass
class Capture:
    frames: list = field(default_factory=list)
    damage: str = ""  # why reading ended before the end of the file
    passed_over: int = 0  # blocks that contradict themselves
    record_starts: list = field(default_factory=list)  # offsets, of packets only
    kind: str = ""  # pcap, pcapng


class NotACapture(Exception):
    """No pcap or pcapng file, or of a version that is not known."""


class _Damage(Exception):
    pass


def _inflate(raw):
    """All that can be had of a gzip'd file, and why there is no more."""
    out, problem = [], ""
    while raw:
        member = zlib.decompressobj(31)
        try:
            out.append(member.decompress(raw))
        except zlib.error as error:
            return b"".join(out), str(error)
        if not member.eof:
            return b"".join(out), "gzip member cut short"
        raw = member.unused_data
    return b"".join(out), problem


def parse(raw):
    """Bytes of a file to a Capture. Raises NotACapture."""
    problem = ""
    if raw[:2] == b"\x1f\x8b":
        raw, problem = _inflate(raw)
    magic = raw[:4]
    if magic in _PCAP_MAGICS:
        capture = _parse_pcap(raw)
    elif magic == b"\x0a\x0d\x0d\x0a":
        capture = _parse_pcapng(raw)
    else:
        raise NotACapture("magic %s" % magic.hex())
    if problem and not capture.damage:
        capture.damage = problem
    return capture


def read(path):
    with open(path, "rb") as f:
        return parse(f.read())


# ---- pcap --------------------------------------------------------------------------------------

# magic: byte order, nanoseconds per unit of the fraction, bytes of a record header
_PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}


def _parse_pcap(raw):
    order, unit, header = _PCAP_MAGICS[raw[:4]]
    capture = Capture(kind="pcap")
    if len(raw) < 24:
        raise NotACapture("file header cut")
    major, minor = struct.unpack_from(order + "HH", raw, 4)
    if major != 2 and (major, minor) != (543, 0):
        raise NotACapture("version %d.%d" % (major, minor))
    linktype = struct.unpack_from(order + "I", raw, 20)[0]
    if linktype & 0x0BFF0000:
        raise NotACapture("reserved bits in the link type field")
    old = (major, minor) <= (2, 3) or major == 543
    at, number = 24, 0
    while at < len(raw):
        if at + header > len(raw):
            capture.damage = "record header cut"
            break
        sec, frac, caplen, origlen = struct.unpack_from(order + "IIII", raw, at)
        if old and caplen > origlen:  # before 2.3 the two lengths stood the other way round
            caplen, origlen = origlen, caplen
        if caplen > MAX_CAPLEN:
            capture.damage = "record of %d bytes" % caplen
            break
        if at + header + caplen > len(raw):
            capture.damage = "record cut"
            break
        number += 1
        end = at + header + caplen
        data = raw[at + header : end]
        ts_ns = sec * 10**9 + frac * unit
        capture.record_starts.append(at)
        capture.frames.append(Frame(number, ts_ns, caplen, origlen, linktype, data, end))
        at = end
    return capture


# ---- pcapng ------------------------------------------------------------------------------------

_SHB, _IDB, _OPB, _SPB, _EPB = 0x0A0D0D0A, 1, 2, 3, 6

# Blocks that tshark shows as frames though they hold no packet: custom ones, journal entries.
_OTHER_RECORDS = {0x00000BAD, 0x40000BAD, 9}


class _Interface:
    def __init__(self, body, order):
        self.linktype, _, self.snaplen = struct.unpack_from(order + "HHI", body)
        self.resolution = 6  # the byte of if_tsresol
        self.offset_s = 0
        self.damaged = False
        self._read_options(body, order)

    def _read_options(self, body, order):
        seen = set()
        at = 8
        while at < len(body):
            if at + 4 > len(body):
                self.damaged = True
                break
            code, length = struct.unpack_from(order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if code == 0:
                break
            if len(value) < length:
                self.damaged = True
                break
            if length != {9: 1, 14: 8}.get(code, length):
                self.damaged = True
            elif code not in seen:  # where one comes twice, the first counts
                seen.add(code)
                if code == 9:
                    self.resolution = value[0]
                elif code == 14:
                    self.offset_s = struct.unpack(order + "q", value)[0]
            at += 4 + (length + 3) // 4 * 4

    def time(self, units):
        if self.resolution & 0x80:
            ns = units * 10**9 >> (self.resolution & 0x7F)
        else:
            ns = units * 10**9 // 10**self.resolution
        return ns + self.offset_s * 10**9


def _blocks(raw):
    """(offset, type, body, byte order, end) of every whole block; raises _Damage."""
    at, order = 0, "<"
    while at < len(raw):
        if at + 12 > len(raw):
            raise _Damage("block header cut")
        kind = struct.unpack_from("<I", raw, at)[0]
        if kind == _SHB:
            magic = raw[at + 8 : at + 12]
            if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                raise _Damage("section without byte-order magic")
            order = ">" if magic[0] == 0x1A else "<"
        kind, length = struct.unpack_from(order + "II", raw, at)
        padded = (length + 3) // 4 * 4
        if length < (28 if kind == _SHB else 12):
            raise _Damage("block of %d bytes" % length)
        if at + padded > len(raw):
            raise _Damage("block cut")
        tail = struct.unpack_from(order + "I", raw, at + padded - 4)[0]
        if (tail + 3) // 4 * 4 != padded:
            raise _Damage("block lengths differ")
        yield at, kind, raw[at + 8 : at + padded - 4], order, at + padded
        at += padded


def _packet(kind, body, order, interfaces):
    """(interface, ts_ns, caplen, origlen, data), or None where the block contradicts itself."""
    if len(body) < (4 if kind == _SPB else 20):
        return None
    if kind == _SPB:
        origlen = struct.unpack_from(order + "I", body)[0]
        if not interfaces:
            return None
        limit = interfaces[0].snaplen
        caplen = min(origlen, limit) if limit else origlen
        number, units, data = 0, None, body[4:]
    else:
        number, high, low, caplen, origlen = struct.unpack_from(order + "IIIII", body)
        if kind == _OPB:
            number = struct.unpack_from(order + "H", body)[0]
        units, data = high << 32 | low, body[20:]
    if number >= len(interfaces) or caplen > MAX_CAPLEN or caplen > len(data):
        return None
    interface = interfaces[number]
    ts_ns = 0 if units is None else interface.time(units)
    if not -(2**63) <= ts_ns < 2**63:
        return None
    return interface, ts_ns, caplen, origlen, data[:caplen]


def _parse_pcapng(raw):
    capture = Capture(kind="pcapng")
    interfaces, number, sections = None, 0, 0
    try:
        for at, kind, body, order, end in _blocks(raw):
            if kind == _SHB:
                version = struct.unpack_from(order + "HH", body, 4)
                if version not in ((1, 0), (1, 2)):
                    raise _Damage("version %d.%d" % version)
                sections += 1
                interfaces = []
            elif kind == _IDB:
                if len(body) < 8:
                    raise _Damage("interface description of %d bytes" % len(body))
                interfaces.append(_Interface(body, order))
                capture.passed_over += interfaces[-1].damaged
            elif kind in (_OPB, _SPB, _EPB):
                packet = _packet(kind, body, order, interfaces)
                if packet is None:
                    capture.passed_over += 1
                    continue
                number += 1
                interface, ts_ns, caplen, origlen, data = packet
                capture.record_starts.append(at)
                capture.frames.append(
                    Frame(number, ts_ns, caplen, origlen, interface.linktype, data, end))
            elif kind in _OTHER_RECORDS:
                number += 1
    except _Damage as damage:
        if sections == 0:
            raise NotACapture(str(damage)) from None
        capture.damage = str(damage)
    return capture


def gzipped(raw):
    """The same file gzip'd, always to the same bytes."""
    return gzip.compress(raw, 6, mtime=0)
