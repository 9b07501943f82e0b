# SPDX-License-Identifier: BSD-2-Clause
"""Kills a command at many of its system calls that write, and looks at what is left.

    killed.py --kind grow|same|prune|pin|repair [options] -- COMMAND...
    killed.py --look FILE|--compare FILE ARCHIVE

In COMMAND and --after, {} stands for the archive, which is made from --base anew for every kill.
After each kill, before anything mends it, find and fetch must work, every segment and every
published file be whole; then the next writer recovers it, by an empty split and by reindex in turn,
and index and files must agree, with nothing lost that could be fetched before. At last --after is
run (if not given, the command itself), and the archive must be what one is that nobody killed.

    grow    the command adds flows: what was staged may have been adopted at the recovery
    same    the command changes where flows lie, but neither flows nor packets
    prune   what the command removes when nobody kills it may be gone, as a whole
    pin     as same; DIR/pinned is looked at as well
    repair  the archive is damaged until the command has come to its end

With --look, ARCHIVE was left by a kill: it is looked at in the same way, and what there is to be
seen goes to FILE. With --compare it was recovered since then.

Prints what is wrong, and at the end a line with figures; exits 1 if anything is wrong.
"""

import argparse
import collections
import concurrent.futures
import gzip
import hashlib
import json
import os
import pickle
import random
import re
import shlex
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile

FLOWKEEP, KILLAT = os.environ["FLOWKEEP"], os.environ["KILLAT"]
WHERE = ("path", "offset", "length", "parts")
PART = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(~[1-9][0-9]*)?\.pcap\.gz$")
SEGMENT = re.compile(r"^flows-[1-9][0-9]*\.tar$")
pool = concurrent.futures.ThreadPoolExecutor(3)
problems = 0
where = ""
damaged = False  # find and fetch may say so now


def wrong(words):
    global problems
    problems += 1
    print(f"{where}: {words}", flush=True)


def run(command, archive):
    """Its exit status, output, and complaints."""
    words = [w.replace("{}", archive) for w in command]
    p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    err = p.stderr.decode(errors="replace")
    if "Sanitizer" in err or "runtime error:" in err:
        wrong(f"sanitizer: {' '.join(words)}: {err[:2000]}")
    return p.returncode, p.stdout, err


def expect(statuses, command, archive):
    status, out, err = run(command, archive)
    if status not in statuses:
        wrong(f"exit status {status}, wanted {statuses}: {' '.join(command)}: {out.decode(errors='replace')[:500]} {err[:500]}")
    return status, out, err


def pcap_records(data):
    """The packets of a capture file: [(header and bytes)]."""
    records, at = [], 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + size > len(data):
            raise ValueError("a packet is cut")
        records.append(data[at : at + 16 + size])
        at += 16 + size
    return records


def staged(archive):
    staging = os.path.join(archive, ".staging")
    return sorted(os.listdir(staging)) if os.path.isdir(staging) else []


def fetch(archive, uuid):
    status, data, err = run([FLOWKEEP, "fetch", "-q", "-d", "{}", uuid], archive)
    # What was being written when the kill came is told of, for what is given may not be all.
    unfinished = status == 1 and re.fullmatch(r"flowkeep: fetch: warning: left unfinished: .*\n", err) and any(
        uuid in name for name in staged(archive))
    if status != 0 and not unfinished and not (damaged and status == 3):
        wrong(f"fetch {uuid}: exit status {status}: {err[:500]}")
    return data


def look(archive):
    """Every flow as find tells it, with its packets as fetch gives them: {(uuid, proto, ends): ...}."""
    status, out, err = run([FLOWKEEP, "find", "-d", "{}", "--format", "json"], archive)
    if damaged and status == 3:
        pass
    elif status not in (0, 1) or (status == 1) != (out == b""):
        wrong(f"find: exit status {status}: {err[:500]}")
    elif err and (status != 1 or err != "flowkeep: find: no such flow\n"):
        wrong(f"find complains: {err[:500]}")
    flows, sums = {}, collections.Counter()
    for line in out.splitlines():
        f = json.loads(line)
        name = (f["uuid"], f["proto"], f["client_ip"], f["client_port"], f["server_ip"], f["server_port"])
        if name in flows:
            wrong(f"find lists {name} twice")
        flows[name] = f
        sums[f["uuid"]] += f["packets"]
    fetched = dict(zip(sums, pool.map(lambda uuid: fetch(archive, uuid), sums)))
    seen = {}
    for name, f in flows.items():
        data = fetched[f["uuid"]]
        try:
            records = pcap_records(data)
            if len(records) != sums[f["uuid"]] and not damaged:
                wrong(f"{f['uuid']}: find tells {sums[f['uuid']]} packets, fetch gives {len(records)}")
        except (ValueError, struct.error) as e:
            wrong(f"{f['uuid']}: what fetch gives is no capture: {e}")
            records = []
        seen[name] = ({k: v for k, v in f.items() if k not in WHERE}, data, records, f["parts"])
    return seen


