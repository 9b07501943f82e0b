# SPDX-License-Identifier: BSD-2-Clause
"""The flow files of an archive, read by name and content alone (flowkeep-archive(5))."""
import os
from collections import Counter, namedtuple

import frames

Part = namedtuple("Part", "uuid part path ends packets")
Packet = namedtuple("Packet", "time original frame tcp")


class Damaged(Exception):
    pass


def paths(directory):
    for root, folders, names in os.walk(directory):
        folders[:] = sorted(folder for folder in folders if not folder.startswith(".") and folder != "pinned")
        for name in sorted(names):
            if name.endswith(".pcap.gz"):
                yield os.path.join(root, name)


def packets_of(records):
    return [Packet(time, original, data, frames.decode(data)) for time, original, data in records]


def part_at(path):
    try:
        packets = packets_of(frames.read_flow_file(path))
    except (OSError, EOFError) as error:
        raise Damaged(f"{path}: {error}") from error
    uuid, _, part = os.path.basename(path)[: -len(".pcap.gz")].partition("~")
    ends = {packet.tcp.ends if packet.tcp else None for packet in packets}
    if len(ends) != 1 or None in ends:
        raise Damaged(f"{path}: holds {len(packets)} packets of {len(ends)} connections, wanted one")
    short = sum(packet.original != len(packet.frame) for packet in packets)
    if short:
        raise Damaged(f"{path}: {short} packets are cut short")
    return Part(uuid, int(part or 0), path, ends.pop(), packets)


def parts(directory):
    """Every published part of an archive."""
    for path in paths(directory):
        yield part_at(path)


def staged(directory):
    """[(name while staged, ends, packets)] of flows that are flushed but not published."""
    found = []
    folder = os.path.join(directory, ".staging")
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return found
    for name in names:
        try:
            packets = packets_of(frames.read_staged(os.path.join(folder, name)))
        except FileNotFoundError:  # renamed or published meanwhile
            continue
        if packets and packets[0].tcp:
            found.append((name.partition(".")[2], packets[0].tcp.ends, packets))
    return found


def fingerprints(packets):
    return Counter(frames.fingerprint(packet.original, packet.frame) for packet in packets)
