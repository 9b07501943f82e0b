# SPDX-License-Identifier: BSD-2-Clause
"""Reads an archive from outside: flow files through Python's gzip, the index through its sqlite3.

Nothing here is asked of flowkeep itself. tests/e2e/check_format.py is the strict reader, which takes
the files apart byte by byte; this one sees them as any user of gzip would.
"""
import datetime
import gzip
import ipaddress
import os
import re
import sqlite3
import struct
from dataclasses import dataclass

_NAME = re.compile(r"^([A-Za-z0-9_-][A-Za-z0-9._-]*?)(?:~([1-9][0-9]*))?\.pcap\.gz$")
_DAY = re.compile(r"^[0-9]{4}/[0-9]{2}/[0-9]{2}$")


@dataclass
class FlowFile:
    path: str
    day: str
    uuid: str
    part: int
    linktype: int
    packets: list  # (ts_ns, caplen, origlen, data)


def _read_packets(path):
    with gzip.open(path, "rb") as f:
        raw = f.read()
    magic, major, minor, _, _, snaplen, linktype = struct.unpack_from("<IHHiIII", raw)
    if (magic, major, minor, snaplen) != (0xA1B23C4D, 2, 4, 262144):
        raise ValueError("%s: not the file header that it should have" % path)
    packets, at = [], 24
    while at < len(raw):
        sec, nsec, caplen, origlen = struct.unpack_from("<IIII", raw, at)
        at += 16
        if at + caplen > len(raw):
            raise ValueError("%s: ends inside a packet" % path)
        packets.append((sec * 10**9 + nsec, caplen, origlen, raw[at : at + caplen]))
        at += caplen
    return linktype, packets


def days(root):
    """The days of an archive, as YYYY/MM/DD, in order."""
    found = []
    for folder, subfolders, _ in os.walk(root):
        subfolders[:] = [s for s in subfolders if not s.startswith(".")]
        day = os.path.relpath(folder, root)
        if _DAY.match(day):
            found.append(day)
    return sorted(found)


def file_names(root):
    """(day, name) of every published file, in order. Names that are none of ours raise."""
    found = []
    for day in days(root):
        for name in sorted(os.listdir(os.path.join(root, day))):
            if name.startswith("flows.sqlite"):
                continue
            if not _NAME.match(name):
                raise ValueError("%s/%s: no name that an archive should hold" % (day, name))
            found.append((day, name))
    return found


def paths(root):
    return [os.path.join(root, day, name) for day, name in file_names(root)]


def flow_files(root):
    for day, name in file_names(root):
        path = os.path.join(root, day, name)
        uuid, part = _NAME.match(name).groups()
        linktype, packets = _read_packets(path)
        yield FlowFile(path, day, uuid, int(part or 0), linktype, packets)


def _address(blob):
    address = ipaddress.IPv6Address(blob)
    return str(address.ipv4_mapped or address)


def _uuid_text(value):
    if isinstance(value, str):
        return value
    h = value.hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def _day_of(ts_ns):
    return datetime.datetime.fromtimestamp(ts_ns // 10**9, datetime.timezone.utc).strftime("%Y/%m/%d")


def index_rows(root):
    """All rows of all days as dicts, with addresses and UUIDs as text, sorted by UUID and part."""
    rows = []
    for day in days(root):
        path = os.path.join(root, day, "flows.sqlite")
        if not os.path.exists(path):
            continue
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        db.row_factory = sqlite3.Row
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise ValueError("%s: the index is damaged" % path)
        for row in db.execute("SELECT * FROM flow"):
            r = dict(row)
            r["uuid"] = _uuid_text(r["uuid"])
            r["client_ip"] = _address(r["client_ip"])
            r["server_ip"] = _address(r["server_ip"])
            r["day"] = day
            if _day_of(r["start_ns"]) != day:
                raise ValueError("%s: a row whose first packet is not of that day" % path)
            rows.append(r)
        db.close()
    return sorted(rows, key=lambda r: (r["uuid"], r["part"], r["day"]))
