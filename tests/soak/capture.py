# SPDX-License-Identifier: BSD-2-Clause
"""
One flowkeep capture of a soak: the options that were drawn for it, what it says while it runs, and
what its ledger must tell at its end.
"""
import contextlib
import json
import os
import re
import signal
import socket

import rig

SIZES = {"KiB": 1 << 10, "MiB": 1 << 20}
BASE_MEMORY = 80 * rig.MIB  # program, stacks, indexes: what a capture takes beside its packets
BYTES_A_FLOW = 300  # of --max-flows, see flowkeep-capture(1)
DESCRIPTORS = 64
LINES_AT_REST, LINES_AN_EVENT = 20, 6  # of the log
SANITIZED = "FLOWKEEP_SANITIZED" in os.environ  # calls and memory are then not flowkeep's own
IN_FLIGHT = 64  # packets that may be on their way while a counter is read
MARGIN_NS = 2 * 10**9  # the way to the disk, on a machine that is busy


def size_of(text):
    return int(text[:-3]) * SIZES[text[-3:]]


def ns_of(text):
    return int(text[:-2]) * 10**6 if text.endswith("ms") else int(text[:-1]) * 10**9


def draw_options(draw, events):
    """As {option: value}; a flag has None."""
    options = {
        "--store": draw.choice(("files", "segments")),
        "--sync": draw.choice(("group", "group", "each", "none")),
        "--compress": draw.choice(("isal:0", "isal:0", "isal:1", "zlib:1", "zlib:6", "none")),
        "--max-memory": draw.choice(("8MiB", "8MiB", "24MiB", "128MiB")),
        "--max-flows": draw.choice(("100", "3000", "50000", "50000")),
        "--ring-size": draw.choice(("2MiB", "16MiB")),
        "--flush-interval": draw.choice(("200ms", "500ms", "1s", "2s")),
        "--savers": draw.choice(("1", "2", "3")),
        "--protocols": draw.choice(("all", "all", "tcp", "tcp,udp")),
        "--idle-timeout": draw.choice(("1s", "2s", "30s")),
        "--linger": draw.choice(("100ms", "1s", "2s")),
        "--segment-size": draw.choice(("1MiB", "4MiB", "256MiB")),
        "--segment-age": draw.choice(("2s", "1h")),
        "--payload": draw.choice(("full", "full", "full", "headers", "zero", "64")),
        "--anonymize": draw.choice(("none", "none", "none", "netblock", "cryptopan")),
    }
    for option, value, chance in (("--vlan-key", None, 0.2), ("--max-bytes", "20KiB", 0.1),
                                  ("--max-duration", "500ms", 0.1), ("--snaplen", "200", 0.1),
                                  ("--anonymize-mac", None, 0.1)):
        if draw.random() < chance:
            options[option] = value
    if events:
        options["--events"] = events
        options["--uuid-wait"] = draw.choice(("200ms", "1s", "5s"))
        options["--uuid-missing"] = draw.choice(("generate", "generate", "generate", "drop"))
    return options


