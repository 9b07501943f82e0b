# SPDX-License-Identifier: BSD-2-Clause
"""
A round of a soak: an archive on a small disk, captures that follow one another, traffic all the
time, and what happens to them. Everything is drawn from the seed, and done in one loop that waits
for whatever comes first.
"""
import collections
import contextlib
import random
import select
import signal
import subprocess
import time

import events
import final
import look
import rig
import traffic
from capture import Run, draw_options, ns_of

TICK = 0.1  # seconds between samples
AGE = 5  # seconds that a run may go on before it is killed
OLD_DAYS = 3
ACTS = {"stop": 3, "kill": 5, "kill early": 1, "kill while stopping": 1, "fill": 3, "events": 4,
        "tool": 8, "flush": 1}
TOOLS = {  # words, statuses beside a capture, and on a full disk
    "find": (["find", "--count"], (0, 1), (0, 1)),
    "find an expression": (["find", "--format", "json", "tcp and packets > 3"], (0, 1), (0, 1)),
    "fetch": (["fetch", "-q", "-e", "packets > 2", "--limit", "20"], (0, 1), (0, 1)),
    "fetch as pcapng": (["fetch", "-q", "-e", "bytes > 100", "--limit", "5", "--format", "pcapng"],
                        (0, 1), (0, 1)),
    "verify": (["verify", "-q"], (0,), (0,)),
    "du": (["du"], (0,), (0,)),
    "pack": (["pack", "-q", "--older-than", "1d", "--segment-size", "1MiB"], (0, 1), (0, 1)),
    "prune": (["prune", "-q", "--max-age"], (0, 1), (0, 1, 3)),
    "reindex": (["reindex", "-q"], (0, 1), (0, 1, 3)),
}
WRITES = ("pack", "prune", "reindex")


