# SPDX-License-Identifier: BSD-2-Clause
"""Connections and events in every order.

    event_timing.py play  GROUP SERVER_NS CLIENT_NS ARCHIVE SOCKET PID      while flowkeep runs
    event_timing.py check ARCHIVE LEDGER                                    after it ended

Each connection says texts of its own. `play` leaves in expected.json under which name each text must be
found, and how every event must be counted; `check` looks.
"""
import collections
import json
import os
import signal
import socket
import sys
import time

import archive
import badlines
import eventserver
import frames
import netns
import tagged

OPEN = ("named", "late", "unmatched", "repeated", "evicted")
CLOSE = ("closed", "unknown_close")
BAD = ("malformed", "blank", "too_long", "unknown", "bad_uuid", "no_tuple")
GENERATED = None  # under a name that no event told
DROPPED = ""  # nowhere


class Stage:
    def __init__(self, server_ns, client_ns, directory, path, pid):
        self.directory, self.pid, self.client_ns = directory, int(pid), client_ns
        self.net = netns.Net(server_ns, client_ns)
        self.events = eventserver.EventServer(path)
        self.events.accept()
        self.texts, self.outcomes, self.others, self.either = {}, collections.Counter(), 0, []

    def connect(self, port=0):
        link = self.net.connect(port)
        link.ends = frames.ends_of(*link.own, *link.peer)
        return link

    def say(self, link, text, uuid):
        self.texts[text] = uuid
        link.say(f"<{text}>".encode())

    def open(self, outcome, uuid, link, **changes):
        self.events.open(uuid, link, **changes)
        self.outcomes[outcome] += 1

    def close(self, outcome, uuid):
        self.events.close(uuid)
        self.outcomes[outcome] += 1

    def wait_for(self, what, condition):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited in vain for {what}")
            time.sleep(0.05)

    def wait_published(self, text):
        wanted = f"<{text}>".encode()
        self.wait_for(f"a published part with {text}", lambda: any(
            wanted in packet.frame for part in archive.parts(self.directory) for packet in part.packets))  # fmt: skip

    def wait_staged(self, link, text, name):
        """Until the flow is flushed to a staged file of that name ("-": none yet), with that text."""
        wanted = f"<{text}>".encode()

        def is_there():
            os.kill(self.pid, signal.SIGUSR2)
            return any(
                staged_name == name and ends == link.ends and any(wanted in packet.frame for packet in packets)
                for staged_name, ends, packets in archive.staged(self.directory)
            )

        self.wait_for(f"a staged file named '{name}' with {text}", is_there)


def before(s):
    own, peer = s.net.where, ("10.77.1.2", 30001)
    s.events.line(json.dumps(eventserver.open_event("before", own, peer)))
    s.outcomes["named"] += 1
    link = s.connect(30001)
    s.say(link, "before-1", "before")
    link.finish()


def between(s):
    link = s.connect()
    s.say(link, "between-1", "between")
    s.wait_staged(link, "between-1", "-")
    s.open("named", "between", link)
    s.say(link, "between-2", "between")
    s.wait_staged(link, "between-2", "between")
    link.finish()


def after(s):
    link = s.connect()
    s.say(link, "after-1", "after")
    s.wait_staged(link, "after-1", "-")
    link.finish()
    s.open("named", "after", link)


def later_than_the_wait(s):
    """One connection stays open beyond the wait, another ends and is published without a name."""
    stays, ends = s.connect(), s.connect()
    s.say(stays, "stays-1", "stays")
    s.say(ends, "late-1", GENERATED)
    ends.finish()
    s.wait_published("late-1")
    s.open("named", "stays", stays)
    s.say(stays, "stays-2", "stays")
    stays.finish()
    s.open("late", "late", ends)
    straggler(s, ends, "late-2", "late")


def straggler(s, link, text, uuid):
    """A last segment from the client of a connection that has ended."""
    s.texts[text] = uuid
    segment = tagged.ip_tcp(socket.inet_aton(link.peer[0]), socket.inet_aton(link.own[0]), (link.peer[1], link.own[1]),
                            frames.ACK | 8, (7, 7), f"<{text}>".encode())  # fmt: skip
    with netns.inside(s.client_ns):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("cli0", 0))
    raw.send(bytes.fromhex("020000000101") + raw.getsockname()[4] + b"\x08\x00" + segment)
    raw.close()


def twice(s):
    link, other = s.connect(), s.connect()
    s.open("named", "twice", link)
    s.say(link, "twice-1", "twice")
    s.open("repeated", "twice", link)
    s.say(link, "twice-2", "twice")
    # The same name for another connection: a flow of its own, never mixed with the first.
    s.open("named", "twice", other)
    s.say(other, "other-1", "twice")
    link.finish()
    other.finish()


def reused(s):
    """The client's port again, with an event before, after, and at the same moment."""
    first = s.connect(30007)
    s.open("named", "reused-a", first)
    s.say(first, "reused-a", "reused-a")
    first.reset()
    second = s.connect(30007)
    s.say(second, "reused-b", "reused-b")
    s.wait_staged(second, "reused-b", "-")
    s.open("named", "reused-b", second)
    s.say(second, "reused-b2", "reused-b")
    second.reset()
    third = s.connect(30007)
    s.open("named", "reused-c", third)
    s.say(third, "reused-c", "reused-c")
    third.finish()


def closing(s):
    link = s.connect()
    s.open("named", "closing", link)
    s.say(link, "closing-1", "closing")
    s.close("closed", "closing")
    s.say(link, "closing-2", "closing")
    link.finish()
    s.close("unknown_close", "never-opened")


