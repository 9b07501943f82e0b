#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks for secrets in every byte that a run left: names of files, what they hold, what they inflate to.

    find_bytes.py [--present] NEEDLES FILE|DIRECTORY...

NEEDLES has a line per secret: LABEL KIND HEX, then "always" or "hidden": the latter is stored by no
policy. Exit status 1 if one is found, each named with the form and the file that it was found in. With
--present it is the other way round: 1 if one of those marked "always" is missing (so that a search that
finds nothing means something).

A secret is looked for in every form that it could take:

    bytes   any 6 bytes in a row, as they are and as hex digits
    v4      4 bytes in either order; dotted, hex, decimal
    v6      16 bytes; any 6 in a row of the last 10; all notations, also of its last 64 bits
    mac     6 bytes, as the EUI-64 in an IPv6 address; with colons, hyphens, none

Flow files are looked at as they are and inflated, wherever they lie: by themselves or in a segment.

Forms of 4 bytes are not looked for in compressed streams, where they would occur by chance, but in
what those inflate to; nor in the pages of an index (its lists of where cells begin look like 10.153.10.131),
but in the values that it holds, other than UUIDs: these are as good as random where they are made of
times.
"""
import ipaddress
import os
import shutil
import sqlite3
import sys
import tempfile
import zlib

WINDOW = 6
TAR_BLOCK = 512


def windows(data):
    return [data[at : at + WINDOW] for at in range(len(data) - WINDOW + 1)]


def groups(data):
    """As IPv6 addresses are written: four digits each."""
    digits = data.hex()
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def forms(kind, data):
    """(bytes to be found as they are, texts in lower case to be found in any case)"""
    hexes = data.hex()
    if kind == "bytes":
        return windows(data), [w.hex() for w in windows(data)]
    if kind == "v4":
        return [data, data[::-1]], [
            str(ipaddress.IPv4Address(data)), hexes, data[::-1].hex(), hexes.lstrip("0"),
            str(int.from_bytes(data, "big")), str(int.from_bytes(data, "little")),
            ":".join(groups(data)), data.hex(":")]  # fmt: skip
    if kind == "v6":
        address = ipaddress.IPv6Address(data)
        low = groups(data[8:])
        return [data, *windows(data[6:])], [
            str(address), address.exploded, hexes, hexes[16:], data.hex(":"), ":".join(low),
            ":".join(group.lstrip("0") or "0" for group in low)]  # fmt: skip
    if kind == "mac":
        eui = bytes((data[0] ^ 2,)) + data[1:3] + b"\xff\xfe" + data[3:]
        return [data, eui], [data.hex(":"), data.hex("-"), hexes, eui.hex(), ":".join(groups(eui))]
    raise ValueError(kind)


def members(data):
    """What the members of a gzip file inflate to, and the extra fields of their headers. Torn ones as far
    as they go."""
    inflated, extras = [], []
    while data[:2] == b"\x1f\x8b" and len(data) >= 18:
        if data[3] & 4:
            extras.append(data[12 : 12 + int.from_bytes(data[10:12], "little")])
        member = zlib.decompressobj(31)
        try:
            inflated.append(member.decompress(data) + member.flush())
        except zlib.error:
            break
        data = member.unused_data
    return b"".join(inflated), b"\n".join(extras)


def values(path):
    """All that the tables of an index hold, its log included, one value after another: UUIDs, the rest."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (path, path + "-wal"):
            if os.path.exists(name):
                shutil.copy(name, folder)
        db = sqlite3.connect(os.path.join(folder, os.path.basename(path)))
        db.text_factory = bytes
        uuids, others = [], []
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = db.execute(f'select * from "{table.decode()}"')
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, v in zip(columns, row):
                    of = uuids if column == "uuid" and isinstance(v, bytes) and len(v) == 16 else others
                    of.append(v if isinstance(v, bytes) else str(v).encode())
        db.close()
    return b"\n\0\n".join(uuids), b"\n\0\n".join(others)


class Haystack:
    """All bytes in one string, each with the place that it came from."""

    def __init__(self):
        self.parts, self.places, self.length = [], [], 0

    def add(self, place, data):
        self.places.append((self.length, place))
        self.parts += [data, b"\n\0\n"]
        self.length += len(data) + 3

    def close(self):
        self.data = b"".join(self.parts)
        self.lower = self.data.lower()
        self.parts = []

    def place(self, at):
        return [place for start, place in self.places if start <= at][-1]

    def scan(self, index, length, text=False):
        """Yields (what, form, where) of every form in the index that is here; see Index."""
        data = self.lower if text else self.data
        for at in range(len(data) - length + 1):
            if data[at : at + length] in index:
                for form, what in index[data[at : at + length]]:
                    if data.startswith(form, at) and not (text and in_number(data, at, len(form))):
                        yield what, form, at