class Round:
    def __init__(self, arguments, seed, number, work):
        self.arguments, self.name, self.number, self.work = arguments, f"{seed}/{number}", number, work
        self.wrong, self.counts, self.acts = [], collections.Counter(), []
        self.runs, self.run, self.tools, self.later, self.named = [], None, [], [], []
        self.known, self.must_stay, self.torn = {}, {}, False
        self.dull_since = self.next_sample = 0
        draw = random.Random(f"{self.name}/round")
        self.seconds = draw.uniform(*arguments.round_seconds)
        inodes = draw.choice((0, 0, 0, 0, 4000))
        self.disk = rig.Disk(f"{work}/disk", draw.choice((32, 48, 96)) * rig.MIB, inodes)
        self.archive = f"{self.disk.path}/a"
        self.retention = {}
        if draw.random() < 0.25:
            self.retention = draw.choice(({"--max-disk": "20MiB"}, {"--min-free": "30%"}))
        self.server = events.EventServer(f"{work}/e", f"soak-{number}")
        self.with_events = draw.random() < 0.7
        self.make(draw)

    def make(self, draw):
        flowgen = self.arguments.flowgen
        inputs = [traffic.Input(flowgen, draw, f"{self.work}/input{i}")
                  for i in range(traffic.INPUTS)]
        today = int(time.time()) // 86400
        self.old = today - 10
        days = []
        for day in range(OLD_DAYS):
            days.append(f"{self.work}/old{day}.pcap")
            rig.must(flowgen, "--flows", "40", "--mean-bytes", "2KiB", "--seed", str(day),
                     "--start", str((self.old + day) * 86400 + 3600), days[-1])
        rig.must(self.arguments.flowkeep, "split", "-q", "-d", self.archive, "--store",
                 draw.choice(("files", "segments")), *days)
        self.traffic = traffic.Traffic(self.name, inputs, self.work)

    # ---- the loop -------------------------------------------------------------------------------

    def note(self, words):
        self.acts.append(f"{time.monotonic() - self.start:6.2f} {words}")
        if self.arguments.verbose:
            rig.say(f"  {self.acts[-1]}")
        if self.run:
            self.run.happened += 1

    def complain(self, words):
        self.wrong.append(words)
        self.note(f"WRONG: {words}")

    def pump(self, seconds, until=lambda: False):
        """Goes on for so long, or until that is true; whether it is."""
        end = time.monotonic() + seconds
        while True:
            self.tend()
            if until():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            waiting = select.poll()
            for fd in self.descriptors():
                waiting.register(fd, select.POLLIN)
            for client in self.server.descriptors():
                waiting.register(client, select.POLLIN if client is self.server.listener else
                                 select.POLLOUT)
            waiting.poll(min(left, TICK) * 1000)

    def descriptors(self):
        fds = [self.traffic.process.fd] if self.traffic.sending() else []
        fds += [tool.fd for tool, _ in self.tools]
        return fds + (self.run.descriptors() if self.run else [])

    def tend(self):
        now = time.monotonic()
        for item in sorted(item for item in self.later if item[0] <= now):
            self.later.remove(item)
            item[2]()
        self.server.tend()
        self.traffic.tend()
        if not self.traffic.sending() and not self.traffic.held:
            self.tell(self.traffic.start())
        for item in list(self.tools):
            if item[0].ended():
                self.tools.remove(item)
                item[1](item[0])
        if self.run:
            self.run.tend()
            if not self.run.alive() and self.run.kind is None:
                self.died()
        if now >= self.next_sample:
            self.next_sample = now + TICK
            self.sample(now)

    def after(self, seconds, what):
        self.later.append((time.monotonic() + seconds, len(self.later), what))

    def sample(self, now):
        if self.run:
            self.run.sample()
        # A disk that the archive itself has filled is given room by nobody else.
        if self.disk.ballast_bytes or not self.disk.full():
            self.dull_since = now
        elif now > self.dull_since + 2:
            self.note("the disk is full by itself, and grows")
            self.counts["full disks"] += 1
            self.disk.grow(1.5)

    def tell(self, source):
        """The event server learns of some of the connections of a volley, sooner or later."""
        if not self.with_events:
            return
        draw = self.traffic.draw()
        some = draw.sample(source.connections,
                           min(len(source.connections), draw.randrange(traffic.TOLD_MAX)))

        def open_and_close(group, close_after):
            names = [self.server.open(ends) for ends in group]
            self.after(close_after, lambda: [self.server.close(name) for name in names])

        for part in range(4):
            group, delay = some[part::4], draw.choice((0, 0, 0.3, 2))
            self.after(delay, lambda group=group: open_and_close(group, 2))

    # ---- captures -------------------------------------------------------------------------------

    def draw_run(self):
        draw = random.Random(f"{self.name}/run/{len(self.runs)}")
        options = draw_options(draw, self.server.path if self.with_events else None)
        options["--anonymize-key"] = f"{self.work}/key"
        return {**options, **self.retention}

    def launch(self):
        self.run = Run(len(self.runs), self.arguments.flowkeep, f"{self.work}/run{len(self.runs)}",
                       self.archive, self.draw_run(), self.disk)
        self.run.quiet["start"] = not self.traffic.sending()
        self.runs.append(self.run)
        self.counts["captures"] += 1
        self.note(f"start {self.run.number}: {self.run.words()}")

    def begin(self):
        """Starts a capture, which is ready afterwards."""
        for _ in range(3):
            self.launch()
            run = self.run
            run.kind = "starting"  # its end is looked at here
            if not self.pump(60, lambda: run.ready or not run.alive()):
                self.complain(f"run {run.number} was not ready within 60 s: {run.log[-3:]}")
            if run.ready:
                run.kind = None
                run.wire["ready"] = rig.wire_packets()
                if not self.traffic.sending():
                    run.ready = rig.wall_ns()  # nothing came in between
                    self.traffic.mark()
                return
            run.kill()
            self.pump(60, lambda: not run.alive())
            run.closed()
            self.run = None
            self.torn = True
            if run.full_since is None and not self.disk.full():
                self.complain(f"run {run.number} did not start: status {run.process.status}: "
                              f"{' | '.join(run.log[-3:])}")
            self.counts["captures that did not start on a full disk"] += 1
            self.disk.free()
            if self.disk.full():
                self.disk.grow(1.5)
        raise RuntimeError("no capture can be started")

    def died(self):
        run, self.run = self.run, None
        run.kind = "died"
        run.closed()
        self.complain(f"run {run.number} ended by itself: status {run.process.status}: "
                      f"{' | '.join(run.log[-3:])}")
        self.torn = True
        self.begin()

    def quieten(self, quiet):
        """No packet until self.traffic.held is False again."""
        if quiet:
            self.traffic.held = True
            self.pump(60, lambda: not self.traffic.sending())

    def stop(self):
        run, self.run.kind = self.run, "stopping"
        full = self.disk.full() or run.suspended()
        run.quiet["stop"] = not self.traffic.sending()
        run.wire["stop"] = rig.wire_packets()
        run.terminate()
        if not self.pump(120, lambda: not run.alive()):
            self.complain(f"run {run.number} did not end within 120 s of SIGTERM: {run.log[-3:]}")
            self.end_killed()
            return
        run.wire["end"] = rig.wire_packets()
        run.closed()
        self.run = None
        full = full or self.disk.full()
        run.judge_stopped(full)
        self.counts["stops"] += 1
        left = look.Archive.unfinished(Names(self.archive))
        if run.process.status == 0 and run.full_since is None and not self.torn and left:
            run.complain(f"stopped, and left: {left[:5]}")
        mended = run.full_since is None  # what it found unfinished it could bring into order
        self.torn = full or run.process.status != 0 or self.torn and not mended

    def end_killed(self):
        run = self.run
        run.kill()
        self.pump(60, lambda: not run.alive())
        run.closed()
        self.run, self.torn = None, True
        self.counts["kills"] += 1
        self.look()

    def kill(self):
        run, before = self.run, self.run.reported
        run.process.signal(signal.SIGUSR1)
        if not self.pump(30, lambda: run.reported > before or not run.alive()):
            self.complain(f"run {run.number} did not answer SIGUSR1 within 30 s")
        if self.run is run:
            self.end_killed()

    def look(self):
        """What was published is whole, and will stay."""
        while self.tools:
            self.pump(120, lambda: not self.tools)
        now = look.Archive(self.archive, self.known)
        for words in now.wrong[:5]:
            self.complain(f"after a kill: {words}")
        if not self.retention:
            for name in self.must_stay.keys() - now.parts.keys():
                self.complain(f"{name} was published, and is not there any more")
            self.must_stay = {name: part for name, part in now.parts.items()
                              if not self.is_old(name)}
        self.known = now.parts

    def is_old(self, name):
        return any(name.startswith(time.strftime("%Y/%m/%d", time.gmtime((self.old + day) * 86400)))
                   for day in range(OLD_DAYS))

    # ---- what happens ---------------------------------------------------------------------------

    def act(self, draw):
        kinds = [kind for kind in ACTS if self.with_events or kind != "events"]
        kind = draw.choices(kinds, [ACTS[kind] for kind in kinds])[0]
        quiet, old_enough = draw.random() < 0.5, draw.random() < 0.6
        if kind == "fill":
            self.fill(draw.uniform(0.3, 6))
        elif kind == "events":
            self.fail_events(draw)
        elif kind == "tool":
            self.use(draw)
        elif kind == "flush":
            self.note(kind)
            self.run.process.signal(signal.SIGUSR2)
        else:
            if kind == "kill" and old_enough:  # that there are packets that no kill may cost
                self.pump(ns_of(self.run.options["--flush-interval"]) / 1e9 + AGE)
            self.quieten(quiet)
            self.note(kind + (", while nothing is sent" if self.traffic.held else ""))
            self.end(kind, draw)
            self.begin()
            self.traffic.held = False

    def end(self, kind, draw):
        if kind == "stop":
            self.stop()
        elif kind == "kill":
            self.kill()
        elif kind == "kill while stopping":
            run = self.run
            run.terminate()
            self.pump(draw.uniform(0, 0.3), lambda: not run.alive())
            self.end_killed()
        else:
            self.stop()
            self.launch()
            self.run.kind = "starting"
            self.pump(draw.uniform(0, 0.3))
            self.end_killed()

    def fill(self, seconds):
        if self.disk.ballast_bytes:
            return
        self.note(f"the disk is filled for {seconds:.1f} s")
        self.counts["full disks"] += 1
        if self.run:
            self.run.note_full()
        self.disk.fill()
        self.after(seconds, self.disk.free)

    def fail_events(self, draw):
        how = draw.choice(("stop", "hang", "garbage", "cut", "start again"))
        self.note(f"event server: {how}")
        self.counts["event failures"] += 1
        if how == "garbage":
            self.server.garbage(draw)
            return
        {"stop": self.server.stop, "hang": self.server.hang, "cut": self.server.cut,
         "start again": self.server.start}[how]()
        self.after(draw.uniform(0.1, 4), lambda: self.server.state == "on" or self.server.start())

    def use(self, draw):
        """One tool beside the capture; some that write are killed."""
        name, age, killed = draw.choice(sorted(TOOLS)), draw.randint(7, 12), draw.random() < 0.2
        delay = draw.uniform(0, 0.1)
        if self.tools or self.torn and name == "verify":
            return
        words, statuses, on_full = TOOLS[name]
        words = [words[0], "-d", self.archive, *words[1:]]
        if name == "prune":
            words.append(f"{age}d")
        killed = killed and name in WRITES
        self.note(f"tool: {name}{', killed' if killed else ''}")
        self.counts["tools"] += 1
        run, full = self.run, self.disk.full()
        tool = rig.Process([self.arguments.flowkeep, *words], f"{self.work}/tool")
        self.after(120, lambda: tool.status is None and self.overdue(name, tool))

        def judge(tool):
            gave = on_full if full or self.disk.full() or run and run.full_since else statuses
            if self.retention and name.startswith("fetch"):
                gave = (*gave, 3)
            if killed and tool.status == -9:
                self.torn = True
            elif tool.status not in gave:
                self.complain(f"{name}: exit status {tool.status}, wanted {gave}: "
                              f"{tool.complaint()} {tool.said()[-500:] if name == 'verify' else ''}")

        self.tools.append((tool, judge))
        if killed:
            self.after(delay, lambda: tool.signal(signal.SIGKILL))

    def overdue(self, name, tool):
        self.complain(f"{name} did not end within 120 s")
        tool.signal(signal.SIGKILL)

    # ---- the whole ------------------------------------------------------------------------------

    def play(self):
        self.start = time.monotonic()
        if self.with_events:
            self.server.start()
        self.begin()
        number = 0
        while time.monotonic() < self.start + self.seconds:
            draw = random.Random(f"{self.name}/act/{number}")
            number += 1
            self.pump(draw.uniform(0.1, 3.5))
            self.act(draw)
        self.finish(random.Random(f"{self.name}/end"))

    def finish(self, draw):
        self.quieten(True)
        self.pump(120, lambda: not self.tools)
        if draw.random() < 0.3:
            self.note("the last one is killed")
            self.kill()
        else:
            self.note("the last one is stopped")
            self.stop()
        self.later.clear()
        self.disk.free()
        self.disk.grow(2)  # it may have been full to the last byte by itself
        if self.torn:
            self.mend(draw)
        self.server.stop()
        final.judge(self)

    def mend(self, draw):
        """The next start, or reindex, brings everything into order."""
        if draw.random() < 0.5:
            self.note("mended by a capture")
            self.begin()
            self.stop()
        else:
            self.note("mended by reindex")
            done = subprocess.run([self.arguments.flowkeep, "reindex", "-q", "-d", self.archive],
                                  env=rig.ENVIRONMENT, text=True, capture_output=True)
            if done.returncode != 0:
                self.complain(f"reindex: exit status {done.returncode}: {done.stdout[-300:]} "
                              f"{done.stderr[-300:]}")

    def close(self, keep):
        """Ends everything; keep: where to leave what there was, or None."""
        self.server.stop()
        for process in list(rig.Process.alive):
            process.signal(signal.SIGKILL)
            process.ended(60)
        if self.run and self.run.over is None:
            self.run.closed()
        for run in self.runs:
            self.wrong += run.wrong
        if keep and self.wrong:
            self.disk.free()
            subprocess.run(["cp", "-a", self.work, keep], check=True)
            with open(f"{keep}/acts", "w") as f:
                f.writelines(line + "\n" for line in self.acts + self.wrong)
        if (why := self.disk.unmount()) is not None:
            self.wrong.append(f"the disk is still in use: {why}")
            with contextlib.suppress(ValueError):
                self.disk.unmount("-l")


class Names:
    """An archive of which only names are looked at."""

    days = look.Archive.days

    def __init__(self, path):
        self.path = path
