# SPDX-License-Identifier: BSD-2-Clause
"""Has the calls of `flowkeep capture` fail, one after the other, while packets come in.

    faults_capture.py --name NAME --server NS --client NS [options] -- FLOWKEEP capture OPTIONS...

What faults.py does for commands that end by themselves, for the one that does not. Room N has the
interfaces srvN and cliN in the two name spaces, on which nothing moves but what is sent here. In
OPTIONS {} stands for the archive, {if} for the interface, {events} for the socket of an event server
that names two of three connections, one before its first packet and one after some.

Each run: half of the frames of each flow; when they are read, SIGUSR2, which has what is open written
to .staging; the other half; when they are read, and what has ended is archived or dropped, SIGTERM.
Then

    - it has not ended before, ends by itself now, not by a signal, with a status that its manual
      tells; where that is not 0, or packets were dropped, it says why;
    - the packets that it read and those that the kernel dropped are those that were sent; its ledger
      balances; as many packets are in the archive as it says are archived, none twice, each in its own
      flow, under the name that an event gave it;
    - what is published is whole, and nothing that was published before is gone; what find tells of can
      be fetched; where nothing was lost and nothing said, verify finds nothing wrong at once;
    - the next start of the same capture succeeds, and leaves nothing over; nothing is less than
      before, what an earlier run had left in .staging is there, and verify finds nothing wrong.

What a signal may interrupt and what may be done in part must make no difference at all.
"""

import argparse
import collections
import concurrent.futures
import gzip
import http.client
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import faults

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "net"))

import eventserver
import netns

READ = re.compile(r"(\d+) dropped by the kernel.*\npackets +(\d+) read: (\d+) archived, (\d+) skipped, (\d+) dropped")
PORT = re.compile(r"^flowkeep: metrics: served on port (\d+)$", re.M)
# Anywhere in a line: what SIGUSR1 asks for is not written in one piece.
SAID = re.compile(r"flowkeep: [a-z]+: (?:error|warning): .+")
UNFINISHED = re.compile(r"^flowkeep: fetch: warning: left unfinished: ", re.M)
NOT_READ = re.compile(r"^flowkeep: archive: warning: '.+' is damaged: .+; continuing without it$", re.M)
# Its scanner of filters ends the program, with this and status 2.
LIBPCAP = "out of dynamic memory in yy"
MOMENTS = {"write": 2, "memory": 6}  # of each error; of others one

Seen = collections.namedtuple("Seen", "frames flows names problems")
Sent = collections.namedtuple("Sent", "first rest ended frames tuples")


# ---- frames --------------------------------------------------------------------------------------


def frames_of(path):
    """The frames of a pcap, as flowgen writes it."""
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


def ends_of(frame):
    """((address, port) of the sender, the same of the receiver): Ethernet with TCP in IPv4 or IPv6."""
    if frame[12:14] == b"\x08\x00":
        family, source, size, tcp = socket.AF_INET, 26, 4, 14 + (frame[14] & 15) * 4
    else:
        family, source, size, tcp = socket.AF_INET6, 22, 16, 54
    addresses = (socket.inet_ntop(family, frame[i : i + size]) for i in (source, source + size))
    return tuple(zip(addresses, struct.unpack_from("!HH", frame, tcp)))


def key_of(frame):
    return frozenset(ends_of(frame))


def to_send(ended, open_ones):
    """Of each flow one half first, then the other. tuples: who began, and who was called."""
    frames = [*frames_of(ended), *frames_of(open_ones)]
    flows, halves = collections.defaultdict(list), ([], [])
    for frame in frames:
        flows[key_of(frame)].append(frame)
    at = collections.Counter()
    for frame in frames:
        key = key_of(frame)
        halves[2 * at[key] >= len(flows[key])].append(frame)
        at[key] += 1
    return Sent(*halves, sum(1 for _ in frames_of(ended)), collections.Counter(frames),
                [ends_of(of_flow[0]) for of_flow in flows.values()])  # fmt: skip


