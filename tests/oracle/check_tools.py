#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every published file is a gzip'd pcap to the tools that people have, and they count alike.

check_tools.py [FLOWKEEP [CAPTURES]] archives all captures (--protocols all), and every tenth once more
with each codec, and gives the files to gzip -t, zcat, capinfos, mergecap and tshark, many at a time.
Each tool must accept every file, say nothing, and see the packets, lengths, link type and times that
are in it and that the index tells. The first and the largest file of each link type get a tshark of
their own; so does every N-th of the others with --every N (1 takes them all).
"""
import multiprocessing
import os
import struct
import subprocess
import tempfile

import archive
import suite

BATCH = 400  # files per process: mergecap has them all open at once
CODECS = ("isal:0", "isal:1", "isal:2", "isal:3", "zlib:1", "zlib:9", "none")


def batches(things):
    return [things[at : at + BATCH] for at in range(0, len(things), BATCH)]


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def complaint(done):
    """The first thing that a program says against a file: "" for none."""
    lines = done.stderr.decode(errors="replace").splitlines()
    lines = [line for line in lines if "Running as user" not in line]
    if done.returncode != 0:
        lines.append("exit %d" % done.returncode)
    return lines[0] if lines else ""


class File:
    """A published file, as this test reads it itself."""

    def __init__(self, file, size):
        self.path = file.path
        self.linktype = file.linktype
        self.size = size
        self.packets = len(file.packets)
        self.captured = sum(p[1] for p in file.packets)
        self.original = sum(p[2] for p in file.packets)
        self.times = [p[0] for p in file.packets]


def published(flowkeep, root, options, inputs, outcome):
    """Archives inputs; all files, compared with the index."""
    split = suite.Split(flowkeep, root, ("--protocols", "all", *options), inputs)
    outcome.check(split.status == 1 and split.balanced(), "split: exit %d" % split.status)
    files = [File(f, os.path.getsize(f.path)) for f in archive.flow_files(root)]
    rows = {}
    for r in archive.index_rows(root):
        part = "~%d" % r["part"] if r["part"] else ""
        rows[os.path.join(root, r["day"], "%s%s.pcap.gz" % (r["uuid"], part))] = r
    outcome.check(set(rows) == {f.path for f in files}, "index rows and files differ")
    for f in files:
        r = rows.get(f.path)
        outcome.check(r and (r["linktype"], r["length"], r["captured_bytes"]) == (
            f.linktype, f.size, f.captured), "%s: the index says %s" % (f.path, r))
    return files


# ---- the tools -----------------------------------------------------------------------------------


def check_gzip(files):
    outcome = suite.Outcome()
    paths = [f.path for f in files]
    outcome.check(not complaint(done := run("gzip", "-t", "--", *paths)),
                  "gzip -t: %s" % complaint(done))
    done = run("zcat", "--", *paths)
    outcome.check(not complaint(done), "zcat: %s" % complaint(done))
    want = sum(24 + 16 * f.packets + f.captured for f in files)
    outcome.check(len(done.stdout) == want, "zcat: %d bytes, expected %d"
                  % (len(done.stdout), want))
    return outcome


def encapsulation(linktype, folder):
    """What capinfos calls a link type, asked with a file that has nothing but a header."""
    path = os.path.join(folder, "linktype-%d.pcap" % linktype)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
    return run("capinfos", "-T", "-r", "-E", path).stdout.decode().strip().split("\t")[-1]


def seconds(ns):
    return "%d.%09d" % divmod(ns, 10**9)


def check_capinfos(files, names):
    """names: link type to capinfos's word for it, "" where this version has none."""
    outcome = suite.Outcome()
    known = [f for f in files if names[f.linktype]]
    outcome.skipped += len(files) - len(known)
    done = run("capinfos", "-T", "-M", "-r", "-t", "-E", "-c", "-d", "-a", "-e", "-S",
               *[f.path for f in known])
    outcome.check(not complaint(done), "capinfos: %s" % complaint(done))
    lines = (line.split("\t") for line in done.stdout.decode().splitlines())
    seen = {line[0]: line[1:] for line in lines}
    for f in known:
        want = ["nsecpcap", names[f.linktype], str(f.packets), str(f.original),
                seconds(min(f.times)), seconds(max(f.times))]
        have = seen.get(f.path, [])
        outcome.check(have == want, "capinfos: %s: %s, expected %s" % (f.path, have, want))
    return outcome


