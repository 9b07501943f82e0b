# SPDX-License-Identifier: BSD-2-Clause
"""Has the system calls of a command fail, one after the other, and looks at what it says and leaves.

    faults.py --name NAME --kind grow|same|prune|pin [options] -- COMMAND...
    faults.py --table FILE

In COMMAND, {} stands for the archive, which is made from --base anew for every fault. Each fault is
an error of one call (or of all from there on), which failat or failmem brings about. Then

    - the command ends by itself, not by a signal, with a status that its manual tells; where that is
      not 0 it says why, and where it is 0 the archive is what it is without a fault;
    - its ledger balances, and there are as many packets in the archive as it says are archived;
    - what is published is whole; no flow has a packet that is not its own, and none
      is there twice but where what is there already could not be looked at;
    - the same command again, without a fault, succeeds; then every flow is there with all its
      packets, nothing is left over, and verify finds nothing wrong.

What a signal may interrupt and what may be done in part must make no difference at all.

    grow    the command adds flows, and prints its ledger
    same    the command changes where flows lie, but neither flows nor packets
    prune   the command removes flows
    pin     as same; DIR/pinned is looked at as well

Prints what is wrong, and a line with figures; exits 1 if anything is wrong. What each fault came to
goes to --results, of which --table makes a table.
"""

import argparse
import collections
import concurrent.futures
import gzip
import io
import json
import os
import queue
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import threading

PART = re.compile(r"^([A-Za-z0-9_-][A-Za-z0-9._-]*?)(~[1-9][0-9]*)?\.pcap\.gz$")
SEGMENT = re.compile(r"^flows-[1-9][0-9]*\.tar$")
SAID = re.compile(r"^flowkeep: ([a-z]+): (error|warning): .+$", re.M)
INDEX = re.compile(r"^flows\.sqlite(-(names|wal|shm|journal))?$")

# What can go wrong with each kind of call: full, over quota, broken, no descriptors, gone read-only.
ERRORS = {
    "open": ("ENOSPC", "EIO", "EMFILE", "ENFILE", "EDQUOT", "EACCES"),
    "read": ("EIO", "EINTR", "short"),
    "write": ("ENOSPC", "EIO", "EDQUOT", "torn", "EINTR", "short"),
    "copy": ("ENOSPC", "EIO", "EDQUOT", "short"),
    "sync": ("EIO", "ENOSPC", "EDQUOT"),
    "truncate": ("EIO", "ENOSPC"),
    "allocate": ("ENOSPC", "EIO", "EDQUOT"),
    "link": ("ENOSPC", "EIO", "EDQUOT", "EMLINK"),
    "rename": ("ENOSPC", "EIO", "EDQUOT", "EINVAL"),
    "unlink": ("EIO", "EROFS"),
    "mkdir": ("ENOSPC", "EIO", "EDQUOT"),
    "list": ("EIO", "ENOMEM"),
    "stat": ("EIO", "ENOMEM"),
    "statfs": ("EIO",),
    "mode": ("EIO", "EPERM"),
    "lock": ("EAGAIN", "EIO", "ENOLCK"),
    "map": ("ENOMEM",),
    "close": ("EIO", "ENOSPC"),
    "thread": ("EAGAIN",),
    "event": ("EMFILE", "ENFILE", "ENOMEM"),
    "memory": ("ENOMEM",),
}
# What may be so from some moment on; at so many moments.
STAYS = {
    "open": ("EMFILE", "EIO"),
    "read": ("EIO",),
    "write": ("ENOSPC", "EIO", "torn"),
    "sync": ("EIO",),
    "truncate": ("EIO",),
    "link": ("ENOSPC",),
    "rename": ("ENOSPC", "EINVAL"),
    "unlink": ("EROFS",),
    "mkdir": ("ENOSPC",),
    "list": ("EIO",),
    "stat": ("EIO",),
    "statfs": ("EIO",),
    "mode": ("EPERM",),
    "close": ("EIO",),
    "memory": ("ENOMEM",),
}
NO_HARM = ("EINTR", "short")

# A call that does half of it, and then one that fails for want of room: so a disk runs full.
TORN = "torn"

Fault = collections.namedtuple("Fault", "call error at on")
Seen = collections.namedtuple("Seen", "flows packets names problems")
lock = threading.Lock()