class Run:
    """A capture from its start to its end. wrong: what is not as it should be."""

    def __init__(self, number, flowkeep, base, archive, options, disk):
        self.number, self.options, self.disk = number, options, disk
        self.log_path = f"{base}.log"
        self.ready = self.expected_end = self.kind = None
        self.full_since = None  # wall clock
        self.most_memory = self.most_descriptors = self.most_taken = 0
        self.log, self.rest, self.said, self.reported = [], b"", [], 0
        self.happened = 0  # of what a line may tell
        self.ledger, self.over, self.wrong = None, None, []
        self.wire = {"start": rig.wire_packets()}
        self.quiet = {}  # which of these was read while nobody sent
        self.began = rig.wall_ns()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.setblocking(False)
        self.notify.bind(f"{base}.n")
        self.pipe, other = os.pipe()
        os.set_blocking(self.pipe, False)
        always = ["--no-seccomp"] if SANITIZED else []
        words = always + [word for option, value in options.items()
                          for word in ((option,) if value is None else (option, value))]
        self.process = rig.Process(
            rig.in_ns(rig.CAPTURE_NS, flowkeep, "capture", "--json", "-d", archive, "-i", "cap0",
                      "--local", "none", *words),
            base, {"NOTIFY_SOCKET": f"{base}.n"}, log=other)
        os.close(other)

    def words(self):
        return " ".join(option + ("" if value is None else f" {value}")
                        for option, value in self.options.items())

    # ---- while it runs --------------------------------------------------------------------------

    def descriptors(self):
        return [self.pipe, self.notify.fileno()] + ([self.process.fd] if self.alive() else [])

    def alive(self):
        return self.process.status is None

    def tend(self):
        """Takes what it says."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.pipe, 65536):
                *lines, self.rest = (self.rest + data).split(b"\n")
                self.hear([line.decode(errors="replace") for line in lines])
        with contextlib.suppress(BlockingIOError):
            while True:
                message = self.notify.recv(4096).decode().split("\n")
                if "READY=1" in message and self.ready is None:
                    self.ready = rig.wall_ns()
        self.process.ended()

    def hear(self, lines):
        with open(self.log_path, "a") as f:
            f.writelines(line + "\n" for line in lines)
        for line in lines:
            if "flowkeep: " in line:
                self.log.append(line)
            else:
                self.said.append(line)
            if line.startswith("sandbox "):  # the last line of a report
                self.reported += 1
            if "cannot write to the archive" in line:
                self.note_full()

    def note_full(self):
        if self.full_since is None:
            self.full_since = rig.wall_ns()

    def sample(self):
        if self.disk.full():
            self.note_full()
        seen = rig.memory_and_descriptors(self.process.pid) if self.alive() else None
        if seen:
            self.most_memory = max(self.most_memory, seen[0])
            self.most_descriptors = max(self.most_descriptors, seen[1])
        if self.ready and self.kind is None:
            self.most_taken = max(self.most_taken, self.disk.taken())

    def suspended(self):
        told = [line for line in self.log if "store:" in line]
        return bool(told) and "can be written again" not in told[-1]

    def counted(self):
        """Packets that its ledger, or its last report, says it did not archive, whoever lost them."""
        try:  # it may have come to its end before the kill
            ledger = json.loads(self.process.said())
            return sum(sum(ledger[kind].values()) for kind in ("skipped", "dropped", "kernel_drops"))
        except ValueError:
            counts = {}
        for line in self.said:
            if line.startswith("packets "):
                numbers = [int(n) for n in re.findall(r"\d+", line)]
                counts["not archived"] = numbers[2] + numbers[3]
            elif line.startswith("interface "):
                counts["kernel"] = int(re.search(r"(\d+) dropped by the kernel", line)[1])
        return sum(counts.values())

    # ---- its end --------------------------------------------------------------------------------

    def closed(self):
        """It has ended: takes the last of what it said."""
        self.tend()
        self.over = rig.wall_ns()
        os.close(self.pipe)
        self.notify.close()

    def complain(self, words):
        self.wrong.append(f"run {self.number}: {words}")

    def judge_always(self):
        options = self.options
        allowed = (size_of(options["--max-memory"]) + size_of(options["--ring-size"]) +
                   int(options["--max-flows"]) * BYTES_A_FLOW + BASE_MEMORY)
        if self.most_memory > allowed and not SANITIZED:
            self.complain(f"{self.most_memory} bytes were resident, allowed {allowed}")
        if self.most_descriptors > DESCRIPTORS:
            self.complain(f"{self.most_descriptors} descriptors were open, allowed {DESCRIPTORS}")
        lines = LINES_AT_REST + LINES_AN_EVENT * self.happened
        if len(self.log) > lines:
            self.complain(f"{len(self.log)} lines of log, allowed {lines}: {self.log[-1]}")
        for line in self.log + self.said:
            if "Sanitizer" in line or "runtime error" in line or "sandbox:" in line:
                self.complain(f"it said: {line}")
        limit = options.get("--max-disk")
        if limit and self.full_since is None and self.most_taken > size_of(limit):
            self.complain(f"{self.most_taken} bytes were taken, --max-disk {limit}")

    def judge_stopped(self, full):
        """It was ended by SIGTERM. full: the disk was, meanwhile."""
        status = self.process.status
        try:
            self.ledger = json.loads(self.process.said())
        except ValueError:
            self.complain(f"no ledger, exit status {status}: {' | '.join(self.log[-3:])}")
            return
        # 1: packets were lost while stopping; those that --uuid-missing drop asks for are among them.
        excused = full or self.ledger["dropped"]["no_uuid"] > 0
        if status not in ((0, 1) if excused else (0,)):
            self.complain(f"exit status {status}: {' | '.join(self.log[-3:])}")
        ledger = self.ledger
        read, kernel = ledger["packets_read"], sum(ledger["kernel_drops"].values())
        ends = (ledger["packets_archived"] + sum(ledger["skipped"].values()) +
                sum(ledger["dropped"].values()))
        if read != ends:
            self.complain(f"{read} packets read, {ends} accounted for: {ledger}")
        low = self.wire["stop"] - self.wire["ready"]
        low -= 0 if self.quiet["stop"] else IN_FLIGHT
        high = self.wire["end"] - self.wire["start"]
        if not low <= read + kernel <= high:
            self.complain(f"{low} to {high} packets were on the wire, {read} read, {kernel} dropped "
                          "by the kernel")
        events = ledger.get("events")
        if events and events["lines"] != sum(n for k, n in events.items() if k != "lines"):
            self.complain(f"events do not add up: {events}")

    def judge_packets(self, clock, between, marks, removes):
        """What of its time lies in the archive. marks: (time, packets on the wire before it)."""
        kept = between(clock, self.began, self.over)
        if self.kind == "stopped" and self.ledger and not removes:
            archived, read = self.ledger["packets_archived"], self.ledger["packets_read"]
            # On a full disk what was counted as lost may lie in .staging, and be adopted later.
            if kept != archived and not (self.full_since and archived <= kept <= read):
                self.complain(f"{archived} packets archived by its ledger, {kept} are there")
        if self.kind != "killed" or self.ready is None:
            return None
        last = min(self.over, self.full_since or self.over) - MARGIN_NS
        last -= ns_of(self.options["--flush-interval"])
        marks = [mark for mark in marks if self.ready <= mark[0] <= last]
        if len(marks) < 2:
            return None
        (first, before), (last, after) = marks[0], marks[-1]
        kept, sent, lost = between(clock, first, last), after - before, self.counted()
        drop = self.options.get("--uuid-missing") == "drop"  # may have been counted since
        if kept > sent or not removes and not drop and kept < sent - lost:
            self.complain(f"killed: of {sent} packets that came {(self.over - last) / 1e9:.1f} s "
                          f"before and earlier {kept} are there, {lost} were counted as lost")
        return sent

    def terminate(self):
        self.kind = "stopped"
        self.process.signal(signal.SIGTERM)

    def kill(self):
        self.kind = "killed"
        self.process.signal(signal.SIGKILL)
