#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second opinion on which flows an expression finds.

This reads expressions as flowkeep-find(1) tells them and asks every flow of the archive, one by one,
whether it is meant: no index, no short cut. What find says is held against it.

    reference_find.py random ARCHIVE SEED COUNT    random expressions about what is in the archive
    reference_find.py listed ARCHIVE               a list of awkward ones
    reference_find.py malformed ARCHIVE            expressions that are none

The program is $FLOWKEEP. Each difference is printed. The last line is "N agreed, M differed, K found
something"; exit status 1 if one differed.

Flows are what find tells without an expression. Only flows of several parts need more: if the times in
an expression choose some of their days, what counts is what lies in those. Their parts are taken from
the indexes, as flowkeep-archive(5) describes those.
"""
import csv
import glob
import io
import ipaddress
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

import find_expressions

DAY = 86400 * 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58, "sctp": 132}
NUMBERS = ("packets client_packets server_packets lost_packets truncated parts client_port server_port"
           " vlan linktype").split()
SIZES = "bytes client_bytes server_bytes captured_bytes".split()
NAMES = "end_reason uuid_source interface".split()
SIDES = {"src": 0, "client": 0, "dst": 1, "server": 1}
OPERATORS = {
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}
SIZE_UNITS = {"": 1, "B": 1}
for power, letter in enumerate("kMGT", 1):
    SIZE_UNITS[letter] = SIZE_UNITS[letter + "B"] = 1000**power
    SIZE_UNITS[letter.replace("k", "K") + "iB"] = 1024**power
TIME_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": DAY}


class Malformed(Exception):
    pass


# Times and addresses


def parse_time(text):
    """Nanoseconds since 1970 of RFC 3339, or of a date."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00Z"
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", text)
    if not parts:
        raise Malformed(text)
    date, clock, fraction, zone = parts.groups()
    zone = "+00:00" if zone in "Zz" else zone
    seconds = (datetime.fromisoformat(f"{date}T{clock}{zone}") - EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


def parse_duration(text):
    if text.isdigit():
        return int(text) * 10**9
    if not re.fullmatch(r"(\d+(ns|us|ms|s|m|h|d))+", text):
        raise Malformed(text)
    return sum(int(n) * TIME_UNITS[unit] for n, unit in re.findall(r"(\d+)(ns|us|ms|s|m|h|d)", text))


def parse_address(text):
    """IPv4 wherever it is, also as ::ffff:a.b.c.d."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def parse_network(text):
    """A network of nothing but ::ffff:a.b.c.d is one of IPv4."""
    net = ipaddress.ip_network(text)
    mapped = net.prefixlen >= 96 and getattr(net.network_address, "ipv4_mapped", None)
    return ipaddress.ip_network((mapped, net.prefixlen - 96)) if mapped else net


def number(text, largest):
    if not text.isdigit() or int(text) > largest:
        raise Malformed(text)
    return int(text)


# The language: what is parsed becomes a function of a flow, with the times that it asks for


class Term:
    """A question to a flow, and the times that choose days: the least `after` and the greatest `before`.

    Of each there are those of the term, and those of its opposite: where one negation is within
    another, it is as if neither was there.
    """

    def __init__(self, asks, times=(None, None), opposite=(None, None)):
        self.asks, self.times, self.opposite = asks, times, opposite
        self.after, self.before = times


def all_times(a, b):
    after, before = ([t for t in pair if t is not None] for pair in zip(a, b))
    return max(after, default=None), min(before, default=None)


def any_times(a, b):
    return (None if None in (a[0], b[0]) else min(a[0], b[0])), (None if None in (a[1], b[1]) else max(a[1], b[1]))


def both(a, b):
    return Term(lambda f: a.asks(f) and b.asks(f), all_times(a.times, b.times), any_times(a.opposite, b.opposite))


def either(a, b):
    return Term(lambda f: a.asks(f) or b.asks(f), any_times(a.times, b.times), all_times(a.opposite, b.opposite))


def negated(a):
    return Term(lambda f: not a.asks(f), a.opposite, a.times)


class Parser:
    def __init__(self, text):
        self.words = re.findall(r"\(|\)|&&|\|\||[<>!=]=|[<>=!]|[^\s()<>=!&|]+|\S", text)
        self.at = 0

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, *wanted):
        """The next word; with arguments: only if it is one of them."""
        word = self.peek()
        if (wanted and word not in wanted) or not word:
            return ""
        self.at += 1
        return word

    def whole(self):
        if not self.words:
            return Term(lambda f: True)
        term = self.any_of()
        if self.peek():
            raise Malformed(self.peek())
        return term

    def any_of(self):
        term = self.all_of()
        while self.take("or", "||"):
            term = either(term, self.all_of())
        return term

    def all_of(self):
        term = self.one()
        while self.take("and", "&&"):
            term = both(term, self.one())
        return term

    def one(self):
        if self.take("not", "!"):
            return negated(self.one())
        if self.take("("):
            term = self.any_of()
            if not self.take(")"):
                raise Malformed("no )")
            return term
        return self.term(self.take())

    def term(self, word):
        if word in SIDES:
            side = SIDES[word]
            if self.peek() not in ("host", "net", "port", "portrange"):
                return self.end("host", (side,))
            return self.end(self.take(), (side,))
        if word in ("host", "net", "port", "portrange"):
            return self.end(word, (0, 1))
        if word in ("ip", "ip6"):
            return Term(lambda f: (f["versions"] == [4, 4]) == (word == "ip"))
        if word in PROTOCOLS:
            return Term(lambda f: f["protocol"] == PROTOCOLS[word])
        if word == "proto":
            return self.named("protocol", lambda t: PROTOCOLS[t] if t in PROTOCOLS else number(t, 255))
        if word == "after":
            when = self.time()
            return Term(lambda f: f["end_ns"] >= when, (when, None))
        if word == "before":
            when = self.time()
            return Term(lambda f: f["start_ns"] < when, (None, when))
        if word == "uuid":
            prefix = self.take()
            return Term(lambda f: f["uuid"].startswith(prefix))
        if word in NAMES:
            return self.named(word, str)
        return self.field(word)

    def end(self, what, sides):
        text = self.take()
        if what == "host":
            address = parse_address(text)
            return Term(lambda f: any(f["ends"][s][0] == address for s in sides))
        if what == "net":
            net = parse_network(text)
            return Term(lambda f: any(f["ends"][s][0] in net for s in sides))
        low, high = text.split("-") if what == "portrange" else (text, text)
        low, high = number(low, 65535), number(high, 65535)
        return Term(lambda f: any(low <= f["ends"][s][1] <= high for s in sides))

    def time(self):
        text = self.take()
        if text == "now":
            return time.time_ns()
        if self.take("ago"):
            return time.time_ns() - parse_duration(text)
        return parse_time(text)

    def named(self, name, parse):
        operator = self.take("=", "==", "!=") or "="
        value = parse(self.take())
        return Term(lambda f: OPERATORS[operator](f[name], value))

    def field(self, name):
        operator, text = self.take(*OPERATORS), self.take()
        if not operator or not text:
            raise Malformed(name)
        if name in NUMBERS:
            value = number(text, 2**63 - 1)
        elif name in SIZES:
            count, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", text).groups()
            value = int(count) * SIZE_UNITS[unit]
        elif name == "duration":
            value = parse_duration(text)
        else:
            raise Malformed(name)
        return Term(lambda f: OPERATORS[operator](f[name], value))


# What is in the archive


def find(*arguments):
    done = subprocess.run([os.environ["FLOWKEEP"], "find", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")


def text_time(ns):
    return f"{EPOCH + timedelta(seconds=ns // 10**9):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"


def flow_of(said):
    """What expressions ask about, of an object that find prints."""
    flow = {name: said[name] for name in NUMBERS + SIZES + NAMES + ["uuid"]}
    flow["said"] = said
    flow["vlan"] = said["vlan"] or 0
    flow["interface"] = said["interface"] or ""
    proto = str(said["proto"])
    flow["protocol"] = PROTOCOLS[proto] if proto in PROTOCOLS else int(proto)
    flow["start_ns"], flow["end_ns"] = parse_time(said["start"]), parse_time(said["end"])
    flow["duration"] = flow["end_ns"] - flow["start_ns"]
    flow["ends"] = [(parse_address(said[s + "_ip"]), said[s + "_port"]) for s in ("client", "server")]
    flow["versions"] = [address.version for address, _ in flow["ends"]]
    return flow


def key_of(name, protocol, ends):
    return name, protocol, frozenset(ends)


class Archive:
    """Flows, and of each day and each flow of several parts these parts."""

    def __init__(self, path):
        self.path = path
        status, out, err = find("-d", path, "--format", "json")
        if status != 0:
            sys.exit(f"find: {status}: {err}")
        self.flows = [flow_of(json.loads(line)) for line in out.splitlines()]
        self.last_end, self.parts = {}, {}
        for index in glob.glob(f"{path}/[0-9]*/*/*/flows.sqlite"):
            self.read_day(index)
        for flow in self.flows:
            if flow["parts"] > 1:
                again = self.within(flow, self.last_end)
                if again["said"] != flow["said"]:
                    sys.exit(f"find does not add up the parts: {flow['said']}, wanted {again['said']}")

    def read_day(self, index):
        y, m, d = map(int, index.split("/")[-4:-1])
        day = (datetime(y, m, d, tzinfo=timezone.utc) - EPOCH).days
        db = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        self.last_end[day] = -1
        for row in map(dict, db.execute("select * from flow")):
            name = row["uuid"]
            row["uuid"] = str(uuid.UUID(bytes=name)) if isinstance(name, bytes) else name
            row["day"], row["folder"] = day, f"{y:04}/{m:02}/{d:02}"
            ends = [(parse_address(row[s + "_ip"]), row[s + "_port"]) for s in ("client", "server")]
            self.last_end[day] = max(self.last_end[day], row["end_ns"])
            self.parts.setdefault(key_of(row["uuid"], row["proto"], ends), []).append(row)
        db.close()

    def days(self, term):
        """The days that are read, by the times of an expression."""
        for day, last in self.last_end.items():
            if term.before is not None and day * DAY >= term.before:
                continue
            if term.after is None or day >= term.after // DAY - 1 or last >= term.after:
                yield day

    def within(self, flow, days):
        """What of it lies in these days, or None."""
        if flow["parts"] == 1:
            return flow if flow["start_ns"] // DAY in days else None
        parts = self.parts[key_of(flow["uuid"], flow["protocol"], flow["ends"])]
        parts = sorted((p for p in parts if p["day"] in days), key=lambda p: (p["start_ns"], p["part"]))
        if not parts:
            return None
        return flow_of(added_up(flow["said"], parts))

    def ask(self, term):
        days = set(self.days(term))
        flows = (self.within(flow, days) for flow in self.flows)
        return [flow for flow in flows if flow and term.asks(flow)]


def added_up(said, parts):
    """What find says of a flow of these parts; their ends are those of `said`."""
    first, last = parts[0], max(parts, key=lambda p: (p["end_ns"], p["start_ns"], p["part"]))
    said = dict(said)
    for name in "captured_bytes", "lost_packets", "truncated":
        said[name] = sum(p[name] for p in parts)
    client = int(parse_address(said["client_ip"])), said["client_port"]
    for end, other in ("client", "server"), ("server", "client"):
        for what in "packets", "bytes":
            said[f"{end}_{what}"] = sum(
                p[f"{end if (int(parse_address(p['client_ip'])), p['client_port']) == client else other}_{what}"]
                for p in parts)
    for what in "packets", "bytes":
        said[what] = said["client_" + what] + said["server_" + what]
    flags = 0
    for p in parts:
        flags |= p["client_flags"] | p["server_flags"]
    said["flags"] = "".join(c for bit, c in enumerate("FSRPAUEC") if flags >> bit & 1)
    said["parts"] = len(parts)
    said["start"], said["end"] = text_time(first["start_ns"]), text_time(max(p["end_ns"] for p in parts))
    said["vlan"], said["linktype"] = first["vlan"] or None, first["linktype"]
    said["interface"], said["policy"] = first["interface"] or None, first["policy"]
    said["uuid_source"], said["end_reason"] = first["uuid_source"], last["end_reason"]
    said["state"] = "open" if last["end_reason"] == "continued" else "closed"
    name = first["uuid"] + (f"~{first['part']}" if first["part"] else "") + ".pcap.gz"
    if first["segment"] is not None:
        name = f"flows-{first['segment']}.tar"
    said["path"] = f"{first['folder']}/{name}"
    said["offset"], said["length"] = first["offset"], first["length"]
    return said


# What find must print


def in_order(flows, key):
    reverse, name = (-1, key[1:]) if key[:1] == "-" else (1, key)
    name = {"start": "start_ns", "end": "end_ns"}.get(name, name)
    return sorted(flows, key=lambda f: (reverse * f[name], f["start_ns"], f["uuid"]))


def from_table(out):
    """Columns of which nothing is rounded."""
    lines = out.splitlines()
    if lines and lines[0].split()[-1] != "UUID":
        return "no header"
    rows = []
    for line in lines[1:]:
        date, clock, _, proto, client, server, packets, *_, end, name = line.split()
        rows.append(f"{date}T{clock} {proto} {client} {server} {packets} {end} {name}")
    return rows


def as_table(said):
    ends = ((said[s + "_ip"], said[s + "_port"]) for s in ("client", "server"))
    client, server = (f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in ends)
    end = "open" if said["state"] == "open" else said["end_reason"]
    return f"{said['start'][:23]} {said['proto']} {client} {server} {said['packets']} {end} {said['uuid']}"


def differs(archive, text, options, split):
    """What find prints and what it should, or None; and how many flows are meant."""
    term = Parser(text).whole()
    meant = in_order(archive.ask(term), options.get("--sort", "start"))
    shown = [f["said"] for f in meant[: int(options.get("--limit", len(meant)))]]
    command = ["-d", archive.path]
    for name, value in options.items():
        command += [name, value] if value else [name]
    words = (text.split() if split else [text]) if text else []
    status, out, err = find(*command, *words)
    wanted_status = 0 if meant else 1
    if status != wanted_status or "Sanitizer" in err or "runtime error" in err or (status == 0 and err):
        return f"exit status {status}, wanted {wanted_status}: {err[:2000]}", len(meant)
    form = options.get("--format", "table")
    if "--count" in options:
        got, wanted = out.split(), [str(len(meant))]
    elif form == "uuid":
        got, wanted = out.splitlines(), [s["uuid"] for s in shown]
    elif form == "json":
        got, wanted = [json.loads(line) for line in out.splitlines()], shown
    elif form == "csv":
        got = list(csv.reader(io.StringIO(out, newline="")))
        wanted = [["" if v is None else str(v) for v in s.values()] for s in shown]
        wanted = [list(archive.flows[0]["said"])] + wanted
    else:
        got, wanted = from_table(out), [as_table(s) for s in shown]
    if got == wanted:
        return None, len(meant)
    missing = [w for w in wanted if w not in got][:2]
    surplus = [g for g in got if g not in wanted][:2]
    return f"missing {missing}, not wanted {surplus}, {len(got)} of {len(wanted)}", len(meant)


def random_options(rng):
    options = {"--format": rng.choice(["uuid", "uuid", "json", "csv", "table"])}
    if rng.random() < 0.15:
        options["--count"] = ""
    if rng.random() < 0.6:
        options["--sort"] = rng.choice(["", "-"]) + rng.choice("start end duration packets bytes".split())
    if rng.random() < 0.3:
        options["--limit"] = str(rng.choice([1, 2, 3, 10, 100, 10**6]))
    return options


class Tally:
    agreed = differed = found = 0

    def compare(self, archive, text, options, split=False):
        why, count = differs(archive, text, options, split)
        self.found += count > 0
        self.note(archive, text, options, why)

    def note(self, archive, text, options, why):
        self.agreed += why is None
        self.differed += why is not None
        if why is not None:
            print(f"differs: find -d {archive.path} {options} {text[:3000]!r}: {why}")

    def end(self):
        print(f"{self.agreed} agreed, {self.differed} differed, {self.found} found something")
        sys.exit(self.differed > 0 or self.agreed == 0)


def marked(archive, text):
    """Is a malformed expression refused as it should be? Its fault may be marked: a {b} c."""
    at = text.find("{")
    text = text.replace("{", "").replace("}", "")
    status, out, err = find("-d", archive.path, text)
    lines = err.split("\n")
    if status != 2 or out or len(lines) != 4 or lines[3]:
        return f"exit status {status}, wanted 2, and three lines: {err[:2000]}"
    if not lines[0].startswith("flowkeep: options: error: find: "):
        return f"complaint: {lines[0]}"
    caret = re.fullmatch("  ( *)(\\^~*)", lines[2])
    shown = lines[1][2:]
    if not caret or caret.end(2) - 2 > len(shown) + (caret.group(2) == "^"):
        return f"caret outside: {err[:2000]}"
    if len(text) < 100 and text.isascii() and text.isprintable() and shown != text:
        return f"the text was changed: {err[:2000]}"
    if at >= 0 and len(caret.group(1)) != at:
        return f"caret elsewhere: {err[:2000]}"
    return None


def main():
    sys.setrecursionlimit(20000)
    what, archive = sys.argv[1], Archive(sys.argv[2])
    tally = Tally()
    if what == "random":
        rng = random.Random(sys.argv[3])
        maker = find_expressions.Maker(rng, archive.flows)
        for turn in range(int(sys.argv[4])):
            text = maker.expression()
            # Half of them are to find something: the others are few, so there are some more attempts.
            for _ in range(20):
                if bool(archive.ask(Parser(text).whole())) == bool(turn % 2):
                    break
                text = maker.expression()
            tally.compare(archive, text, random_options(rng), rng.random() < 0.3)
    elif what == "listed":
        for text in find_expressions.LISTED + find_expressions.about(archive.flows):
            tally.compare(archive, text, {"--format": "json"})
    else:
        for text in find_expressions.malformed():
            tally.note(archive, text, "", marked(archive, text))
    tally.end()


main()
