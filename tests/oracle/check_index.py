#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The index holds nothing that cannot be had from the files: verify agrees, reindex gives it again.

check_index.py [FLOWKEEP [CAPTURES]] splits every capture in several ways (as it is; cut so short that
headers are cut too; ended by every pause, so that flows come in parts; limited, with VLANs in the
key), asks `flowkeep verify` whether the archive is sound, and compares all rows with those that
`flowkeep reindex` makes of the files alone.
"""
import subprocess

import archive
import suite

WAYS = {
    "plain": (),
    "cut": ("--protocols", "all", "--snaplen", "64"),
    "parts": ("--protocols", "all", "--idle-timeout", "1ms", "--linger", "1ms"),
    "limits": ("--vlan-key", "--max-bytes", "1000", "--max-duration", "100ms"),
}


def run(job, command, root):
    return subprocess.run([job.flowkeep, command, "-q", "-d", root], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=suite.TIMEOUT_S, check=False,
                          env=suite.clean_environment())


def differences(before, after):
    """Of the first row that differs: what was said, and what the files say."""
    made_anew = {(r["uuid"], r["part"]): r for r in after}
    for row in before:
        other = made_anew.pop((row["uuid"], row["part"]), None)
        if other is None:
            return "%s part %d is gone" % (row["uuid"], row["part"])
        if other != row:
            return "%s part %d: %s" % (row["uuid"], row["part"], ", ".join(
                "%s %s, from the file %s" % (k, row[k], other[k])
                for k in row if row[k] != other[k]))
    return "new rows: %s" % list(made_anew)[:3]


def check(job):
    outcome = suite.Outcome()
    for way, options in WAYS.items():
        where = "%s (%s)" % (job.name, way)
        split = job.split(way, *options)
        if split.refused:
            outcome.skipped += 1
            continue
        before = archive.index_rows(split.archive)
        for command in ("verify", "reindex"):
            done = run(job, command, split.archive)
            said = (done.stdout + done.stderr).decode(errors="replace")
            outcome.check(done.returncode == 0 and not said, "%s: %s: exit %d: %s"
                          % (where, command, done.returncode, said[:300].strip()))
        after = archive.index_rows(split.archive)
        outcome.check(before == after, "%s: reindex: %s" % (where, differences(before, after)))
    return outcome


def main():
    options = suite.arguments(__doc__)
    suite.need(options)
    suite.finish(suite.run(check, options))


if __name__ == "__main__":
    main()