def check_merged(files):
    """All files of a batch through mergecap and one tshark: as many packets come out."""
    outcome = suite.Outcome()
    with tempfile.TemporaryDirectory(prefix="flowkeep-oracle.") as folder:
        path = os.path.join(folder, "merged.pcapng")
        done = run("mergecap", "-w", path, *[f.path for f in files])
        outcome.check(not complaint(done), "mergecap: %s" % complaint(done))
        done = run("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.cap_len")
        outcome.check(not complaint(done), "tshark: merged: %s" % complaint(done))
    lengths = [int(line) for line in done.stdout.split()]
    want = (sum(f.packets for f in files), sum(f.captured for f in files))
    outcome.check((len(lengths), sum(lengths)) == want,
                  "tshark: merged: %d packets of %d bytes, expected %d of %d"
                  % (len(lengths), sum(lengths), *want))
    return outcome


def check_alone(f):
    outcome = suite.Outcome()
    done = run("tshark", "-n", "-r", f.path, "-T", "fields", "-e", "frame.cap_len")
    outcome.check(not complaint(done), "tshark: %s: %s" % (f.path, complaint(done)))
    lengths = [int(line) for line in done.stdout.split()]
    outcome.check((len(lengths), sum(lengths)) == (f.packets, f.captured),
                  "tshark: %s: %d packets of %d bytes, expected %d of %d"
                  % (f.path, len(lengths), sum(lengths), f.packets, f.captured))
    return outcome


# ---- all of it -----------------------------------------------------------------------------------


def chosen(files, every):
    """Files for a tshark of their own."""
    picked = {}
    for f in files:
        picked.setdefault(("first", f.linktype), f)
        largest = picked.setdefault(("largest", f.linktype), f)
        if f.size > largest.size:
            picked["largest", f.linktype] = f
    if every:
        picked.update(((n, 0), f) for n, f in enumerate(files[::every]))
    return list({f.path: f for f in picked.values()}.values())


def _work(task):
    function, *arguments = task
    return function(*arguments)


def main():
    every = (("--every",), {"type": int, "default": 0, "metavar": "N",
                            "help": "a tshark of its own for every N-th file (default: none)"})
    options = suite.arguments(__doc__, [every])
    suite.need(options, "gzip", "zcat", "capinfos", "mergecap", "tshark")
    inputs = [os.path.join(options.captures, name) for name in suite.sample(options)]
    total = suite.Outcome()
    with tempfile.TemporaryDirectory(prefix="flowkeep-oracle.") as top:
        files = published(options.flowkeep, os.path.join(top, "default"), (), inputs, total)
        names = {linktype: encapsulation(linktype, top) for linktype in {f.linktype for f in files}}
        tasks = [(check_alone, f) for f in chosen(files, options.every) if names[f.linktype]]
        for codec in CODECS:
            root = os.path.join(top, codec)
            files += published(options.flowkeep, root, ("--compress", codec), inputs[::10], total)
        for batch in batches(files):
            readable = [f for f in batch if names[f.linktype]]
            tasks += [(check_gzip, batch), (check_capinfos, batch, names), (check_merged, readable)]
        with multiprocessing.Pool(options.jobs) as pool:
            for outcome in pool.imap_unordered(_work, tasks):
                total.add(outcome)
    total.lines.sort()
    suite.finish(total)


if __name__ == "__main__":
    main()
