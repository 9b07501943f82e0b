#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""No packet lost, none twice, none altered: files and ledger against the input, frame by frame.

check_packets.py [FLOWKEEP [CAPTURES]] reads every capture with a reader of its own, and asks tshark
what each frame carries. Then it splits the capture, once for TCP and once with --protocols all, and
compares: the packets of all flow files together must be the TCP (IP) packets of the input, with the
same bytes, lengths and times; and the ledger must count the others, each under its reason. Every
frame that is skipped though it may have been wanted (truncated, malformed, linktype, time) stands in
frames.tsv with that reason; a line there without need is a failure.
"""
import collections
import os

import archive
import capfile
import dissect
import suite
import truth

LONG = ("--idle-timeout", "10000h", "--linger", "10000h")


def numbers(text):
    """"3,7-9" to 3, 7, 8, 9."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def ranges(frames):
    """The inverse of numbers()."""
    runs = []
    for n in sorted(frames):
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join("%d" % a if a == b else "%d-%d" % (a, b) for a, b in runs)


def listed(name, protocols):
    """Frame number to place, from frames.tsv."""
    found = {}
    for row in suite.table("frames.tsv"):
        if row["capture"] == name and row["protocols"] in ("any", protocols):
            for n in numbers(row["frames"]):
                found[n] = row["place"]
    return found


def later_fragments(dissections):
    """Frames that are fragments without ports; True for those whose first fragment is there."""
    firsts = {d.datagram for d in dissections.values() if d.is_fragment and d.offset == 0}
    return {d.number: d.datagram in firsts
            for d in dissections.values() if d.is_fragment and d.offset > 0}


class Seen:
    """What tshark sees in a capture: the oracle's tables, and what they do not tell."""

    def __init__(self, job, capture):
        self.truth = {t.number: t for t in truth.frames(job.captures, job.name)}
        self.dissections, self.later = {}, {}
        if not all(f.number in self.truth and self.truth[f.number].is_tcp for f in capture.frames):
            self.dissections = dissect.dissect(job.path, capture, job.folder)
            self.later = later_fragments(self.dissections)


class Expectation:
    """For each frame of a capture the one place where it must end: archived, or a reason."""

    def __init__(self, name, capture, seen, protocols):
        self.name = name
        self.protocols = protocols
        self.listed = listed(name, protocols)
        self.truth, self.dissections, self.later = seen.truth, seen.dissections, seen.later
        self.place = {frame.number: self._place(frame) for frame in capture.frames}

    def _place(self, frame):
        if frame.number in self.listed:
            return self.listed[frame.number]
        return self._place_by_tshark(frame)

    def _place_by_tshark(self, frame):
        seen = self.truth.get(frame.number)
        if seen and seen.is_tcp:
            return "archived"
        if seen and seen.fragment_of == "?":
            return "fragment"
        dissection = self.dissections.get(frame.number)
        if dissection is None or not dissection.network:
            return "not_ip"
        if self.protocols == "tcp":
            return "not_tcp"
        return "fragment" if self.later.get(frame.number) is False else "archived"

    def counts(self):
        return collections.Counter(self.place.values())

    def frames_in(self, place):
        return [n for n, found in self.place.items() if found == place]

    def check_list(self, capture, outcome):
        """What is listed must be needed, and nothing that tshark reads well may be listed."""
        frames = {frame.number: frame for frame in capture.frames}
        for n, place in self.listed.items():
            where = "%s: frames.tsv: frame %d (%s)" % (self.name, n, place)
            if outcome.check(n in frames, where + " is not in the capture"):
                outcome.check(self._place_by_tshark(frames[n]) != place, where + " is not needed")
                seen = self.truth.get(n)
                outcome.check(not (seen and seen.strict), where + ": tshark reads its TCP ports")


