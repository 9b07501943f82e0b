# SPDX-License-Identifier: BSD-2-Clause
"""
Reads an archive by flowkeep-archive(5) alone, with none of flowkeep's code, and says what is wrong
with it: every part must be whole, there once, and hold the packets that its record tells.
"""
import array
import bisect
import json
import os
import re
import struct
import tarfile
import zlib

PART = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(~[1-9][0-9]*)?\.pcap\.gz$")
SEGMENT = re.compile(r"^flows-[1-9][0-9]*\.tar$")
DAY = re.compile(r"^[0-9]{4}/[0-9]{2}/[0-9]{2}$")
MAGIC = b"\x4d\x3c\xb2\xa1"  # nanoseconds, little-endian
RECORD = struct.Struct("<IIII")


class Part:
    """day/name; times: of its packets, in ns; where: the file that it lies in."""

    def __init__(self, name, where, data):
        self.name, self.where, self.length = name, where, len(data)
        self.uuid = name.rsplit("/", 1)[1][:-len(".pcap.gz")].split("~")[0]
        self.times = array.array("q")
        self.read(inflate(data))
        record = record_of(data)
        if record["packets"] != len(self.times):
            raise ValueError(f"{len(self.times)} packets, the record tells {record['packets']}")
        if record["uuid"] != self.uuid:
            raise ValueError(f"the record names {record['uuid']}")
        # Fragments that came before their first one may be older than what stands in front of them.
        if (self.times[0], self.times[-1]) != (record["first_ns"], record["last_ns"]):
            raise ValueError("the record tells other times")
        self.crash = record.get("end_reason") == "crash"

    def read(self, data):
        if data[:4] != MAGIC or len(data) < 24:
            raise ValueError("no pcap header")
        at = 24
        while at < len(data):
            seconds, ns, length, _ = RECORD.unpack_from(data, at)
            self.times.append(seconds * 10**9 + ns)
            at += 16 + length
        if at != len(data) or not self.times:
            raise ValueError("a packet is cut, or there is none")


def inflate(data):
    """All members; their CRCs are checked."""
    whole = []
    while data:
        member = zlib.decompressobj(31)
        whole.append(member.decompress(data))
        if not member.eof:
            raise ValueError("a gzip member is cut")
        data = member.unused_data
    return b"".join(whole)


def record_of(data):
    """The last member is a header of 16 bytes, the record, 10 bytes: FLOW FILES in the manual."""
    at = data.rindex(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff")
    size, = struct.unpack_from("<H", data, at + 14)
    if data[at + 12:at + 14] != b"FK" or at + 16 + size + 10 != len(data):
        raise ValueError("no record at its end")
    return json.loads(data[at + 16:at + 16 + size])


def members(path):
    """(name, bytes) of a segment, up to the last whole member."""
    with open(path, "rb") as f:
        size = f.seek(0, os.SEEK_END)
        f.seek(0)
        try:
            tar = tarfile.open(fileobj=f, mode="r:")
            while (member := tar.next()) is not None and member.offset_data + member.size <= size:
                f.seek(member.offset_data)
                yield member.name, f.read(member.size)
        except (tarfile.TarError, EOFError):
            return


class Archive:
    """
    What is published. known: parts that were read before, which cannot have changed and are not
    read again. Whoever reads it while pack or prune works may see a part twice, or not.
    """

    def __init__(self, path, known=None):
        self.path, self.known = path, known or {}
        self.parts, self.segments, self.wrong = {}, [], []
        for day in self.days():
            for name in sorted(os.listdir(f"{path}/{day}")):
                where = f"{path}/{day}/{name}"
                if PART.match(name):
                    with open(where, "rb") as f:
                        self.add(f"{day}/{name}", where, f.read())
                elif SEGMENT.match(name):
                    self.segments.append(where)
                    for member, data in members(where):
                        self.add(f"{day}/{member}", where, data)

    def days(self):
        for root, folders, _ in os.walk(self.path):
            folders[:] = sorted(f for f in folders if f.isdigit())
            day = os.path.relpath(root, self.path)
            if DAY.match(day):
                folders.clear()
                yield day

    def add(self, name, where, data):
        old = self.known.get(name)
        if name in self.parts:
            self.wrong.append(f"{name} is there twice: in {self.parts[name].where} and {where}")
        elif not PART.match(name.rsplit("/", 1)[1]):
            self.wrong.append(f"{where} has a member {name}")
        elif old is not None and old.length == len(data):
            old.where = where
            self.parts[name] = old
        else:
            try:
                self.parts[name] = Part(name, where, data)
            except (ValueError, KeyError, struct.error, zlib.error) as why:
                self.wrong.append(f"{name} in {where} is not whole: {why}")

    def packets(self):
        return sum(len(part.times) for part in self.parts.values())

    def clock(self):
        """Times of all packets, in their order."""
        times = array.array("q")
        for part in self.parts.values():
            times.extend(part.times)
        return array.array("q", sorted(times))

    def unfinished(self):
        """What is left that nobody should leave who ended as he should."""
        left = []
        for folder in (".staging", ".trash"):
            if os.path.isdir(f"{self.path}/{folder}"):
                left += [f"{folder}/{name}" for name in os.listdir(f"{self.path}/{folder}")]
        if os.path.exists(f"{self.path}/.dirty") and os.path.getsize(f"{self.path}/.dirty"):
            with open(f"{self.path}/.dirty") as f:
                left.append(f".dirty: {f.read().split()}")
        if os.path.isdir(f"{self.path}/damaged"):
            left.append("damaged/")
        for day in self.days():
            left += [f"{day}/{name}" for name in os.listdir(f"{self.path}/{day}")
                     if not PART.match(name) and not SEGMENT.match(name) and
                     name not in ("flows.sqlite", "flows.sqlite-names")]
        return sorted(left)


def between(clock, first, last):
    """How many packets have a time in (first, last]."""
    return bisect.bisect_right(clock, last) - bisect.bisect_right(clock, first)
