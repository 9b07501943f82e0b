# SPDX-License-Identifier: BSD-2-Clause
"""Asks an archive for its flows again and again while others change it, and believes nothing.

    readers.py --archive DIR --stop FILE [--mortal-before NANOSECONDS] [--seed N] PROGRAM [PREFIX...]

Every flow that was found once must be found again, with no less packets; what is fetched must be a
whole pcap with no less packets than find said just before and no more than it says just after. Flows
that began before --mortal-before may go, and must then be said to be not found. Not a word may come on
the standard error else. Ends when FILE is there; prints what was done, exit status 1 if anything was
wrong.
"""
import argparse
import datetime
import io
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "net"))
from frames import read_pcap  # noqa: E402

EPOCH = datetime.datetime(1970, 1, 1)
FAULTS_MAX = 20


class Reader:
    def __init__(self, options):
        self.command = options.prefix + [options.program]
        self.archive, self.mortal_before = options.archive, options.mortal_before
        self.rng = random.Random(options.seed)
        self.seen = {}  # (uuid, ends) -> packets
        self.mortal = set()
        self.faults, self.finds, self.fetches, self.gone = [], 0, 0, 0

    def fault(self, words):
        self.faults.append(words)

    def run(self, *arguments):
        done = subprocess.run(self.command + list(arguments), stdin=subprocess.DEVNULL, capture_output=True)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def find(self, *words):
        """{(uuid, ends): packets} of the flows that match; faults are noted."""
        status, out, err = self.run("find", "-d", self.archive, "--format", "json", *words)
        self.finds += 1
        none = status == 1 and not out and err == "flowkeep: find: no such flow\n"
        if not none and (status != 0 or err):
            self.fault(f"find {' '.join(words)}: status {status}: {err[:300]}")
        flows = {}
        for line in out.decode().splitlines():
            flow = json.loads(line)
            name = (flow["uuid"], flow["client_ip"], flow["client_port"], flow["server_ip"], flow["server_port"])
            if name in flows:
                self.fault(f"find {' '.join(words)}: {name} is there twice")
            flows[name] = flow["packets"]
            start = datetime.datetime.strptime(flow["start"][:19], "%Y-%m-%dT%H:%M:%S")
            if (start - EPOCH).total_seconds() * 1_000_000_000 < self.mortal_before:
                self.mortal.add(name)
        return flows

    def look(self):
        """All flows: none that was seen is missing."""
        flows = self.find()
        for name, packets in self.seen.items():
            if name not in flows and name not in self.mortal:
                self.fault(f"find: {name}, which was there, is not found any more")
            elif name in flows and flows[name] < packets:
                self.fault(f"find: {name} had {packets} packets, and has {flows[name]}")
        new = [name for name in flows if name not in self.seen]
        # What goes is not forgotten: what is missing now and there again was hidden.
        self.seen.update(flows)
        return flows, new

    def fetch(self, name):
        uuid = name[0]
        before = self.find("uuid", uuid).get(name)
        status, out, err = self.run("fetch", "-q", "-d", self.archive, uuid)
        after = self.find("uuid", uuid).get(name)
        self.fetches += 1
        if status == 1 and not out and "not found" in err and name in self.mortal and after is None:
            self.gone += 1
            return
        if status != 0 or err:
            self.fault(f"fetch {uuid}: status {status}, found before: {before}, after: {after}: {err[:300]}")
            return
        packets = sum(1 for _ in read_pcap(io.BytesIO(out)))
        if name in self.mortal and (before is None or after is None):
            before, after = before or 0, after or packets
        if before is None or after is None or not before <= packets <= after:
            self.fault(f"fetch {uuid}: {packets} packets; find said {before} before, {after} after")

    def round(self):
        flows, new = self.look()
        mortal = [name for name in flows if name in self.mortal]
        for names, count in (new, 6), (mortal, 4), (list(flows), 4):
            for name in self.rng.sample(names, min(count, len(names))):
                self.fetch(name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--archive", required=True)
    parser.add_argument("--stop", required=True)
    parser.add_argument("--mortal-before", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("program")
    parser.add_argument("prefix", nargs="*", help="what runs the program, as another user")
    options = parser.parse_args()
    reader, last = Reader(options), False
    while len(reader.faults) < FAULTS_MAX and not last:
        last = os.path.exists(options.stop)  # one more round, of what is there in the end
        reader.round()
    for fault in reader.faults[:FAULTS_MAX]:
        print(fault)
    print(f"{reader.finds} times find, {reader.fetches} times fetch, {len(reader.seen)} flows seen, {reader.gone} gone")
    return 1 if reader.faults else 0


if __name__ == "__main__":
    sys.exit(main())