def in_number(data, at, length):
    """Are these digits a part of a longer number?"""
    before, after = data[max(at - 1, 0) : at], data[at + length : at + length + 1]
    return (before.isdigit() and data[at : at + 1].isdigit()) or (after.isdigit() and data[at + length - 1 : at + length].isdigit())


class Index:
    """Forms by what they begin with, so that one look at each byte finds all of them."""

    BINARY, TEXT = 4, 7  # bytes

    def __init__(self, needles, shortest):
        self.binary, self.text = {}, {}
        for number, (_, kind, data, _) in enumerate(needles):
            binary, texts = forms(kind, data)
            for form in binary:
                if len(form) >= shortest:
                    self.binary.setdefault(form[: self.BINARY], []).append((form, number))
            for form in map(str.encode, texts):
                if len(form) >= self.TEXT:
                    self.text.setdefault(form[: self.TEXT], []).append((form, number))

    def found_in(self, haystack):
        """{number of the needle: where}"""
        found = {}
        for number, form, at in haystack.scan(self.binary, self.BINARY):
            found.setdefault(number, f"{form.hex()} in {haystack.place(at)}")
        for number, form, at in haystack.scan(self.text, self.TEXT, text=True):
            found.setdefault(number, f"'{form.decode()}' in {haystack.place(at)}")
        return found


def files(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        elif os.path.isdir(path):
            for root, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    yield os.path.join(root, name)
        else:
            sys.exit(f"{path}: is not there")


def segment_members(data):
    """The (name, content) of each member of a segment, and all bytes around them. The last may be torn."""
    contents, around, at = [], [], 0
    while len(data) >= at + TAR_BLOCK and data[at]:
        size = int(data[at + 124 : at + 136].strip(b"\0 "), 8)
        begin, end = at + TAR_BLOCK, at + TAR_BLOCK + size
        is_file = data[at + 156 : at + 157] in b"0\0"  # else it is more of the next one's header
        around.append(data[at:begin] if is_file else data[at:end])
        if is_file:
            contents.append((data[at : at + 100].rstrip(b"\0").decode(errors="replace"), data[begin:end]))
        at = end + -size % TAR_BLOCK
        around.append(data[end:at])
    return contents, b"".join(around) + data[at:]


def add_flow(readable, compressed, place, data):
    inflated, extras = members(data)
    readable.add(f"{place}, inflated", inflated)
    readable.add(f"{place}, headers of members", extras)
    compressed.add(place, data)


def gather(paths):
    """One haystack of what can be read, one of compressed streams."""
    readable, compressed = Haystack(), Haystack()
    count = 0
    for path in files(paths):
        count += 1
        with open(path, "rb") as f:
            data = f.read()
        readable.add(f"the name {path}", os.fsencode(path))
        if data[:2] == b"\x1f\x8b":
            add_flow(readable, compressed, path, data)
        elif path.endswith(".tar"):
            contents, around = segment_members(data)
            readable.add(f"{path}, around its members", around)
            for name, content in contents:
                add_flow(readable, compressed, f"{path}, {name}", content)
        elif os.path.basename(path).startswith("flows.sqlite"):
            compressed.add(path, data)
            if path.endswith(".sqlite"):
                uuids, others = values(path)
                compressed.add(f"{path}, UUIDs", uuids)
                readable.add(f"{path}, values", others)
        else:
            readable.add(path, data)
    readable.close()
    compressed.close()
    return readable, compressed, count


def read_needles(path):
    with open(path, encoding="ascii") as f:
        for line in f:
            label, kind, digits, stored = line.split()
            yield label, kind, bytes.fromhex(digits), stored == "always"


def main():
    arguments = sys.argv[1:]
    present = arguments[0] == "--present"
    needles, *paths = arguments[present:]
    readable, compressed, count = gather(paths)
    looked_for = [needle for needle in read_needles(needles) if needle[3] or not present]
    found = Index(looked_for, WINDOW).found_in(compressed)
    found.update(Index(looked_for, 1).found_in(readable))
    total = len(looked_for)
    wrong = [number for number in range(total) if (number in found) != present]
    for number in wrong[:40]:
        label, kind, data, _ = looked_for[number]
        print(f"  {label}: {kind} {data.hex()} " + (f"is there: {found[number]}" if number in found else "is missing"))
    if count == 0 or total == 0:
        sys.exit(f"  nothing to look at: {count} files, {total} needles")
    if wrong:
        print(f"  {len(wrong)} of {total} in {count} files")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
