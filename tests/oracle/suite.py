# SPDX-License-Identifier: BSD-2-Clause
"""What the checks against outside programs share: arguments, the set of captures, two workers, the
count at the end.

Where the program is built with a sanitizer, which makes it slow, the checks take a sample of the
set; --only looks at all captures that it names.

A check is a function of one Job that returns an Outcome. Exit status: 0 all passed, 1 differences,
77 the captures or a program are not there (automake's word for "skipped").
"""
import argparse
import csv
import fnmatch
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 120  # far beyond what any capture of the set takes, also under a sanitizer
SKIPPED = 77
SANITIZED = bool(os.environ.get("FLOWKEEP_SANITIZED"))  # whether the program is; by the Makefile
SAMPLE = 6  # one in so many


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lines: list = field(default_factory=list)

    def check(self, good, line):
        """Counts one comparison; the line says what differs."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.lines.append(line)
        return good

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.lines += other.lines


@dataclass
class Job:
    """One capture, a folder of its own to work in, and the program under test."""

    flowkeep: str
    captures: str
    name: str  # within the set
    folder: str
    options: argparse.Namespace

    @property
    def path(self):
        return os.path.join(self.captures, self.name)

    def split(self, archive, *options, inputs=None):
        return Split(self.flowkeep, os.path.join(self.folder, archive), options,
                     inputs or [self.path])


class Split:
    """One run of `flowkeep split --json`, and what it said."""

    def __init__(self, flowkeep, archive, options, inputs, timeout=TIMEOUT_S):
        command = [flowkeep, "split", "-d", archive, "--json", "--quiet", "--sync", "none"]
        command += ["--savers", "1", *options, "--", *inputs]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, check=False, env=clean_environment())
        self.archive = archive
        self.status = done.returncode
        self.stderr = done.stderr.decode(errors="replace")
        self.ledger = json.loads(done.stdout) if done.stdout else None

    @property
    def refused(self):
        """Not an input that flowkeep reads at all."""
        return self.status == 3

    def skipped(self):
        return {k: n for k, n in self.ledger["skipped"].items() if n}

    def balanced(self):
        led = self.ledger
        return led["packets_read"] == (led["packets_archived"] + sum(led["skipped"].values())
                                       + sum(led["dropped"].values()))


def clean_environment():
    """Ours without FLOWKEEP_ options, which would change what is tested."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith("FLOWKEEP_") or k == "FLOWKEEP_SANITIZED"}


def _rows(captures):
    with open(os.path.join(captures, "MANIFEST.tsv"), encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def manifest(captures):
    return [row["file"] for row in _rows(captures)]


def _kinds(row):
    return {("folder", os.path.dirname(row["file"])), ("link type", row["linktype"]),
            ("format", row["format"], row["endian"], row["tsres"])}


def sample(options):
    """All captures; under a sanitizer every sixth by size, and the smallest of each folder, link
    type and format, unless some were asked for."""
    if not SANITIZED or options.only != "*":
        return manifest(options.captures)
    rows = sorted(_rows(options.captures), key=lambda row: (int(row["size"]), row["file"]))
    seen, names = set(), []
    for n, row in enumerate(rows):
        if n % SAMPLE == 0 or _kinds(row) - seen:
            names.append(row["file"])
        seen |= _kinds(row)
    return sorted(names)


def share(full, least):
    """So many cases; under a sanitizer a sixth of them, but the least that takes every kind."""
    return min(full, max(full // SAMPLE, least)) if SANITIZED else full


def arguments(text, extra=()):
    """Arguments that all checks take, and those of one."""
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    parser.add_argument("flowkeep", nargs="?", default=os.environ.get("FLOWKEEP"),
                        help="the program (default: $FLOWKEEP)")
    parser.add_argument("captures", nargs="?", default=os.environ.get("FLOWKEEP_CAPTURES"),
                        help="the folder of captures (default: $FLOWKEEP_CAPTURES)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="captures to look at")
    parser.add_argument("--jobs", type=int, default=2, help="captures at a time (default 2)")
    for names, settings in extra:
        parser.add_argument(*names, **settings)
    options = parser.parse_args()
    if not options.flowkeep:
        parser.error("no program: give it, or set FLOWKEEP")
    options.flowkeep = os.path.abspath(options.flowkeep)
    return options


def need(options, *programs):
    """Ends the test as skipped, and says why, where something that it needs is not there."""
    if not options.captures or not os.path.exists(os.path.join(options.captures, "MANIFEST.tsv")):
        skip("FLOWKEEP_CAPTURES does not name the folder of captures")
    for program in programs:
        if shutil.which(program) is None:
            skip("%s is not installed" % program)


def skip(why):
    print("skipped: %s" % why)
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(SKIPPED)


def _work(task):
    check, job = task
    try:
        return check(job)
    except subprocess.TimeoutExpired as error:
        why = "no end within %d s" % error.timeout
    except Exception as error:  # pylint: disable=broad-except
        place = traceback.extract_tb(error.__traceback__)[-1]
        why = "the check itself failed: %r (%s, line %d)" % (error, place.filename, place.lineno)
    finally:
        shutil.rmtree(job.folder, ignore_errors=True)
    return Outcome(failed=1, lines=["%s: %s" % (job.name, why)])


def run(check, options, names=None):
    """Runs check over the captures of the sample, or those named, two at a time. Returns the sum of
    all outcomes."""
    total = Outcome()
    with tempfile.TemporaryDirectory(prefix="flowkeep-oracle.") as top:
        tasks = []
        for n, name in enumerate(sample(options) if names is None else names):
            if fnmatch.fnmatch(name, options.only):
                folder = os.path.join(top, str(n))
                os.mkdir(folder)
                tasks.append((check, Job(options.flowkeep, options.captures, name, folder,
                                         options)))
        # The largest first: the last worker to finish then finishes soon.
        tasks.sort(key=lambda task: -os.path.getsize(task[1].path))
        with multiprocessing.Pool(options.jobs) as pool:
            for outcome in pool.imap_unordered(_work, tasks):
                total.add(outcome)
    total.lines.sort()
    return total


def finish(total):
    """A line per difference, then the sum, and the exit status."""
    for line in total.lines:
        print(line)
    print("%d passed, %d failed, %d skipped" % (total.passed, total.failed, total.skipped))
    sys.exit(1 if total.failed or not total.passed else 0)


def table(name):
    """Rows of a tab-separated file beside this one; lines that begin with # are comments."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        lines = [line for line in f if line.strip() and not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
