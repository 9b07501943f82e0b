#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Damaged inputs: every whole packet is read, every loss is said, and nothing crashes or hangs.

check_damage.py [FLOWKEEP [CAPTURES]] cuts captures at every offset of their last two packets, and
changes single bytes at random places (always the same ones: --seed). What can be read of each such
file is worked out by a reader of our own; flowkeep must read just as many packets, balance its
ledger, end with the right exit status, say in one line which file is damaged and where, and never
fall over. One file in five is gzip'd before a byte of it is changed.

The suite takes a few captures (--captures 20) and flips (--flips 500); --captures 0 takes all. Under
a sanitizer it takes fewer: a capture of each format, and a flip in each one of the sample.
"""
import os
import random
import re

import capfile
import suite

TIMEOUT_S = 60
CUT = 20  # captures, and
FLIPS = 500  # bytes, unless other numbers are asked for
BATCH = 60  # cut files that one run reads, as one stream
BATCH_BYTES = 200_000  # of captures whose cut versions lie on disk side by side

SANITIZER = re.compile(r"Sanitizer|runtime error:")
LOSSES = ("fragment", "truncated", "malformed", "linktype", "time")


def healthy(where, split, outcome):
    """What must hold whatever the input is. Returns whether the run left a ledger."""
    outcome.check(split.status in (0, 1, 3), "%s: exit %d: %s" % (where, split.status,
                                                                  split.stderr[-2000:]))
    outcome.check(not SANITIZER.search(split.stderr), "%s: %s" % (where, split.stderr[-4000:]))
    if split.ledger is None:
        return False
    outcome.check(split.balanced(), "%s: the ledger does not balance: %s" % (where, split.ledger))
    outcome.check(not any(split.ledger["dropped"].values()), "%s: packets dropped" % where)
    return True


def lossy(ledger):
    return any(ledger["skipped"][reason] for reason in LOSSES)


def compare(where, split, captures, outcome):
    """One run over files that are captures as our own reader sees them (None: no capture)."""
    if not healthy(where, split, outcome):
        outcome.check(split.status == 3 and not any(captures),
                      "%s: nothing was read: %s" % (where, split.stderr))
    damaged = [c for c in captures if c is None or c.damage or c.passed_over]
    lines = split.stderr.splitlines()
    # A file may end early and have had damaged blocks before: those are two things to say.
    want = sum(1 if c is None else bool(c.damage) + bool(c.passed_over) for c in captures)
    outcome.check(len(lines) == want, "%s: %d lines on stderr, expected %d: %s"
                  % (where, len(lines), want, lines[:3]))
    if split.ledger is None:
        return
    packets = sum(len(c.frames) for c in captures if c)
    outcome.check(split.ledger["packets_read"] == packets, "%s: %d packets read, %d are whole"
                  % (where, split.ledger["packets_read"], packets))
    if not any(captures):
        want = 3
    else:
        want = 1 if damaged or lossy(split.ledger) else 0
    outcome.check(split.status == want, "%s: exit %d, expected %d: %s"
                  % (where, split.status, want, split.stderr))


def parse(raw):
    try:
        return capfile.parse(raw)
    except capfile.NotACapture:
        return None


def write(folder, name, raw):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(raw)
    return path


def split(job, archive, inputs):
    return suite.Split(job.flowkeep, os.path.join(job.folder, archive), (), inputs, TIMEOUT_S)


# ---- cuts ----------------------------------------------------------------------------------------


def tail_of(raw):
    """Where the last two packets begin; None for a file that has none."""
    capture = parse(raw)
    if capture is None or not capture.record_starts:
        return None
    return capture.record_starts[-2:][0]


def cut_side_by_side(job, raw, start):
    """Many cut files in one run; where the run goes wrong, the files one by one."""
    outcome = suite.Outcome()
    lengths = list(range(start, len(raw)))
    for n, at in enumerate(range(0, len(lengths), BATCH)):
        batch = lengths[at : at + BATCH]
        paths = [write(job.folder, "cut-at-%d" % length, raw[:length]) for length in batch]
        captures = [parse(raw[:length]) for length in batch]
        together = suite.Outcome()
        where = "%s: cut at %d to %d" % (job.name, batch[0], batch[-1])
        done = split(job, "together%d" % n, paths)
        compare(where, done, captures, together)
        for path in (p for p, c in zip(paths, captures) if c is None or c.damage):
            named = [line for line in done.stderr.splitlines() if "'%s'" % path in line]
            together.check(len(named) == 1 and "offset" in named[0],
                           "%s: %s has no line that names file and offset" % (where, path))
        if together.failed:
            for path, length, capture in zip(paths, batch, captures):
                compare("%s: cut at %d" % (job.name, length), split(job, "one%d" % length, [path]),
                        [capture], together)
        for path in paths:
            os.unlink(path)
        outcome.add(together)
    return outcome


def cut_in_place(job, raw, lengths):
    """One run per cut, the longest first, each made from the one before."""
    outcome = suite.Outcome()
    path = write(job.folder, "cut", raw)
    for length in sorted(lengths, reverse=True):
        os.truncate(path, length)
        compare("%s: cut at %d" % (job.name, length), split(job, "alone%d" % length, [path]),
                [parse(raw[:length])], outcome)
    return outcome


def check_cuts(job):
    with open(job.path, "rb") as f:
        raw = f.read()
    start = tail_of(raw)
    if start is None:
        return suite.Outcome(skipped=1)
    if len(raw) > BATCH_BYTES:
        return cut_in_place(job, raw, range(start, len(raw)))
    outcome = cut_side_by_side(job, raw, start)
    ends = [frame.end for frame in capfile.parse(raw).frames[-2:]] + [start, len(raw)]
    corners = {end + step for end in ends for step in (-1, 0, 1)}
    outcome.add(cut_in_place(job, raw, [n for n in corners if start <= n <= len(raw)]))
    return outcome


def for_cutting(options):
    """Captures of all kinds, the quickest to cut of each: by format, byte order and size."""
    groups = {}
    for name in suite.manifest(options.captures):
        with open(os.path.join(options.captures, name), "rb") as f:
            raw = f.read()
        start = tail_of(raw)
        if start is not None:
            kind = raw[:4] + raw[8:12] if raw[:1] == b"\x0a" else raw[:4]
            cost = (len(raw) > BATCH_BYTES, len(raw) - start)
            groups.setdefault(kind, []).append((cost, name))
    queues = [[name for _, name in sorted(group)] for group in groups.values()]
    if options.count == 0:
        return [name for queue in queues for name in queue]
    count = options.count or suite.share(CUT, len(queues))
    picked = []
    while len(picked) < count and any(queues):
        for queue in queues:
            # Not the very shortest alone: every third, so that the suite sees real packets as well.
            picked += queue[:1]
            del queue[:3]
    return picked[:count]


# ---- flips ---------------------------------------------------------------------------------------


def is_sound_gzip(raw):
    inflated = parse(raw)
    return inflated is not None and not inflated.damage


def flip(job, number):
    """One byte of a capture changed, chosen by the number of the flip."""
    chance = random.Random("%d %d %s" % (job.options.seed, number, job.name))
    with open(job.path, "rb") as f:
        raw = f.read()
    zipped = chance.randrange(5) == 0
    if zipped:
        raw = capfile.gzipped(raw)
    # Headers are few and matter much: one flip in three is among the first bytes.
    at = chance.randrange(min(len(raw), 64) if chance.randrange(3) == 0 else len(raw))
    value = raw[at] ^ chance.randrange(1, 256)
    raw = raw[:at] + bytes((value,)) + raw[at + 1 :]
    where = "%s%s: byte %d set to 0x%02x" % (job.name, " (gzip'd)" if zipped else "", at, value)
    outcome = suite.Outcome()
    done = split(job, "flip%d" % number, [write(job.folder, "flipped", raw)])
    if zipped and raw[:2] == b"\x1f\x8b" and not is_sound_gzip(raw):
        compare_broken_gzip(where, done, outcome)
    else:
        compare(where, done, [parse(raw)], outcome)
    return outcome


def compare_broken_gzip(where, done, outcome):
    """How much comes out of a damaged deflate stream, and what, before it shows: nobody can say."""
    healthy(where, done, outcome)
    outcome.check(done.status in (1, 3) and len(done.stderr.splitlines()) in (1, 2),
                  "%s: exit %d: %s" % (where, done.status, done.stderr))


def check_flips(job):
    outcome = suite.Outcome()
    for number in job.options.flips_of[job.name]:
        outcome.add(flip(job, number))
    return outcome


def deal_flips(options):
    """Numbers of flips by capture: all of the sample in turn, those of more than 1 MB left out."""
    names = [name for name in suite.sample(options)
             if 0 < os.path.getsize(os.path.join(options.captures, name)) <= 1 << 20]
    dealt = {}
    flips = suite.share(FLIPS, len(names)) if options.flips is None else options.flips
    for number in range(flips):
        dealt.setdefault(names[number % len(names)], []).append(number)
    return dealt


def main():
    options = suite.arguments(__doc__, [
        (("--captures",), {"dest": "count", "type": int, "metavar": "N",
                           "help": "captures to cut (default %d; 0: all)" % CUT}),
        (("--flips",), {"type": int, "metavar": "N",
                        "help": "bytes to change, one at a time (default %d)" % FLIPS}),
        (("--seed",), {"type": int, "default": 1, "help": "another seed, other bytes"})])
    suite.need(options)
    options.flips_of = deal_flips(options)
    total = suite.run(check_cuts, options, for_cutting(options))
    total.add(suite.run(check_flips, options, list(options.flips_of)))
    suite.finish(total)


if __name__ == "__main__":
    main()