def day_dirs(archive):
    for root, dirs, _ in os.walk(archive):
        dirs[:] = sorted(d for d in dirs if not d.startswith(".") and d != "damaged")
        if re.search(r"/[0-9]{4}/[0-9]{2}/[0-9]{2}$", root):
            yield root


def members(path):
    """Names and bytes up to the last whole member, by Python's reading, and whether it ends there."""
    found = []
    with open(path, "rb") as f:
        size = f.seek(0, os.SEEK_END)
        f.seek(0)
        try:
            tar = tarfile.open(fileobj=f, mode="r:")
            while (m := tar.next()) is not None:
                if m.offset_data + m.size > size:
                    return found, False
                f.seek(m.offset_data)
                found.append((m.name, f.read(m.size)))
        except (tarfile.TarError, EOFError):
            return found, False
    return found, True


def lies_whole(archive, quarrels=wrong):
    """Every part that is to be seen, wherever it lies: {day/name: [hashes]}."""
    parts = collections.defaultdict(list)

    def add(day, name, data):
        try:
            gzip.decompress(data)
        except (OSError, EOFError) as e:
            quarrels(f"{day}/{name} is not whole: {e}")
        parts[f"{os.path.relpath(day, archive)}/{name}"].append(hashlib.sha256(data).hexdigest())

    for day in day_dirs(archive):
        for name in os.listdir(day):
            path = os.path.join(day, name)
            if PART.match(name):
                with open(path, "rb") as f:
                    add(day, name, f.read())
            elif SEGMENT.match(name):
                for member, data in members(path)[0]:
                    if not PART.match(member):
                        quarrels(f"{path}: a member called '{member}'")
                    add(day, member, data)
    return parts


def in_order(archive, kind):
    """After the recovery: no leftovers, no name twice, index and directory agree."""
    for name, found in lies_whole(archive).items():
        if len(found) > 1:
            wrong(f"{name} is there {len(found)} times, {'equal' if len(set(found)) == 1 else 'different'}")
    for day in day_dirs(archive):
        for name in os.listdir(day):
            if not PART.match(name) and not SEGMENT.match(name) and name not in ("flows.sqlite", "flows.sqlite-names"):
                wrong(f"left over: {day}/{name}")
            elif SEGMENT.match(name) and not members(os.path.join(day, name))[1]:
                wrong(f"tar does not read {day}/{name} to its end")
            elif SEGMENT.match(name):
                with open(os.path.join(day, name), "rb") as f:
                    f.seek(-1024, os.SEEK_END)
                    if f.read() != bytes(1024):
                        wrong(f"{day}/{name} does not end as tar wants it")
        index = os.path.join(day, "flows.sqlite")
        try:
            rows = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
            if rows.execute("pragma integrity_check").fetchone()[0] != "ok":
                wrong(f"{index}: integrity_check")
            rows.close()
        except sqlite3.Error as e:
            wrong(f"{index}: {e}")
    for name in staged(archive) if kind != "split" else []:
        wrong(f"left over: .staging/{name}")
    dirty = os.path.join(archive, ".dirty")
    if os.path.exists(dirty) and os.path.getsize(dirty) > 0:
        wrong(f"days are still listed as dirty: {open(dirty, 'rb').read()!r}")
    trash = os.path.join(archive, ".trash")
    if kind == "done" and os.path.isdir(trash) and os.listdir(trash):
        wrong(f"left over: .trash: {os.listdir(trash)}")


def begins_with(after, before):
    """Are the packets of a flow there still, in their order, and others at most behind them?"""
    return after[2][: len(before[2])] == before[2]


def nothing_lost(before, after, may_go, may_grow):
    for name, b in before.items():
        a = after.get(name)
        if a is None:
            if name not in may_go:
                wrong(f"{name} is lost")
        elif a[1] != b[1] or any(a[0].get(k) != v for k, v in b[0].items() if k != "state"):
            # (what was open at the kill is closed)
            if name in may_go and a[3] < b[3]:
                continue  # its older parts went
            if not (may_grow and a[3] > b[3] and begins_with(a, b)):
                told = [f"{k} {b[0][k]} -> {a[0][k]}" for k in b[0] if b[0][k] != a[0].get(k)]
                wrong(f"{name} has changed: {b[3]} -> {a[3]} parts, {len(b[2])} -> {len(a[2])} packets, {told}")


