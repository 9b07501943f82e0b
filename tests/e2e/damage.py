#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Damages archives, and tells what flow files they hold, without the help of flowkeep.

    damage.py flip DIR SEED KIND    flips some bytes of one file of a KIND (flow, segment, index) and
                                    prints its path and how many flips there were
    damage.py sums DIR              a line per flow file: name, hash of its bytes, hash of its content
"""
import gzip
import hashlib
import os
import random
import sys
import tarfile


def is_kind(name, kind):
    if kind == "segment":
        return name.startswith("flows-") and name.endswith(".tar")
    return name.endswith(".pcap.gz") if kind == "flow" else name == "flows.sqlite"


def files(top, kind):
    for path, dirs, names in os.walk(top):
        dirs[:] = sorted(d for d in dirs if d not in (".staging", "damaged"))
        for name in sorted(names):
            if is_kind(name, kind):
                yield os.path.join(path, name)


def flip(top, seed, kind):
    rng = random.Random(f"{kind} {seed}")
    path = rng.choice(list(files(top, kind)))
    count = rng.choice([1, 1, 2, 5])
    with open(path, "r+b") as f:
        size = os.path.getsize(path)
        for _ in range(count):
            at = rng.randrange(size)
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1 << rng.randrange(8)]))
    print(os.path.relpath(path, top), count)


def content(data):
    try:
        return hashlib.sha256(gzip.decompress(data)).hexdigest()
    except (OSError, EOFError, ValueError) as e:
        return f"unreadable:{type(e).__name__}"


def flow_files(top):
    for path in files(top, "flow"):
        with open(path, "rb") as f:
            yield os.path.basename(path), f.read()
    for path in files(top, "segment"):
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                yield member.name, tar.extractfile(member).read()


def sums(top):
    for name, data in sorted(flow_files(top)):
        print(name, hashlib.sha256(data).hexdigest(), content(data))


if sys.argv[1] == "flip":
    flip(sys.argv[2], sys.argv[3], sys.argv[4])
else:
    sums(sys.argv[2])