def frames_in(data):
    """The frames of a flow file. ValueError: it is not whole."""
    try:
        plain = gzip.decompress(data)
    except (OSError, EOFError) as e:
        raise ValueError(str(e)) from None
    found, at = [], 24
    while at < len(plain):
        if at + 16 > len(plain):
            raise ValueError("a packet's header is cut")
        size = struct.unpack_from("<I", plain, at + 8)[0]
        if at + 16 + size > len(plain):
            raise ValueError("a packet is cut")
        found.append(plain[at + 16 : at + 16 + size])
        at += 16 + size
    return found


def look(archive):
    """What is published: all frames, those of each name, the parts. As faults.look, by frames."""
    frames, flows, names, problems = collections.Counter(), collections.defaultdict(collections.Counter), collections.Counter(), []
    there = set()
    for day in faults.day_dirs(archive):
        inside = []
        for name in sorted(os.listdir(day)):
            if faults.PART.match(name) or faults.SEGMENT.match(name):
                with open(os.path.join(day, name), "rb") as f:
                    data = f.read()
                inside += [(name, data)] if faults.PART.match(name) else faults.members(data)
        for name, data in inside:
            m = faults.PART.match(name)
            if m is None:
                problems.append(f"a member called '{name}'")
                continue
            try:
                found = frames_in(data)
            except ValueError as e:
                problems.append(f"{name} is published, and not whole: {e}")
                continue
            names[name] += 1
            if (name, data) not in there: # a part on its way to another place is one
                there.add((name, data))
                flows[m[1]].update(found)
                frames.update(found)
    return Seen(frames, flows, names, problems)


# ---- a capture -----------------------------------------------------------------------------------


class Room:
    def __init__(self, number, options):
        self.archive = os.path.abspath(f"room.{number}")
        self.interface = f"srv{number}"
        self.notify, self.events = (f"{options.sockets}/{what}.{number}" for what in ("n", "e"))
        with netns.inside(options.client):
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.wire.bind((f"cli{number}", 0))

    def send(self, frames):
        for frame in frames:
            self.wire.send(frame)


class Names:
    """An event server for one capture. Not every fault lets it come, or stay."""

    def __init__(self, path, tuples):
        self.server, self.lines = eventserver.EventServer(path), 0
        self.told = {}
        self.before, self.between = ([(f"named-{i}", ends) for i, ends in enumerate(tuples) if i % 3 == n] for n in (0, 1))

    def tell(self, line):
        self.server.clients[-1].settimeout(10)
        self.server.line(line)

    def open(self, which, limit):
        try:
            if not self.server.clients:
                self.server.accept(limit)
            for name, (client, server) in which:
                self.tell(json.dumps(eventserver.open_event(name, server, client)))
                self.told[frozenset((client, server))] = name
        except (OSError, TimeoutError, IndexError):
            return False
        return True

    def close(self):
        try:
            for name in self.told.values():
                self.tell(json.dumps({"Event": 1, "Timestamp": eventserver.stamp(), "UUID": name, "ID": None}))
        except (OSError, TimeoutError, IndexError):
            pass

    def stop(self):
        self.server.stop()
        os.unlink(self.server.path)