def nothing_foreign(seen, want, words):
    """Nothing but packets of the flow, and none more often than it has it."""
    for name, s in seen.items():
        w = want.get(name)
        if w is None:
            wrong(f"{words}: {name}, which no input has")
        elif collections.Counter(s[2]) - collections.Counter(w[2]):
            wrong(f"{words}: {name} has packets that it does not have, or twice: {len(s[2])}, wanted {len(w[2])}")


def the_same(seen, want, words):
    for name in want.keys() - seen.keys():
        wrong(f"{words}: {name} is missing")
    for name in seen.keys() - want.keys():
        wrong(f"{words}: {name} is too much")
    for name in seen.keys() & want.keys():
        s, w = seen[name], want[name]
        if s[0] != w[0]:
            wrong(f"{words}: find tells {s[0]}, wanted {w[0]}")
        elif s[1] != w[1]:
            wrong(f"{words}: {name} is not fetched as it was")


def set_aside(archive):
    """What repair put aside, as contents; but an index, which holds nothing of its own."""
    found = set()
    for root, _, files in os.walk(os.path.join(archive, "damaged")):
        for name in files:
            if name.startswith("flows.sqlite"):
                continue
            with open(os.path.join(root, name), "rb") as f:
                found.add(hashlib.sha256(f.read()).hexdigest())
    return found


