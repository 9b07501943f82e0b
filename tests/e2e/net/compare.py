# SPDX-License-Identifier: BSD-2-Clause
"""Compares an archive with what tcpdump saw on the same interface, packet by packet.

    compare.py --archive DIR --dump FILE [--names FILE] [--address IP] [--reused] [--ports LOW] [--windows FILE]

Without --windows: the same TCP connections in both, each in the archive under one UUID, with exactly
the packets that tcpdump has; with --names (lines of the server: UUID, address, port, address, port)
each under the UUID that stands there. --reused: there may be several UUIDs per pair of ends. --address leaves
out connections without that address, --ports those that have no port of LOW to LOW + 999.
With --windows (lines: from, to, in ns): every packet of tcpdump's within a window is in the archive.
Says what differs; exit status 1 if anything does.
"""
import argparse
import collections
import socket
import sys

import archive
import frames

SHOWN = 8


def seen_by_tcpdump(path, wanted, windows):
    seen = collections.defaultdict(collections.Counter)
    for time, original, data in frames.read_dump(path):
        tcp = frames.decode(data)
        if tcp is None or not wanted(tcp.ends):
            continue
        if windows is None or any(start <= time <= end for start, end in windows):
            seen[tcp.ends][frames.fingerprint(original, data)] += 1
    return seen


def in_archive(directory, wanted, complaints):
    kept, uuids = collections.defaultdict(collections.Counter), collections.defaultdict(set)
    for path in archive.paths(directory):
        try:
            part = archive.part_at(path)
        except archive.Damaged as error:
            complaints.append(str(error))
            continue
        if not wanted(part.ends):
            continue
        kept[part.ends] += archive.fingerprints(part.packets)
        uuids[part.ends].add(part.uuid)
    return kept, uuids


def compare_packets(seen, kept, exact, complaints):
    for ends, wanted in seen.items():
        missing, extra = wanted - kept.get(ends, collections.Counter()), kept.get(ends, wanted) - wanted
        if ends not in kept:
            complaints.append(f"{frames.words(ends)}: not in the archive ({wanted.total()} packets)")
        elif missing or (exact and extra):
            complaints.append(
                f"{frames.words(ends)}: wanted {wanted.total()} packets, {missing.total()} of them missing, "
                f"{extra.total() if exact else 0} that tcpdump does not have"
            )
    for ends in kept.keys() - seen.keys() if exact else ():
        complaints.append(f"{frames.words(ends)}: in the archive, but tcpdump does not have it")


def compare_names(path, seen, uuids, complaints):
    with open(path, encoding="ascii") as lines:
        named = {frames.ends_of(*line.split()[1:5]): line.split()[0] for line in lines}
    for ends, uuid in named.items():
        if uuids.get(ends) != {uuid}:
            complaints.append(f"{frames.words(ends)}: wanted the name {uuid}, got {sorted(uuids.get(ends, []))}")
    # A connection that was reset before the server accepted it has no name there.
    print(f"{len(named)} connections named by the server, {len(seen.keys() - named.keys())} others")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--archive", required=True)
    options.add_argument("--dump", required=True)
    options.add_argument("--names")
    options.add_argument("--address")
    options.add_argument("--reused", action="store_true")
    options.add_argument("--ports", type=int)
    options.add_argument("--windows")
    options = options.parse_args()
    address = options.address and socket.inet_aton(options.address)

    def wanted(ends):
        if address and all(end[1] != address for end in ends):
            return False
        return options.ports is None or any(options.ports <= end[2] < options.ports + 1000 for end in ends)

    windows = None
    if options.windows:
        with open(options.windows, encoding="ascii") as lines:
            windows = [tuple(int(word) for word in line.split()) for line in lines]
        windows = [window for window in windows if window[0] < window[1]]
    complaints = []
    seen = seen_by_tcpdump(options.dump, wanted, windows)
    kept, uuids = in_archive(options.archive, wanted, complaints)
    total = sum(counter.total() for counter in seen.values())
    print(f"tcpdump: {len(seen)} connections, {total} packets", end="; ")
    print(f"archive: {len(kept)} connections, {sum(counter.total() for counter in kept.values())} packets")
    if not seen:
        complaints.append("tcpdump saw nothing to compare with")
    compare_packets(seen, kept, windows is None, complaints)
    if windows is None and not options.reused:
        for ends, several in uuids.items():
            if len(several) != 1:
                complaints.append(f"{frames.words(ends)}: wanted one UUID, got {len(several)}: {', '.join(sorted(several)[:2])}, ...")
    if options.names:
        compare_names(options.names, seen, uuids, complaints)
    for complaint in complaints[:SHOWN]:
        print(f"  {complaint}")
    if len(complaints) > SHOWN:
        print(f"  and {len(complaints) - SHOWN} more")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