class Capture:
    """A run, from its start to its end."""

    def __init__(self, campaign, room, before=(), behind=(), named=True):
        self.room, self.limit, self.problems = room, campaign.o.timeout, []
        self.ready = self.early = self.hangs = False
        self.names, self.sent, self.scraped = None, 0, None
        self.may_be_deaf = False  # it may have no memory to tell its numbers
        self.server = campaign.o.server
        words = [w.replace("{}", room.archive).replace("{if}", room.interface).replace("{events}", room.events)
                 for w in campaign.o.command]  # fmt: skip
        if room.events in words:
            self.names = Names(room.events, campaign.sent.tuples if named else [])
        self.err_path = room.archive + ".err"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(room.notify):
            os.unlink(room.notify)
        self.manager.bind(room.notify)
        os.chmod(room.notify, 0o777)
        self.manager.settimeout(0.02)
        with open(self.err_path, "w") as err:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.server, "env", f"NOTIFY_SOCKET={room.notify}", *before, *words, *behind],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)  # fmt: skip

    def said(self):
        with open(self.err_path, errors="replace") as f:
            return f.read()

    def until(self, condition, limit):
        """Returns: whether it came to be before the limit and before the end of the capture."""
        end = time.monotonic() + limit
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def is_ready(self):
        try:
            self.ready |= self.manager.recv(4096).startswith(b"READY=1")
        except TimeoutError:
            pass
        return self.ready

    def numbers(self):
        """
        What it says of itself on SIGUSR1; None: nothing, for want of memory or as it has ended. Asked
        again after a while: a message may have come in between, so that an answer is not found.
        """
        before = len(READ.findall(self.said()))
        for _ in range(1 if self.may_be_deaf else int(self.limit)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(signal.SIGUSR1)
            if self.until(lambda: len(READ.findall(self.said())) > before, 1):
                return [int(n) for n in READ.findall(self.said())[-1]]
        return None

    def settle(self, what, condition):
        """Until its numbers are so."""
        end = time.monotonic() + self.limit
        while self.process.poll() is None:
            numbers = self.numbers()
            if numbers is None:
                if not self.may_be_deaf and self.process.poll() is None:
                    self.problems.append("it does not tell its numbers")
                return
            if condition(*numbers):
                return
            if time.monotonic() > end:
                self.problems.append(f"waited in vain for {what}: {numbers}, {self.sent} were sent")
                return
            time.sleep(0.02)

    def scrape(self):
        """The metrics over HTTP, where they are served."""
        if (port := PORT.search(self.said())) is None:
            return
        try:
            with netns.inside(self.server):
                connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=self.limit)
                connection.connect()
            connection.request("GET", "/metrics")
            self.scraped = connection.getresponse().status
            connection.close()
        except (OSError, http.client.HTTPException) as e:
            self.scraped = str(e)

    def feed(self, sent):
        def give(frames):
            self.room.send(frames)
            self.sent += len(frames)
            self.settle("packets to be read", lambda missed, read, *_: missed + read >= self.sent)

        limit = 1 if self.may_be_deaf else 10
        if self.names:
            self.names.open(self.names.before, limit)
        give(sent.first)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR2)
        if self.names:
            self.names.open(self.names.between, limit)
        give(sent.rest)
        self.settle("what has ended to be archived, or dropped",
                    lambda missed, _, *done: missed + sum(done) >= sent.ended)  # fmt: skip
        self.scrape()
        if self.names:
            self.names.close()

    def run(self, sent=None, kill_when=None):
        """kill_when: no SIGTERM, but SIGKILL once that is so."""
        try:
            self.until(self.is_ready, self.limit)
            if not self.ready and self.process.poll() is None:
                self.hangs = True
                self.problems.append("it never is ready")
            if self.ready and sent is not None:
                self.feed(sent)
            self.early = self.process.poll() is not None
            if kill_when:
                self.until(kill_when, self.limit)
                self.process.kill()
            elif not self.early and not self.hangs:
                self.process.terminate()
            try:
                out = self.process.communicate(timeout=0.1 if self.hangs else self.limit)[0]
            except subprocess.TimeoutExpired:
                self.hangs = True
                self.process.kill()
                out = self.process.communicate()[0]
        finally:
            self.process.kill()
            self.process.wait()
            self.manager.close()
            if self.names:
                self.names.stop()
        self.status, self.out, self.err = self.process.returncode, out.decode(errors="replace"), self.said()
        self.problems += faults.Run.problems(self)
        if self.ready and self.early:
            self.problems.append("it ended before it was asked to")
        return self


# ---- a campaign ----------------------------------------------------------------------------------


def empty_note(path):
    """Which whoever the capture becomes may write."""
    open(path, "w").close()
    os.chmod(path, 0o666)