def unmatched(s):
    s.events.line(json.dumps(eventserver.open_event("unmatched", s.net.where, ("10.77.1.2", 1))))
    s.outcomes["unmatched"] += 1


def oddities(s):
    """What packet-headers takes: mapped addresses, any case of keys, escapes, unknown keys, large cookies."""

    def odd(uuid, change):
        link = s.connect()
        s.events.send(change(eventserver.open_event(uuid, link.own, link.peer)))
        s.outcomes["named"] += 1
        s.say(link, f"odd-{uuid}", uuid)
        link.finish()

    def line(event):
        return json.dumps(event).encode() + b"\n"

    def lower(event):
        return {key.lower(): lower(value) if isinstance(value, dict) else value for key, value in event.items()}

    def identity(event, **changes):
        event["ID"].update(changes)
        return line(event)

    odd("mapped", lambda event: identity(event, SrcIP="::ffff:" + event["ID"]["SrcIP"], DstIP="::ffff:" + event["ID"]["DstIP"]))
    odd("lower", lambda event: line(lower(event)))
    odd("negative", lambda event: identity(event, Cookie=-1))
    odd("large", lambda event: identity(event, Cookie=2**63 - 1))
    odd("unsigned", lambda event: identity(event, Cookie=2**64 - 1))
    odd("escaped-name", lambda event: line(event).replace(b"escaped-name", b"\\u0065scaped\\u002dname"))
    odd("unknown-keys", lambda event: line({"Extra": [1, {"a": None}], "Text": "\u003c\u20ac", **event}))
    odd("carriage-return", lambda event: line(event).replace(b"\n", b"\r\n"))
    odd("spaces", lambda event: b"  " + json.dumps(event, separators=(" , ", " : ")).encode() + b" \n")
    odd("n" * 128, line)


def in_pieces(s):
    link = s.connect()
    text = json.dumps(eventserver.open_event("pieces", link.own, link.peer)).encode() + b"\n"
    for at in range(0, len(text), 50):
        s.events.send(text[at : at + 50], lines=0)
    s.events.lines += 1
    s.outcomes["named"] += 1
    s.say(link, "pieces-1", "pieces")
    link.finish()


def bad(s):
    counts, s.others = badlines.send_all(s.events)
    s.outcomes.update(counts)


def idle(s):
    """Longer silent than two ticks: published, and then on under the same name."""
    link, unnamed = s.connect(), s.connect()
    s.open("named", "idle", link)
    s.say(link, "idle-1", "idle")
    s.say(unnamed, "unnamed-1", GENERATED)
    s.wait_published("idle-1")
    s.wait_published("unnamed-1")
    s.open("late", "unnamed", unnamed)
    for each, name in ((link, "idle"), (unnamed, "unnamed")):
        s.say(each, f"{name}-2", name)
        s.wait_published(f"{name}-2")
        s.say(each, f"{name}-3", name)
        each.finish()


def missing(s):
    """With --uuid-missing drop."""
    named, unnamed = s.connect(), s.connect(30020)
    s.open("named", "kept", named)
    s.say(named, "kept-1", "kept")
    s.say(unnamed, "dropped-1", DROPPED)
    unnamed.finish()
    named.finish()


GROUPS = {
    "order": (before, between, bad, after, twice, later_than_the_wait, reused, closing, unmatched, oddities, in_pieces),
    "idle": (idle,),
    "missing": (missing,),
}


def play(group, *arguments):
    stage = Stage(*arguments)
    for case in GROUPS[group]:
        print(f"{case.__name__}", flush=True)
        case(stage)
    with open("expected.json", "w", encoding="ascii") as file:
        json.dump({"texts": stage.texts, "outcomes": stage.outcomes, "others": stage.others, "lines": stage.events.lines}, file)
    return 0


def texts_in(directory):
    found = collections.defaultdict(list)
    for part in archive.parts(directory):
        for packet in part.packets:
            payload = packet.tcp.payload
            if payload[:1] == b"<" and payload[-1:] == b">":
                found[payload[1:-1].decode()].append(part.uuid)
    return found


def check(directory, ledger):
    with open("expected.json", encoding="ascii") as file:
        expected = json.load(file)
    with open(ledger, encoding="ascii") as file:
        events = json.load(file)["events"]
    wrong = []
    found, told = texts_in(directory), {uuid for uuid in expected["texts"].values() if uuid}
    for text, uuid in expected["texts"].items():
        names = found.get(text, [])
        if uuid is GENERATED:
            good = len(names) == 1 and names[0] not in told
        else:
            good = names == ([uuid] if uuid else [])
        if not good:
            wanted = "a generated name" if uuid is GENERATED else f"'{uuid}'"
            wrong.append(f"{text}: wanted once under {wanted}, got {names}")
    for outcome in OPEN + CLOSE:
        if events.get(outcome) != expected["outcomes"].get(outcome, 0):
            wrong.append(f"events {outcome}: wanted {expected['outcomes'].get(outcome, 0)}, got {events.get(outcome)}")
    for outcome in BAD:
        if events.get(outcome, 0) < expected["outcomes"].get(outcome, 0):
            wrong.append(f"events {outcome}: wanted at least {expected['outcomes'][outcome]}, got {events.get(outcome)}")
    wanted = sum(expected["outcomes"].get(outcome, 0) for outcome in BAD) + expected["others"]
    if sum(events.get(outcome, 0) for outcome in BAD) != wanted:
        wrong.append(f"bad lines: wanted {wanted}, got {[(outcome, events.get(outcome)) for outcome in BAD]}")
    if events.get("lines") != expected["lines"]:
        wrong.append(f"lines: wanted {expected['lines']}, got {events.get('lines')}")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(play(*sys.argv[2:]) if sys.argv[1] == "play" else check(*sys.argv[2:]))