def compare_packets(name, capture, expectation, split, outcome):
    have = collections.Counter()
    for file in archive.flow_files(split.archive):
        have.update(file.packets)
    want = collections.Counter(f.key() for f in capture.frames
                               if expectation.place[f.number] == "archived")
    frames = {f.key(): f.number for f in capture.frames}
    where = "%s (--protocols %s)" % (name, expectation.protocols)
    missing = [frames[key] for key in want - have]
    extra = [frames.get(key) for key in have - want]
    outcome.check(not missing, "%s: not in any file: frames %s" % (where, ranges(missing)))
    outcome.check(None not in extra, "%s: packets that the input does not have" % where)
    outcome.check(not [n for n in extra if n], "%s: in a file, but should be skipped, or there "
                  "twice: frames %s" % (where, ranges(n for n in extra if n)))


def compare_ledger(name, capture, expectation, split, outcome):
    where = "%s (--protocols %s)" % (name, expectation.protocols)
    want = expectation.counts()
    have = collections.Counter(split.skipped())
    have["archived"] = split.ledger["packets_archived"]
    for place in sorted(set(want) | set(have)):
        outcome.check(want[place] == have[place],
                      "%s: %s: the ledger says %d, expected are %d: frames %s"
                      % (where, place, have[place], want[place],
                         ranges(expectation.frames_in(place))))
    paths = archive.paths(split.archive)
    sums = {
        "packets_read": len(capture.frames),
        "bytes_read": sum(f.caplen for f in capture.frames),
        "bytes_archived": sum(f.caplen for f in capture.frames
                              if expectation.place[f.number] == "archived"),
        "files": len(paths),
        "bytes_written": sum(os.path.getsize(path) for path in paths),
    }
    for key, value in sums.items():
        outcome.check(split.ledger[key] == value, "%s: %s: the ledger says %d, it is %d"
                      % (where, key, split.ledger[key], value))
    outcome.check(not any(split.ledger["dropped"].values()), "%s: packets dropped" % where)


# What asks for exit status 1.
LOSSES = ("fragment", "truncated", "malformed", "linktype", "time")


def compare_status(name, capture, expectation, split, outcome):
    lossy = any(expectation.counts()[reason] for reason in LOSSES)
    want = 1 if lossy or capture.damage or capture.passed_over else 0
    outcome.check(split.status == want, "%s (--protocols %s): exit %d, expected %d: %s" % (
        name, expectation.protocols, split.status, want, split.stderr.strip()))
    complains = 1 if capture.damage or capture.passed_over else 0
    outcome.check(len(split.stderr.splitlines()) == complains,
                  "%s: %d lines on stderr expected: %r" % (name, complains, split.stderr))


def check(job):
    outcome = suite.Outcome()
    try:
        capture = capfile.read(job.path)
    except capfile.NotACapture as why:
        split = job.split("refused")
        outcome.check(split.refused, "%s: not refused, but it is no capture: %s" % (job.name, why))
        return outcome
    seen = Seen(job, capture)
    for protocols in ("tcp", "all"):
        split = job.split(protocols, "--protocols", protocols, *LONG)
        if not outcome.check(split.ledger is not None, "%s: refused: %s"
                             % (job.name, split.stderr.strip())):
            continue
        expectation = Expectation(job.name, capture, seen, protocols)
        expectation.check_list(capture, outcome)
        compare_packets(job.name, capture, expectation, split, outcome)
        compare_ledger(job.name, capture, expectation, split, outcome)
        compare_status(job.name, capture, expectation, split, outcome)
        if job.options.names:
            for place in sorted(expectation.counts()):
                outcome.lines.append("%s (--protocols %s): %s: frames %s" % (
                    job.name, protocols, place, ranges(expectation.frames_in(place))))
    return outcome


def main():
    names = (("--names",), {"action": "store_true", "help": "also name every frame's place"})
    options = suite.arguments(__doc__, [names])
    suite.need(options, "tshark")
    suite.finish(suite.run(check, options))


if __name__ == "__main__":
    main()
