#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows as tshark tells them apart: the same ends, packets, bytes and times, one flow for each.

check_flows.py [FLOWKEEP [CAPTURES]] splits every capture with limits of time so long that only the
packets end a flow, and compares each flow with tshark's view: the packets whose first IP header
carries TCP, by 4-tuple, divided where tshark starts a new tcp.stream. flowkeep's side is read twice,
from the files and from the index. Where the two differ on purpose, differences.tsv says why; what
it says without need is a failure too.
"""
import collections
import ipaddress

import archive
import suite
import truth

LONG = ("--idle-timeout", "10000h", "--linger", "10000h")


def ordered(one, other):
    """Two ends, the lower one first, as the oracle orders them: by address, then by port."""
    return tuple(sorted((one, other),
                        key=lambda end: (ipaddress.ip_address(end[0]).packed, end[1])))


def row_facts(row):
    return (ordered((row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])),
            row["client_packets"] + row["server_packets"], row["captured_bytes"],
            row["client_bytes"] + row["server_bytes"], row["start_ns"], row["end_ns"])


def file_facts(file, ends):
    packets = file.packets
    return (ends, len(packets), sum(p[1] for p in packets), sum(p[2] for p in packets),
            packets[0][0], packets[-1][0])


def words(facts):
    (a, b), packets, captured, original, first, last = facts
    return "%s %d, %s %d: %d packets, %d of %d bytes, %d to %d" % (
        *a, *b, packets, captured, original, first, last)


def tuple_words(ends):
    return "%s %d %s %d" % (*ends[0], *ends[1])


def allowed(capture):
    """Tuples of a capture that may differ, and why."""
    return {row["flow"]: row["reason"] for row in suite.table("differences.tsv")
            if row["capture"] == capture}


def by_tuple(all_facts):
    found = collections.defaultdict(collections.Counter)
    for facts in all_facts:
        found[tuple_words(facts[0])][facts] += 1
    return found


def compare_files_and_index(job, split, outcome):
    """The facts of all flows; they must be the same whether read from files or from the index."""
    rows = {(r["uuid"], r["part"]): r for r in archive.index_rows(split.archive)}
    files = {(f.uuid, f.part): f for f in archive.flow_files(split.archive)}
    outcome.check(set(rows) == set(files), "%s: files and index rows name different flows: %s"
                  % (job.name, sorted(set(rows) ^ set(files))[:3]))
    outcome.check(all(part == 0 for _, part in files), "%s: a flow in parts" % job.name)
    facts = []
    for name in sorted(set(rows) & set(files)):
        from_row = row_facts(rows[name])
        from_file = file_facts(files[name], from_row[0])
        outcome.check(from_row == from_file, "%s: flow %s: the index says %s; the file %s"
                      % (job.name, name[0], words(from_row), words(from_file)))
        facts.append(from_file)
    return facts


def compare_with_tshark(job, facts, outcome):
    want = by_tuple(flow.facts() for flow in truth.flows(job.captures, job.name))
    have = by_tuple(facts)
    excused = allowed(job.name)
    for ends in sorted(set(want) | set(have) | set(excused)):
        same = want[ends] == have[ends]
        if ends in excused:
            outcome.check(not same, "%s: %s: is in differences.tsv, but does not differ"
                          % (job.name, ends))
            continue
        lines = ["%s: tshark only: %s" % (job.name, words(f)) for f in want[ends] - have[ends]]
        lines += ["%s: flowkeep only: %s" % (job.name, words(f)) for f in have[ends] - want[ends]]
        outcome.check(same, "\n".join(lines))


def check(job):
    outcome = suite.Outcome()
    split = job.split("archive", *LONG)
    if split.refused:
        outcome.check(not truth.flows(job.captures, job.name) or job.name in REFUSED,
                      "%s: refused, though tshark reads it: %s" % (job.name, split.stderr.strip()))
        return outcome
    outcome.check(split.status in (0, 1) and split.balanced(),
                  "%s: exit %d, ledger %s" % (job.name, split.status, split.ledger))
    facts = compare_files_and_index(job, split, outcome)
    outcome.check(len(facts) == split.ledger["flows"], "%s: the ledger says %d flows, there are %d"
                  % (job.name, split.ledger["flows"], len(facts)))
    compare_with_tshark(job, facts, outcome)
    return outcome


# Formats that are no pcap or pcapng, which tshark reads and flowkeep refuses by name.
REFUSED = ("container/dnscap__dns.pcap.lz4", "container/libtrace__100_packets.erf",
           "container/pcapplusplus__solaris.snoop")


def main():
    options = suite.arguments(__doc__)
    suite.need(options)
    suite.finish(suite.run(check, options))


if __name__ == "__main__":
    main()