class Campaign:
    def __init__(self, options):
        self.o = options
        self.flowkeep = options.command[0]
        self.sent = to_send(options.ended, options.open)
        self.outcomes, self.wrong = collections.Counter(), 0
        self.rooms = queue.Queue()
        for number in range(options.rooms):
            self.rooms.put(Room(number, options))

    def anew(self, room):
        shutil.rmtree(room.archive, ignore_errors=True)
        if self.o.base:
            shutil.copytree(self.o.base, room.archive, symlinks=True)

    def command(self, words, room):
        return faults.Run([self.flowkeep, *words], room.archive, self.o.timeout)

    def leave(self, directory):
        """For --leave: an archive as a kill leaves it, with flows that had ended and others in .staging."""
        room = self.rooms.get()
        shutil.rmtree(room.archive, ignore_errors=True)
        staging = room.archive + "/.staging"
        wanted = len(self.sent.tuples) - self.o.ended_flows
        capture = Capture(self, room)
        capture.run(self.sent, lambda: len([n for n in os.listdir(staging) if os.path.getsize(f"{staging}/{n}") > 1000]) >= wanted)
        if capture.status != -signal.SIGKILL or not os.listdir(staging):
            sys.exit(f"the archive that a kill leaves: {capture.status} {capture.problems} {capture.err[:2000]}")
        os.rename(room.archive, directory)

    def start_with(self, fault, room):
        note = room.archive + ".note"
        if fault.call == "memory":
            return self.with_memory(room, f"FAILMEM_AT={fault.at}", *(["FAILMEM_ON=1"] if fault.on else []))
        words = [self.o.failat, "--call", fault.call, "--at", str(fault.at)]
        words += ["--torn", "--error", "ENOSPC"] if fault.error == faults.TORN else ["--error", fault.error]
        words += (["--on"] if fault.on else []) + ["--under", self.under(room), "-o", note, "--"]
        return Capture(self, room, words)

    def with_memory(self, room, *settings):
        """Without a filter, and without lines of events: libseccomp 2.5.4 and jansson 2.14 crash for want of memory."""
        asan = os.environ.get("ASAN_OPTIONS", "")
        words = [f"LD_PRELOAD={self.o.failmem}", f"FAILMEM_OUT={room.archive}.note",
                 f"ASAN_OPTIONS={asan}{':' if asan else ''}verify_asan_link_order=0", *settings]  # fmt: skip
        return Capture(self, room, words, ["--no-seccomp"], named=False)

    def under(self, room):
        return self.o.under or room.archive

    def count_calls(self, room, sent):
        """How many calls of each kind a run takes, in which nothing fails."""
        note = room.archive + ".note"
        self.anew(room)
        words = [self.o.failat, "--count", "--under", self.under(room), "-o", note, "--"]
        self.check_clean(Capture(self, room, words, named=sent is not None).run(sent))
        with open(note) as f:
            counts = {k: int(n) for k, n in (line.split() for line in f)}
        seen = look(room.archive)
        if self.o.failmem and not self.o.under:
            self.anew(room)
            empty_note(note)
            self.check_clean(self.with_memory(room).run(sent))
            with open(note) as f:
                counts["memory"] = int(f.read())
        return seen, counts

    def count(self):
        """What there is before, and how many calls there are: of a run without packets, and with them."""
        room = self.rooms.get()
        self.anew(room)
        self.first = look(room.archive)
        self.adopted, self.idle = self.count_calls(room, None)
        seen, self.counts = self.count_calls(room, self.sent)
        if seen.problems or self.adopted.frames + self.sent.frames != seen.frames:
            sys.exit(f"{self.o.name}: without a fault: {sum(seen.frames.values())} packets are there {seen.problems}")
        self.rooms.put(room)

    def check_clean(self, capture):
        if capture.problems or capture.status != 0 or SAID.search(capture.err):
            sys.exit(f"{self.o.name}: without a fault: exit status {capture.status}: {capture.problems} {capture.err[:2000]}")

    def faults(self):
        """
        Of all kinds and errors the share of this campaign, so that campaigns with the shares 1/N to N/N
        have them all; each at a moment somewhere in the run, every other one not before packets come.
        --all: so many moments of everything.
        """
        kinds = [(call, error, on) for on, table in ((False, faults.ERRORS), (True, faults.STAYS))
                 for call, errors in table.items() for error in errors]  # fmt: skip
        random.Random("kinds").shuffle(kinds)
        share, of = self.o.share
        draw = random.Random(self.o.name)
        for number, (call, error, on) in enumerate(kinds):
            count = self.counts.get(call, 0)
            if count == 0 or (self.o.calls and call not in self.o.calls):
                continue
            if self.o.all:
                n = min(self.o.all, count)
                yield from (faults.Fault(call, error, faults.moment(draw, count, i, n), on) for i in range(n))
            elif number % of == share - 1:
                for n in range(MOMENTS.get(call, 1)):
                    late = (number // of + n) % 2 == 1 and self.idle.get(call, 0) < count
                    yield faults.Fault(call, error, 1 + draw.randrange(self.idle.get(call, 0) if late else 0, count), on)

    # ---- what is looked at ---------------------------------------------------------------------------

    def check_frames(self, seen):
        """Only what was sent, once, each flow by itself."""
        known = self.sent.frames + self.adopted.frames
        if strange := seen.frames.keys() - known.keys():
            yield f"{len(strange)} packets were never sent"
        elif twice := seen.frames - known:
            yield f"{sum(twice.values())} packets are there twice"
        for name, frames in seen.flows.items():
            if len({key_of(frame) for frame in frames}) > 1:
                yield f"{name} has packets of several flows"
        if lost := self.first.names.keys() - seen.names.keys():
            yield f"lost: {lost}"

    def check_names(self, capture, seen):
        """What was told in time is named so."""
        for name, frames in seen.flows.items():
            for key in {key_of(frame) for frame in frames if frame in self.sent.frames}:
                want = capture.names.told.get(key)
                if (want or name) != name or (want is None and name.startswith("named-")):
                    yield f"{name} should be {want}"

    def live(self, seen):
        return sum(n for frame, n in seen.frames.items() if frame in self.sent.frames)

    def check_ledger(self, capture, ledger, seen):
        lost, skipped = sum(ledger["dropped"].values()), sum(ledger["skipped"].values())
        if ledger["packets_read"] != ledger["packets_archived"] + skipped + lost:
            yield f"the ledger does not balance: {capture.out[:500]}"
        if ledger["packets_read"] + sum(ledger["kernel_drops"].values()) != capture.sent:
            yield f"{capture.sent} packets were sent: {capture.out[:700]}"
        if ledger["packets_archived"] != self.live(seen):
            yield f"{ledger['packets_archived']} packets are said to be archived, {lost} dropped, {self.live(seen)} are there"
        events = ledger.get("events", {"lines": 0})
        if events["lines"] != sum(n for name, n in events.items() if name != "lines"):
            yield f"the events do not balance: {events}"

    def after_fault(self, fault, capture, seen):
        """What is wrong with what it says and leaves; and in a word what it came to."""
        found = capture.problems + seen.problems + list(self.check_frames(seen))
        said, dropped = SAID.findall(capture.err), 0
        if fault.call == "memory" and capture.status == 2 and not capture.ready and LIBPCAP in capture.err:
            return [], "stopped"
        if capture.status not in ((0, 1) if capture.ready else (3,)):
            found.append(f"exit status {capture.status}")
        if capture.ready and capture.status in (0, 1):
            try:
                ledger = json.loads(capture.out)
                dropped = sum(ledger["dropped"].values())
                found += self.check_ledger(capture, ledger, seen)
            except ValueError:
                if capture.status != 1 or "cannot write the ledger" not in capture.err:
                    found.append(f"no ledger: {capture.out[:200]!r}")
        silent = not any(": error: " in line for line in said)
        if (capture.status != 0 or dropped > 0) and silent:
            found.append(f"exit status {capture.status}, {dropped} packets dropped, and it does not say why")
        if len(said) != len(faults.SAID.findall(capture.err)):
            found.append("a message begins in the middle of a line")
        if len(said) > (12 if self.o.strict else 40):  # one that comes and goes is told each time
            found.append(f"{len(said)} messages")
        if fault.error in faults.NO_HARM and (capture.status != 0 or dropped > 0 or said):
            found.append("what makes no difference did")
        if capture.ready and fault.call != "memory":
            if capture.names:
                found += self.check_names(capture, seen)
            if PORT.search(capture.err) and capture.scraped != 200:
                found.append(f"the metrics: {capture.scraped}")
        if found:
            return found, "wrong"
        if capture.status == 0 and dropped == 0:
            return found, "told, unharmed" if said else "unharmed"
        if capture.status == 3:
            return found, "stopped"
        return found, "lost, counted" if dropped > 0 else "told"

    def readable(self, room, words):
        """What find tells of can be fetched. Returns how many packets that is."""
        found = self.command(["find", "-d", "{}", "--format", "json"], room)
        flows = [json.loads(line) for line in found.out.splitlines()]
        problems, packets = list(found.problems()), sum(flow["packets"] for flow in flows)
        if found.status != (0 if flows else 1):
            problems.append(f"find: exit status {found.status}")
        if flows:
            path = room.archive + ".fetched"
            fetched = self.command(["fetch", "-q", "-d", "{}", "-w", path, *sorted({flow["uuid"] for flow in flows})], room)
            # What could not be removed from .staging is taken for a part to come until the next start.
            if fetched.status != (1 if UNFINISHED.search(fetched.err) else 0):
                problems.append(f"fetch: exit status {fetched.status}: {fetched.err[:300]}")
            elif self.o.strict and fetched.status != 0:
                problems.append(f"fetch: {fetched.err[:300]}")
            elif (got := sum(1 for _ in frames_of(path))) != packets:
                problems.append(f"find tells of {packets} packets, fetch gives {got}")
            if os.path.exists(path):
                os.unlink(path)
        return [f"{words}: {p}: {found.err[:300]}" for p in problems], packets

    def verify(self, room, words):
        run = self.command(["verify", "-q", "-d", "{}"], room)
        yield from run.problems()
        if run.status != 0:
            yield f"{words}: verify: exit status {run.status}: {run.out[:500]} {run.err[:300]}"

    def recovered(self, room, said, before):
        """The next start; then all is in order."""
        capture = Capture(self, room, named=False).run()
        yield from (f"afterwards: {p}" for p in capture.problems)
        if capture.status != 0:
            yield f"afterwards: exit status {capture.status}: {capture.err[:500]}"
        if not self.o.strict and NOT_READ.search(said):
            self.command(["reindex", "-q", "-d", "{}"], room)  # what could not be read once is not looked at again
        seen = look(room.archive)
        yield from (f"afterwards: {p}" for p in (*seen.problems, *self.check_frames(seen)))
        if less := before.frames - seen.frames:
            yield f"afterwards: {sum(less.values())} packets that were there are gone"
        if less := self.adopted.frames - seen.frames:
            yield f"afterwards: {sum(less.values())} packets that an earlier run had staged are not there"
        yield from (f"afterwards: {n} is there {times} times" for n, times in seen.names.items() if times > 1)
        left = list(faults.left_over(room.archive, False))
        yield from (f"afterwards: left over: {n}" for n in left)
        yield from self.verify(room, "afterwards")
        problems, packets = self.readable(room, "afterwards")
        yield from problems
        if packets != sum(seen.frames.values()):
            yield f"afterwards: {sum(seen.frames.values())} packets are there, find tells of {packets}"

    # ---- one after the other -------------------------------------------------------------------------

    def one(self, number, fault):
        room = self.rooms.get()
        note = room.archive + ".note"
        try:
            began = time.monotonic()
            self.anew(room)
            empty_note(note)
            capture = self.start_with(fault, room)
            capture.may_be_deaf = fault.call == "memory"
            capture.run(self.sent)
            what = open(note).read().strip().replace(room.archive, "DIR")
            seen = look(room.archive)
            problems, outcome = self.after_fault(fault, capture, seen)
            if self.o.keep:
                shutil.rmtree(room.archive + ".kept", ignore_errors=True)
                shutil.copytree(room.archive, room.archive + ".kept", symlinks=True) if os.path.isdir(room.archive) else None
            if outcome == "unharmed":
                problems += self.verify(room, "at once")
            if os.path.isdir(room.archive + "/.staging"):  # else it is no archive yet
                problems += self.readable(room, "at once")[0]
            if not capture.hangs:
                problems += self.recovered(room, capture.err, seen)
            if fault.call != "memory" and not what:
                outcome = "did not come" if outcome == "unharmed" else outcome
            outcome = "wrong" if problems else outcome
        finally:
            self.rooms.put(room)
        with faults.lock:
            self.outcomes[outcome] += 1
            if problems or self.o.verbose:
                self.wrong += bool(problems)
                print(f"{self.o.name}: fault {number}: {fault.call} {fault.at} of {self.counts[fault.call]}"
                      f"{' and on' if fault.on else ''}: {fault.error} ({what}), status {capture.status}: {outcome},"
                      f" {time.monotonic() - began:.1f} s")  # fmt: skip
                for p in problems[:8]:
                    print(f"    {p}")
                told = " / ".join(line for line in capture.err.splitlines() if "flowkeep: " in line)
                print(f"    it said: {told[:900]}", flush=True)
            if problems and self.o.keep and os.path.isdir(room.archive + ".kept"):
                to = f"{self.o.keep}/{self.o.name.replace(' ', '-')}-{number}"
                shutil.rmtree(to, ignore_errors=True)
                shutil.move(room.archive + ".kept", to)
            if self.o.results:
                with open(self.o.results, "a") as f:
                    json.dump([self.o.name, fault.call, fault.error, fault.on, outcome, fault.at, what, capture.status, capture.err], f)
                    f.write("\n")

    def run(self):
        self.count()
        chosen = list(self.faults())
        with concurrent.futures.ThreadPoolExecutor(self.o.rooms) as pool:
            for done in [pool.submit(self.one, i, f) for i, f in enumerate(chosen)]:
                done.result()
        came = len(chosen) - self.outcomes["did not come"]
        print(f"{self.o.name}: {len(chosen)} faults in {sum(self.counts.values())} calls: "
              + ", ".join(f"{n} {outcome}" for outcome, n in self.outcomes.most_common()), flush=True)  # fmt: skip
        if came * 2 < len(chosen):
            print(f"{self.o.name}: only {came} of {len(chosen)} faults came")
            return 1
        return self.wrong


def share(text):
    number, of = text.split("/")
    return int(number), int(of)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--name", required=True)
    p.add_argument("--server", required=True, help="name space of the capture")
    p.add_argument("--client", required=True, help="name space that the packets come from")
    p.add_argument("--rooms", type=int, default=1, help="as many at once; pairs of interfaces")
    p.add_argument("--sockets", required=True, help="a directory with a short name")
    p.add_argument("--ended", required=True, help="a pcap of flows that end")
    p.add_argument("--open", required=True, help="a pcap of flows that do not")
    p.add_argument("--base", help="an archive to begin with")
    p.add_argument("--leave", metavar="DIR", help="no faults: leave an archive there as a kill does")
    p.add_argument("--ended-flows", type=int, default=0, help="for --leave: how many of the flows end")
    p.add_argument("--under", help="calls on this count, instead of those on the archive")
    p.add_argument("--share", type=share, default=(1, 1), metavar="N/M", help="the N-th of M shares of all faults")
    p.add_argument("--all", type=int, help="so many moments of each call and error")
    p.add_argument("--calls", type=lambda s: s.split(","), help="only these kinds")
    p.add_argument("--timeout", type=float, default=20)
    p.add_argument("--keep", help="a directory for archives that something is wrong with, as the fault left them")
    p.add_argument("--results")
    p.add_argument("--strict", action="store_true", help="what is known and not mended is wrong")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--failat", default=os.environ.get("FAILAT"))
    p.add_argument("--failmem", default=os.environ.get("FAILMEM"))
    p.add_argument("command", nargs="*")
    campaign = Campaign(p.parse_args())
    if campaign.o.leave:
        campaign.leave(campaign.o.leave)
        return
    sys.exit(campaign.run() > 0)


if __name__ == "__main__":
    main()