# ---- what lies in an archive ---------------------------------------------------------------------

parts_seen = {}


def packets_of(data):
    """The packets of a flow file: a Counter of their hashes. ValueError: it is not whole."""
    known = parts_seen.get(hash(data))
    if known is not None:
        return known
    try:
        plain = gzip.decompress(data)
    except (OSError, EOFError) as e:
        raise ValueError(str(e)) from None
    found, at = collections.Counter(), 24
    while at < len(plain):
        if at + 16 > len(plain):
            raise ValueError("a packet's header is cut")
        size = struct.unpack_from("<I", plain, at + 8)[0]
        if at + 16 + size > len(plain):
            raise ValueError("a packet is cut")
        found[hash(plain[at : at + 16 + size])] += 1
        at += 16 + size
    parts_seen[hash(data)] = found
    return found


def members(data):
    """Names and bytes of a segment, up to its last whole member."""
    try:
        tar = tarfile.open(fileobj=io.BytesIO(data), mode="r:")
        while (m := tar.next()) is not None:
            if m.offset_data + m.size > len(data):
                return
            yield m.name, data[m.offset_data : m.offset_data + m.size]
    except (tarfile.TarError, EOFError):
        return


def day_dirs(archive):
    for root, dirs, _ in os.walk(archive):
        dirs[:] = sorted(d for d in dirs if not d.startswith(".") and d not in ("damaged", "pinned"))
        if re.search(r"/[0-9]{4}/[0-9]{2}/[0-9]{2}$", root):
            yield root


def look(archive):
    """What is published, by our own reading. A part that lies there twice, on its way, is one."""
    flows, names, problems, total = collections.defaultdict(collections.Counter), collections.Counter(), [], 0
    there = set()
    for day in day_dirs(archive):
        inside = []
        for name in os.listdir(day):
            if PART.match(name) or SEGMENT.match(name):
                with open(os.path.join(day, name), "rb") as f:
                    data = f.read()
                inside += [(name, data)] if PART.match(name) else members(data)
        for name, data in inside:
            m = PART.match(name)
            if m is None:
                problems.append(f"a member called '{name}'")
                continue
            try:
                packets = packets_of(data)
            except ValueError as e:
                problems.append(f"{name} is published, and not whole: {e}")
                continue
            part = f"{os.path.relpath(day, archive)}/{name}"
            names[part] += 1
            if (part, hash(data)) in there:
                continue
            there.add((part, hash(data)))
            flows[m[1]] += packets
            total += sum(packets.values())
    return Seen(flows, total, names, problems)


def left_over(archive, pinned):
    """
    What nobody needs when all is done. An index that could not be put to rest keeps its log until
    its next writer comes, which costs readers nothing.
    """
    for day in day_dirs(archive):
        for name in os.listdir(day):
            if not PART.match(name) and not SEGMENT.match(name) and not INDEX.match(name):
                yield f"{day[-10:]}/{name}"
    for name in (".staging", ".trash"):
        path = os.path.join(archive, name)
        if os.path.isdir(path):
            yield from (f"{name}/{n}" for n in os.listdir(path))
    dirty = os.path.join(archive, ".dirty")
    if os.path.exists(dirty):
        with open(dirty) as f: # a day that is gone is struck by the next writer
            yield from (f".dirty: {line.strip()}" for line in f if os.path.isdir(f"{archive}/{line.split()[0]}"))
    for name in os.listdir(archive):
        if name not in (".lock", ".staging", ".dirty", ".trash", ".reserve", "damaged", "pinned") and not re.fullmatch("[0-9]{4}", name):
            yield name
    if pinned and os.path.isdir(archive + "/pinned"):
        yield from ("pinned/" + n for n in left_over(archive + "/pinned", False))


# ---- one fault -----------------------------------------------------------------------------------