class Campaign:
    def __init__(self, options):
        self.o = options
        self.empty = os.path.abspath("empty.pcap")
        with open(self.empty, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.archive = os.path.abspath("killed")
        self.after = shlex.split(options.after) if options.after else options.command
        self.statuses = (0, 1) if options.kind == "repair" else (0,)
        self.adopted = 0

    def anew(self):
        shutil.rmtree(self.archive, ignore_errors=True)
        if self.o.base:
            subprocess.run(["cp", "-a", self.o.base, self.archive], check=True)

    def undisturbed(self):
        """Counts the calls, and keeps what there is before and afterwards."""
        global damaged
        damaged = self.o.kind == "repair"
        self.anew()
        self.first = look(self.archive) if self.o.base else {}
        if damaged:
            self.first = {n: f for n, f in self.first.items() if len(f[2]) == f[0]["packets"]}
        damaged = False
        status, _, err = run([KILLAT, "--count", "-o", "count", "--"] + self.o.command, self.archive)
        if status not in self.statuses:
            wrong(f"undisturbed: exit status {status}: {err[:500]}")
        self.calls = int(open("count").read())
        self.want = look(self.archive)
        if self.o.kind == "repair":  # of the others not all could be mended
            self.first = {n: f for n, f in self.first.items() if n in self.want}
        self.want_pinned = look(self.archive + "/pinned") if self.o.kind == "pin" else {}
        self.want_aside = set_aside(self.archive)
        expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], self.archive)

    def recover(self, with_reindex, archive):
        if with_reindex:
            expect(self.statuses, [FLOWKEEP, "reindex", "-q", "-d", "{}"], archive)
        else:
            command = [FLOWKEEP, "split", "-q", "-d", "{}", self.empty]
            expect((0,), command + shlex.split(self.o.recover_options), archive)

    def may_go(self):
        """Flows that are gone, or have fewer parts, where nobody kills the command."""
        if self.o.kind != "prune":
            return set()
        return {n for n, f in self.first.items() if n not in self.want or self.want[n][3] < f[3]}

    def check_middle(self):
        global damaged
        damaged = self.o.kind == "repair"
        # Without that it is no archive yet, see find.
        before = look(self.archive) if os.path.exists(self.archive + "/.staging") else {}
        if damaged:
            nothing_lost(self.first, before, set(), False)
            damaged = False
            return before
        lies_whole(self.archive)
        nothing_lost(self.first, before, self.may_go(), self.o.kind == "grow")
        nothing_foreign(before, self.want if self.o.kind == "grow" else self.first, "after the kill")
        return before

    def check_recovered(self, before, with_reindex):
        if self.o.kind == "repair":
            self.check_end("repaired")
            return
        if not os.path.isdir(self.archive):
            return
        expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], self.archive)
        # split leaves what is staged to reindex and capture: the same split again archives it whole
        in_order(self.archive, self.o.kind if with_reindex else "split")
        recovered = look(self.archive)
        grow = self.o.kind == "grow"
        nothing_lost(before, recovered, self.may_go(), grow)
        nothing_foreign(recovered, self.want if grow else self.first, "recovered")
        crashed = {n for n, f in recovered.items() if f[0]["end_reason"] == "crash"}
        self.adopted += len(crashed)
        if not grow and crashed:
            wrong(f"adopted, but nothing was staged: {crashed}")
        self.crashed = crashed

    def check_end(self, words):
        expect(self.statuses, self.after, self.archive)
        if self.o.kind == "repair":
            expect(self.statuses, [FLOWKEEP, "verify", "-q", "--repair", "-d", "{}"], self.archive)
        expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], self.archive)
        if staged(self.archive):
            # All of it was archived meanwhile.
            expect((0,), [FLOWKEEP, "reindex", "-q", "-d", "{}"], self.archive)
            expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], self.archive)
        in_order(self.archive, "done")
        done = look(self.archive)
        crashed = getattr(self, "crashed", set())
        if self.o.kind == "grow" and crashed:
            # What was adopted is a part of its flow, of which the whole comes beside it.
            for name in crashed:
                if name in done and collections.Counter(self.want[name][2]) - collections.Counter(done[name][2]):
                    wrong(f"{words}: {name} is not complete")
                done.pop(name, None)
            the_same(done, {n: f for n, f in self.want.items() if n not in crashed}, words)
        elif self.o.kind != "prune":
            the_same(done, self.want, words)
        else:
            nothing_lost(self.want, done, set(), False)
            nothing_foreign(done, self.first, words)
        if self.o.kind == "repair" and self.want_aside - set_aside(self.archive):
            wrong(f"{words}: of what was put aside {len(self.want_aside - set_aside(self.archive))} are missing")

    def kill(self, number, at, when):
        global where
        where = f"{self.o.name}: kill {number} ({when} call {at} of {self.calls})"
        had = problems
        self.anew()
        status, _, err = run([KILLAT, "--at", str(at), f"--{when}", "-o", "killed.at", "--"] + self.o.command, self.archive)
        if status not in (137,) + self.statuses:
            wrong(f"exit status {status}: {err[:500]}")
        if status == 137:
            where += open("killed.at").read().strip().replace(f"killat: killed {when} call {at}", "")
        if self.o.keep:
            shutil.rmtree("as-killed", ignore_errors=True)
            if os.path.isdir(self.archive):
                subprocess.run(["cp", "-a", self.archive, "as-killed"], check=True)
        self.crashed = set()
        before = self.check_middle()
        # By turns; where a campaign has but one kill, the next one has the other way.
        with_reindex = (number + self.o.seed) % 2 == 1 and os.path.isdir(self.archive)
        where += ", recovered by " + ("reindex" if with_reindex else "split")
        self.recover(with_reindex, self.archive)
        if self.o.kind == "pin" and os.path.isdir(self.archive + "/pinned"):
            self.recover(True, self.archive + "/pinned")
            expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], self.archive + "/pinned")
        self.check_recovered(before, with_reindex)
        if self.o.kind != "repair":
            self.check_end("completed")
        if self.o.kind == "pin":
            the_same(look(self.archive + "/pinned"), self.want_pinned, "pinned")
        if self.o.keep and problems > had:
            to = f"{self.o.keep}/{self.o.name.replace(' ', '-')}-{number}"
            shutil.rmtree(to, ignore_errors=True)
            if os.path.isdir("as-killed"):
                subprocess.run(["cp", "-a", "as-killed", to], check=True)
        return status == 137

    def run(self):
        global where
        where = f"{self.o.name}: undisturbed"
        self.undisturbed()
        draw = random.Random(self.o.seed)
        n = min(self.o.kills, 2 * self.calls)
        killed = 0
        for i in range(n):
            low, high = self.calls * i // n, self.calls * (i + 1) // n
            at = 1 + (draw.randrange(low, high) if high > low else low)
            killed += self.kill(i, at, draw.choice(("before", "after")))
        print(f"{self.o.name}: {killed} of {n} killed, {self.calls} calls, {len(self.want)} flows,"
              f" {self.adopted} adopted, seed {self.o.seed}")


def look_into(archive, file):
    lies_whole(archive)
    with open(file, "wb") as f:
        pickle.dump(look(archive), f)


def compare(archive, file):
    expect((0,), [FLOWKEEP, "verify", "-q", "-d", "{}"], archive)
    in_order(archive, "grow")
    with open(file, "rb") as f:
        nothing_lost(pickle.load(f), look(archive), set(), True)


def main():
    global where
    p = argparse.ArgumentParser()
    p.add_argument("--name", required=True)
    p.add_argument("--kind", choices=("grow", "same", "prune", "pin", "repair"), default="grow")
    p.add_argument("--look", metavar="FILE")
    p.add_argument("--compare", metavar="FILE")
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--seed", type=int, default=35)
    p.add_argument("--base")
    p.add_argument("--after")
    p.add_argument("--recover-options", default="")
    p.add_argument("--keep", help="a directory for archives that something is wrong with, as they were killed")
    p.add_argument("command", nargs="+")
    o = p.parse_args()
    where = o.name
    if o.look is not None:
        look_into(o.command[0], o.look)
    elif o.compare is not None:
        compare(o.command[0], o.compare)
    else:
        Campaign(o).run()
    sys.exit(problems > 0)


main()