class Run:
    """A command that has ended, or was ended after too long a time."""

    def __init__(self, words, archive, timeout, environment=None):
        self.words = [w.replace("{}", archive) for w in words]
        p = subprocess.Popen(
            self.words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        try:
            out, err = p.communicate(timeout=timeout)
            self.hangs = False
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            self.hangs = True
        self.status = p.returncode
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")

    def problems(self):
        if self.hangs:
            yield "it hangs"
        elif self.status < 0 or self.status >= 125:
            n = -self.status if self.status < 0 else self.status - 128
            yield f"ended by {signal.Signals(n).name if n > 0 else f'status {self.status}'}"
        if "Sanitizer" in self.err or "runtime error:" in self.err:
            yield f"sanitizer: {self.err[:3000]}"


def moment(draw, count, i, n):
    """One of the calls of the i-th of n stretches of a run."""
    low, high = count * i // n, count * (i + 1) // n
    return 1 + (draw.randrange(low, high) if high > low else low)


class Campaign:
    def __init__(self, options):
        self.o = options
        self.flowkeep = options.command[0]
        self.problems = 0
        self.outcomes = collections.Counter()
        self.rooms = queue.Queue()
        for i in range(options.jobs):
            self.rooms.put(os.path.abspath(f"room.{i}"))

    def anew(self, archive):
        shutil.rmtree(archive, ignore_errors=True)
        if self.o.base:
            shutil.copytree(self.o.base, archive, symlinks=True)

    def under(self, archive):
        return self.o.under or archive

    def count(self):
        """What there is before and afterwards, and how many calls of each kind it takes."""
        archive = os.path.abspath("room.0")
        self.anew(archive)
        self.first = look(archive)
        words = [self.o.failat, "--count", "--under", self.under(archive), "-o", "counted", "--"]
        run = Run(words + self.o.command, archive, self.o.timeout)
        if run.status != 0:
            sys.exit(f"{self.o.name}: without a fault: exit status {run.status}: {run.err[:2000]}")
        with open("counted") as f:
            self.counts = {k: int(n) for k, n in (line.split() for line in f)}
        self.want = look(archive)
        self.want_pinned = look(archive + "/pinned") if self.o.kind == "pin" else None
        if self.o.failmem and not self.o.under:
            self.anew(archive)
            run = self.run_with_memory({"FAILMEM_OUT": os.path.abspath("counted")}, archive)
            if run.status == 0 and os.path.exists("counted"):
                self.counts["memory"] = int(open("counted").read())

    def run_with_memory(self, settings, archive):
        asan = os.environ.get("ASAN_OPTIONS", "")
        settings = {
            **settings,
            "LD_PRELOAD": self.o.failmem,
            "ASAN_OPTIONS": f"{asan}{':' if asan else ''}verify_asan_link_order=0:detect_leaks=1",
        }
        return Run(self.o.command, archive, self.o.timeout, settings)

    def faults(self):
        """All moments for each error where there are few; else some all over the run, the errors by turns."""
        for call, count in self.counts.items():
            if self.o.calls and call not in self.o.calls:
                continue
            draw = random.Random(f"{self.o.name} {call}")
            for on, table, most in ((False, ERRORS, self.o.each), (True, STAYS, max(1, self.o.each // 3))):
                names = table.get(call, ())
                most *= 3 if call == "memory" else 1
                if self.o.all or count * len(names) <= most:
                    n = min(self.o.all or count, count)
                    moments = [(e, 1 + count * i // n) for e in names for i in range(n)]
                else:
                    n, turn = most, draw.randrange(len(names))
                    moments = [(names[(turn + i) % len(names)], moment(draw, count, i, n)) for i in range(n)]
                yield from (Fault(call, e, at, on) for e, at in sorted(set(moments)))

    def run_fault(self, fault, archive, note):
        if fault.call == "memory":
            settings = {"FAILMEM_AT": str(fault.at), **({"FAILMEM_ON": "1"} if fault.on else {})}
            return self.run_with_memory(settings, archive)
        words = [self.o.failat, "--call", fault.call, "--at", str(fault.at)]
        words += ["--torn", "--error", "ENOSPC"] if fault.error == TORN else ["--error", fault.error]
        words += ["--on"] if fault.on else []
        words += ["--under", self.under(archive), "-o", note, "--"]
        return Run(words + self.o.command, archive, self.o.timeout)

    def after_fault(self, fault, run, seen):
        """What is wrong with what it says and leaves; and in a word what it came to."""
        found = list(run.problems()) + seen.problems
        if found:
            return found, "wrong"
        dropped = 0
        if run.status not in (0, 1, 3):
            found.append(f"exit status {run.status}: {run.err[:300]}")
        # reindex and verify tell on the standard output which files are damaged.
        if run.status != 0 and not SAID.search(run.err) and (self.o.kind == "grow" or not run.out):
            found.append(f"exit status {run.status}, and it does not say why: {run.err[:300]!r}")
        if fault.error in NO_HARM and run.status != 0:
            found.append(f"exit status {run.status}: {run.err[:300]}")
        if self.o.kind == "grow" and run.status in (0, 1):
            try:
                ledger = json.loads(run.out)
                skipped, dropped = sum(ledger["skipped"].values()), sum(ledger["dropped"].values())
            except (ValueError, KeyError):
                if run.status == 1 and "cannot write the ledger" in run.err:
                    return found, "told"
                found.append(f"no ledger: {run.out[:200]!r} {run.err[:300]}")
                return found, "wrong"
            if ledger["packets_read"] != ledger["packets_archived"] + skipped + dropped:
                found.append(f"the ledger does not balance: {run.out[:500]}")
            there = seen.packets - self.first.packets
            if ledger["packets_archived"] != there:
                found.append(
                    f"{ledger['packets_archived']} packets are said to be archived, {dropped} dropped, {there} are there: {run.err[:300]}"
                )
        limit = self.want if self.o.kind == "grow" else self.first
        twice = False
        for uuid, packets in seen.flows.items():
            own = limit.flows.get(uuid, collections.Counter())
            if packets.keys() - own.keys():
                found.append(f"{uuid} has packets that are not its own")
            elif packets - own:
                twice = True
        # What cannot be compared with what is there is a part of its own.
        if twice and (self.o.kind != "grow" or not self.o.base):
            found.append("there are packets twice")
        if self.o.kind != "grow":
            for uuid, packets in self.want.flows.items():
                if packets - seen.flows.get(uuid, collections.Counter()):
                    found.append(f"{uuid} is lost, or a part of it")
        elif self.first.names.keys() - seen.names.keys():
            found.append(f"lost: {self.first.names.keys() - seen.names.keys()}")
        if run.status == 0 and seen.flows != self.want.flows and not twice:
            found.append(f"exit status 0, and the archive is not what it should be: {run.err[:300]}")
        if found:
            return found, "wrong"
        if run.status == 0 and twice:
            return found, "kept twice"
        if run.status == 0:
            return found, "told, unharmed" if SAID.search(run.err) else "unharmed"
        if run.status == 3:
            return found, "stopped"
        return found, "lost, counted" if dropped > 0 else "told"

    def recovered(self, archive):
        """The same command again; then all is there, in order."""
        pinned = self.o.kind == "pin"
        for words in [self.o.command, [self.flowkeep, "verify", "-q", "-d", "{}"]]:
            run = Run(words, archive, self.o.timeout)
            yield from run.problems()
            if run.status != 0:
                yield f"afterwards: {words[1]}: exit status {run.status}: {(run.out if words[1] == 'verify' else '')[:500]} {run.err[:500]}"
        for name in [".staging"]:
            if os.path.isdir(f"{archive}/{name}") and os.listdir(f"{archive}/{name}"):
                for command in ("reindex", "verify"):
                    run = Run([self.flowkeep, command, "-q", "-d", "{}"], archive, self.o.timeout)
                    if run.status != 0:
                        yield f"afterwards: {command}: exit status {run.status}: {run.out[:500]} {run.err[:500]}"
        seen = look(archive)
        yield from (f"afterwards: {p}" for p in seen.problems)
        yield from (f"afterwards: {n} is there twice" for n, times in seen.names.items() if times > 1)
        for uuid in seen.flows.keys() - self.want.flows.keys():
            yield f"afterwards: {uuid} should not be there"
        for uuid, packets in self.want.flows.items():
            got = seen.flows.get(uuid, collections.Counter())
            if packets - got:
                yield f"afterwards: {uuid} lacks {sum((packets - got).values())} of {sum(packets.values())} packets"
            elif self.o.kind != "grow" and got != packets:
                yield f"afterwards: {uuid} has packets twice"
        run = Run([self.flowkeep, "find", "-d", "{}", "--format", "uuid"], archive, self.o.timeout)
        if set(run.out.split()) != set(self.want.flows):
            yield f"afterwards: find tells {len(run.out.split())} flows of {len(self.want.flows)}: {run.err[:300]}"
        if pinned and look(archive + "/pinned").flows != self.want_pinned.flows:
            yield "afterwards: what is pinned is not what was to be pinned"
        for name in left_over(archive, pinned):
            yield f"afterwards: left over: {name}"

    def one(self, number, fault):
        archive = self.rooms.get()
        note = archive + ".note"
        try:
            self.anew(archive)
            with open(note, "w"):
                pass
            run = self.run_fault(fault, archive, note)
            what = open(note).read().strip().replace(os.path.dirname(archive) + "/", "")
            seen = look(archive)
            problems, outcome = self.after_fault(fault, run, seen)
            if fault.call != "memory" and not what:
                outcome = "did not come"
            if self.o.keep:
                shutil.rmtree(archive + ".kept", ignore_errors=True)
                shutil.copytree(archive, archive + ".kept", symlinks=True) if os.path.isdir(archive) else None
            if not run.hangs:
                problems += self.recovered(archive)
            if problems:
                outcome = "wrong"
        finally:
            self.rooms.put(archive)
        with lock:
            self.outcomes[outcome] += 1
            if problems:
                self.problems += 1
                print(f"{self.o.name}: fault {number}: {fault.call} {fault.at} of {self.counts[fault.call]}"
                      f"{' and on' if fault.on else ''}: {fault.error} ({what}), status {run.status}")
                for p in problems[:8]:
                    print(f"    {p}")
                print(f"    it said: {run.err.strip()[:600]!r}", flush=True)
                if self.o.keep and os.path.isdir(archive + ".kept"):
                    to = f"{self.o.keep}/{self.o.name.replace(' ', '-')}-{number}"
                    shutil.rmtree(to, ignore_errors=True)
                    os.rename(archive + ".kept", to)
            if self.o.results:
                with open(self.o.results, "a") as f:
                    json.dump([self.o.name, fault.call, fault.error, fault.on, outcome, fault.at, what, run.status, run.err], f)
                    f.write("\n")

    def run(self):
        self.count()
        faults = list(self.faults())
        with concurrent.futures.ThreadPoolExecutor(self.o.jobs) as pool:
            for done in [pool.submit(self.one, i, f) for i, f in enumerate(faults)]:
                done.result()
        print(f"{self.o.name}: {len(faults)} faults in {sum(self.counts.values())} calls: "
              + ", ".join(f"{n} {outcome}" for outcome, n in self.outcomes.most_common()), flush=True)


def print_table(path):
    """Each kind of call and error: how often it came to what."""
    columns = ("unharmed", "told, unharmed", "kept twice", "lost, counted", "told", "stopped", "did not come", "wrong")
    rows = collections.defaultdict(collections.Counter)
    with open(path) as f:
        for line in f:
            _, call, error, on, outcome = json.loads(line)[:5]
            rows[(call, error + (" on" if on else ""))][outcome] += 1
    print(f"{'call':10}{'error':12}" + "".join(f"{c:>16}" for c in columns))
    order = list(ERRORS)
    for (call, error), counts in sorted(rows.items(), key=lambda r: (order.index(r[0][0]), r[0][1])):
        print(f"{call:10}{error:12}" + "".join(f"{counts[c] or '-':>16}" for c in columns))
    total = sum(rows.values(), collections.Counter())
    print(f"{'all':22}" + "".join(f"{total[c] or '-':>16}" for c in columns))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--name")
    p.add_argument("--kind", choices=("grow", "same", "prune", "pin"), default="grow")
    p.add_argument("--base")
    p.add_argument("--under", help="calls on this count, instead of those on the archive")
    p.add_argument("--each", type=int, default=12, help="faults of each kind of call, at most")
    p.add_argument("--all", type=int, help="so many moments of each call and error")
    p.add_argument("--calls", type=lambda s: s.split(","), help="only these kinds")
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--timeout", type=float, default=20)
    p.add_argument("--keep", help="a directory for archives that something is wrong with, as the fault left them")
    p.add_argument("--results")
    p.add_argument("--table", metavar="RESULTS")
    p.add_argument("--failat", default=os.environ.get("FAILAT"))
    p.add_argument("--failmem", default=os.environ.get("FAILMEM"))
    p.add_argument("command", nargs="*")
    o = p.parse_args()
    if o.table:
        print_table(o.table)
        return
    c = Campaign(o)
    c.run()
    sys.exit(c.problems > 0)


if __name__ == "__main__":
    main()
