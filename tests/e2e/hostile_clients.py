#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Servers, clients, interfaces and records that mean harm, and what must come of them.

    hostile_clients.py events SERVER_NS CLIENT_NS SOCKET PID    tells a capture whatever one should not
                                        tell; leaves in expected.json what must come of it
    hostile_clients.py told ARCHIVE LEDGER METRICS      whether that came of it
    hostile_clients.py crowd PORT PID PATIENCE MEMORY CONNECTS  clients of --metrics
    hostile_clients.py hold PORT        takes every place there and says so; until it is killed
    hostile_clients.py talk INTERFACE PORT              a short TCP conversation in raw frames
    hostile_clients.py interfaces SCRAPE LEDGER FLOWS.json FLOWS.csv NAMES  whether all names are there
    hostile_clients.py listeners SOCKET PID LOG DEAF MEMORY     clients of flowkeep events
    hostile_clients.py terminal OUTPUT COMMAND...       runs a command on a terminal of its own
    hostile_clients.py records FLOWKEEP ARCHIVE MEMORY STEP     all records, or every STEP-th, that one
                                        may put into a flow file, each in a copy of the archive
    hostile_clients.py exposition FILE  whether it is what Prometheus takes
    hostile_clients.py plain FILE...    whether there is nothing in it that drives a terminal

A line of what it prints is "fine", or what is not. MEMORY is in MiB, 0: any.
"""
import collections
import contextlib
import csv
import glob
import json
import os
import pty
import random
import re
import select
import selectors
import shutil
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "net"))
import archive  # noqa: E402
import eventserver  # noqa: E402
import netns  # noqa: E402
import tagged  # noqa: E402

PATIENCE = 60  # seconds until what does not happen is a failure


def verdict(fault):
    print(f"WRONG {fault}" if fault else "fine", flush=True)


def hostile_bytes(data):
    """What a terminal would not just print."""
    return sorted({b for b in data if not 0x20 <= b < 0x7F and b not in b"\n\t"})


def not_plain(path):
    with open(path, "rb") as f:
        data = f.read()
    bad = hostile_bytes(data)
    if not bad:
        return ""
    at = next(i for i, b in enumerate(data) if b in bad)
    return f"{path} has bytes {bad}: {data[max(0, at - 60):at + 40]!r}"


class Watched:
    """What a process takes: the most memory in MiB and the most sockets, and both at the beginning."""

    def __init__(self, pid):
        self.pid, self.over = pid, False
        self.memory, self.sockets = self.memory_now(pid), self.sockets_now()
        self.most_memory, self.most_sockets = self.memory, self.sockets
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    @staticmethod
    def memory_now(pid):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024

    def sockets_now(self):
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def look(self):
        while not self.over:
            try:
                self.most_memory = max(self.most_memory, self.memory_now(self.pid))
                self.most_sockets = max(self.most_sockets, self.sockets_now())
            except (OSError, TypeError):
                return
            time.sleep(0.02)

    def end(self):
        self.over = True
        self.thread.join()

    def check_memory(self, limit):
        grown = self.most_memory - self.memory
        verdict(f"memory grew by {grown:.0f} MiB, limit {limit}" if limit and grown > limit else "")


def await_true(words, condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return f"waited in vain for {words}"
        time.sleep(0.02)
    return ""


# ---- an event server that means harm -------------------------------------------------------------

OPEN = ("named", "late", "unmatched", "repeated", "evicted")
ESCAPES = "\x1b]0;title\x07\x1b[2J"
OUTSIDE = "/tmp/flowkeep-hostile-name"
BAD_NAMES = [
    ESCAPES, "a\nflowkeep: events: error: forged", "a\r", "tab\t", "/", "..", ".", "../../../escaped", OUTSIDE, "a/../b",
    "%s%n%99999d", "a~1", "~", "x" * 129, "x" * 60000, "\u202ertl", "e" + "\u0301" * 10000, "\U0001f4a3" * 100,
    "\u0080\u009b31m", "\x7f", "$(id)", "`id`", "a\\b", '"', "a b", "", "-\u2010", "\ufeff"]  # fmt: skip
NOT_JSON = [
    b'"UUID":"raw\x1b[2J"', b'"UUID":"a\x00b"', b'"UUID":"a\\u0000b"', b'"UUID":"\xc0\xaf"', b'"UUID":"\xed\xa0\x80"',
    b'"UUID":"\xff\xfe"', b'"UUID":"\\ud800"', b'"UUID":"\\x1b"', b'"UUID":"\xf4\x90\x80\x80"', b'"\x00":1,"UUID":"a"']  # fmt: skip


def with_member(event, member):
    """The line of an event whose UUID, or whatever it says in its place, is that text."""
    text = json.dumps({**event, "UUID": "HERE"}).encode()
    return text.replace(b'"UUID": "HERE"', member)


def padded(event, size):
    text = json.dumps({**event, "Pad": ""}).encode()
    return text.replace(b'"Pad": ""', b'"Pad": "' + b"p" * (size - len(text)) + b'"')


def nested(event, levels):
    return json.dumps({**event, "Deep": 0}).encode().replace(b'"Deep": 0', b'"Deep": ' + b"[" * levels + b"]" * levels)


class Play:
    def __init__(self, server_ns, client_ns, path):
        self.net = netns.Net(server_ns, client_ns, port=8081)
        self.server = eventserver.EventServer(path)
        self.server.accept()
        self.bad, self.opens, self.closes, self.texts = collections.Counter(), 0, 0, {}
        self.somebody = ("10.77.1.2", 1)  # whom no packet is of

    def event(self, link=None, uuid="nobody"):
        return eventserver.open_event(uuid, self.net.where, link.peer if link else self.somebody)

    def lines(self, outcome, *lines):
        for line in lines:
            self.server.send(line + b"\n")
            if outcome == "open":
                self.opens += 1
            else:
                self.bad[outcome] += 1

    def named(self, text, names, make, connections=1):
        """Connections that this line names, and what they say."""
        links = [self.net.connect() for _ in range(connections)]
        for n, link in enumerate(links):
            self.lines("open", make(self.event(link, names[0])))
            self.texts[f"{text}-{n}"] = names
            link.say(f"<{text}-{n}>".encode())
        for link in links:
            link.finish()

    def names(self):
        self.lines("bad_uuid", *(json.dumps(self.event(None, name)).encode() for name in BAD_NAMES))
        self.lines("malformed", *(with_member(self.event(), member) for member in NOT_JSON))
        self.lines("malformed", b"\xef\xbb\xbf" + json.dumps(self.event()).encode())
        # Where a key comes twice the last counts, in any case.
        self.lines("bad_uuid", with_member(self.event(), b'"UUID":"fine","UUID":"../../escaped"'),
                   with_member(self.event(), b'"UUID":"fine","uuid":"a/b"'))  # fmt: skip
        self.named("twice", ["second"], lambda e: with_member(e, b'"UUID":"first","UUID":"second"'))
        self.named("cases", ["upper-last"], lambda e: with_member(e, b'"uuid":"lower","UUID":"upper-last"'))
        self.named("long", ["L" * 128], lambda e: json.dumps(e).encode())
        self.named("same", ["same"], lambda e: json.dumps(e).encode(), connections=50)

    def shapes(self):
        self.named("nested", ["nested"], lambda e: nested(e, 2046))
        self.lines("malformed", nested(self.event(), 2048), nested(self.event(), 30000), b"[" * 65536, b'{"a":' * 10000)
        for size in (65535, 65536):
            self.named(f"size{size}", [f"size{size}"], lambda e, size=size: padded(e, size))
        self.lines("too_long", *(padded(self.event(), size) for size in (65537, 65538, 70000, 131073, 1 << 20)))
        self.named("after", ["after-the-long"], lambda e: json.dumps(e).encode())

    def trickle(self):
        def in_bytes(event):
            text = json.dumps(event).encode()
            for byte in text:
                self.server.send(bytes([byte]), lines=0)
            return b""

        self.named("trickled", ["trickled"], in_bytes)

    def floods(self):
        link, names = self.net.connect(), []
        self.texts["many-0"] = names
        for n in range(5000):
            names.append(f"many-{n}")
        events = (json.dumps(self.event(link, name)).encode() + b"\n" for name in names)
        self.server.send(b"".join(events), lines=len(names))
        self.opens += len(names)
        link.say(b"<many-0>")
        link.finish()
        closes = b"".join(b'{"Event":1,"UUID":"unknown%d","ID":null}\n' % n for n in range(5000))
        self.server.send(closes, lines=5000)
        self.closes += 5000
        # More than may wait for packets, whose ends nobody has, or that all have one name.
        nobodies = []
        for n in range(20000):
            event = self.event(None, f"flood{n}" if n % 2 else "flood")
            event["ID"].update(SrcIP=f"10.99.{n // 200}.{n % 200}", DPort=n)
            nobodies.append(json.dumps(event).encode() + b"\n")
        self.server.send(b"".join(nobodies), lines=len(nobodies))
        self.opens += len(nobodies)

    def garbage(self):
        """And hangs up in the middle of it."""
        rng = random.Random(42)
        for n in range(4):
            data = rng.randbytes(100000).replace(b"\n", b".")
            if n % 2:
                self.lines("too_long", data)
                self.server.send(b'{"Event":0,"UUID":"' + ESCAPES.encode())
                self.bad["malformed"] += 1
            else:
                self.lines("malformed", b"\xff" + data[:60000])
                self.server.send(data[:65536])
                self.bad["malformed"] += 1
            self.server.clients.pop().close()
            self.server.accept()


def events(server_ns, client_ns, path, pid):
    play = Play(server_ns, client_ns, path)
    watched = Watched(int(pid))
    for scene in (play.names, play.shapes, play.trickle, play.floods, play.garbage):
        print(scene.__name__, file=sys.stderr, flush=True)
        scene()
    play.named("last", ["last"], lambda e: json.dumps(e).encode())
    watched.end()
    with open("grown", "w", encoding="ascii") as f:
        f.write(str(watched.most_memory - watched.memory))
    with open("expected.json", "w", encoding="ascii") as f:
        json.dump({"texts": play.texts, "bad": play.bad, "opens": play.opens, "closes": play.closes, "lines": play.server.lines}, f)


def told(directory, ledger, metrics):
    with open("expected.json", encoding="ascii") as f:
        expected = json.load(f)
    with open(ledger, encoding="ascii") as f:
        counted = json.load(f)["events"]
    found = collections.defaultdict(list)
    for part in archive.parts(directory):
        for packet in part.packets:
            payload = packet.tcp.payload
            if payload[:1] == b"<" and payload[-1:] == b">":
                found[payload[1:-1].decode()].append(part.uuid)
    for text, names in expected["texts"].items():
        good = len(found[text]) == 1 and found[text][0] in names
        verdict("" if good else f"{text}: wanted once under {names[:3]}, got {found[text]}")
    for outcome in ("malformed", "blank", "too_long", "unknown", "bad_uuid", "no_tuple"):
        wanted = expected["bad"].get(outcome, 0)
        verdict("" if counted[outcome] == wanted else f"{outcome}: wanted {wanted}, got {counted[outcome]}")
    opens = sum(counted[outcome] for outcome in OPEN)
    verdict("" if opens == expected["opens"] else f"opens: wanted {expected['opens']}, got {opens} in {counted}")
    verdict("" if counted["evicted"] > 10000 else f"hardly any evicted: {counted}")
    verdict("" if counted["unknown_close"] == expected["closes"] and counted["closed"] == 0 else f"closes: {counted}")
    verdict("" if counted["lines"] == expected["lines"] else f"lines: wanted {expected['lines']}, got {counted}")
    # The metrics were read when all had been told.
    samples = exposition(metrics)
    for outcome, count in counted.items():
        if outcome in OPEN or outcome == "lines":
            continue
        got = samples.get(("flowkeep_events_total", (("outcome", outcome),)))
        verdict("" if got == count else f"metrics have {got} {outcome}, the ledger {count}")


# ---- the exposition, as Prometheus reads it ------------------------------------------------------

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def labels_of(text, at):
    labels = []
    assert text[at] == "{", text
    at += 1
    while text[at] != "}":
        name = LABEL.match(text, at)
        assert name and text[name.end() : name.end() + 2] == '="', text
        at, value = name.end() + 2, ""
        while text[at] != '"':
            if text[at] == "\\":
                at += 1
                assert text[at] in '\\"n', f"a backslash before {text[at]!r}: {text}"
                value += "\n" if text[at] == "n" else text[at]
            else:
                assert " " <= text[at] <= "~", f"{text[at]!r} in {text!r}"
                value += text[at]
            at += 1
        at += 1
        assert name[0] not in dict(labels), text
        labels.append((name[0], value))
        assert text[at] in ",}", text
        at += text[at] == ","
    return tuple(sorted(labels)), at + 1


def exposition(path):
    """{(name, labels): value}. AssertionError or UnicodeError where Prometheus would refuse it."""
    with open(path, "rb") as f:
        data = f.read()
    assert data.endswith(b"\n") and b"\r" not in data, "does not end with a line feed"
    samples, helped, types, family = {}, set(), {}, None
    for line in data.decode("utf-8").split("\n")[:-1]:
        assert line, "an empty line"
        if line.startswith("# "):
            _, kind, name, text = line.split(" ", 3)
            assert NAME.fullmatch(name) and kind in ("HELP", "TYPE"), line
            if kind == "HELP":
                assert name not in helped, f"two helps: {line}"
                assert not re.search(r"\\(?![\\n])", text), line
                helped.add(name)
            else:
                assert name not in types and name in helped and text in ("counter", "gauge", "histogram"), line
                types[name] = text
                family = name
            continue
        name = NAME.match(line)
        assert name, line
        at, labels = name.end(), ()
        if line[at] == "{":
            labels, at = labels_of(line, at)
        base = re.sub("_(bucket|sum|count)$", "", name[0]) if types.get(family) == "histogram" else name[0]
        assert base == family, f"outside of its family {family}: {line}"
        assert line[at] == " " and " " not in line[at + 1 :], line
        value = float(line[at + 1 :])
        assert types[family] != "counter" or value >= 0, line
        assert (name[0], labels) not in samples, f"twice: {line}"
        samples[name[0], labels] = value
    assert helped == set(types), helped ^ set(types)
    return samples


# ---- clients of --metrics ------------------------------------------------------------------------

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
KEPT = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
PLACES, PLACES_OF_ONE = 32, 16


def connect(port, source, receive=0):
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(PATIENCE)
    s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports are not used up
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def whole(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    size = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return head.startswith(b"HTTP/1.1 200 ") and size is not None and len(body) == int(size[1])


def get(port, seconds, source="127.0.0.1"):
    """A client that behaves, and tries again. Returns how long it took; None: never served."""
    start = time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        answer = b""
        try:
            with connect(port, source) as s:
                s.settimeout(left)
                s.sendall(REQUEST)
                while data := s.recv(65536):
                    answer += data
        except OSError:
            pass
        if whole(answer):
            return time.monotonic() - start
        time.sleep(0.05)
    return None


def check_served(port, patience, words):
    took = get(port, patience)
    verdict("" if took is not None else f"{words}: nobody else is served in {patience} s")
    print(f"{words}: served after {'-' if took is None else f'{took:.2f}'} s", file=sys.stderr, flush=True)


def come_and_go(port, connects):
    for n in range(connects):
        request = (b"", REQUEST, b"GET /met", b"\x1b[2J\r\n\r\n")[n % 4]
        s = connect(port, f"127.0.0.{2 + n % 50}")
        try:
            s.sendall(request)
            if n % 8 > 3:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, netns.RESET)
        except OSError:
            pass  # hung up on: it was one too many
        s.close()


def at_once(port, seconds, count=200):
    """So many ask at the same time, ten of an address: each gets its answer, who lost the place when asking again."""
    selector, answers = selectors.DefaultSelector(), {}
    for n in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.bind((f"127.0.1.{n // 10}", 0))
        s.connect_ex(("127.0.0.1", port))
        answers[s] = b""
        selector.register(s, selectors.EVENT_WRITE)
    end = time.monotonic() + seconds
    while selector.get_map() and time.monotonic() < end:
        for key, mask in selector.select(1):
            s = key.fileobj
            try:
                if mask & selectors.EVENT_WRITE:
                    s.send(REQUEST)
                    selector.modify(s, selectors.EVENT_READ)
                elif data := s.recv(65536):
                    answers[s] += data
                else:
                    selector.unregister(s)
            except OSError:
                selector.unregister(s)
    good = sum(map(whole, answers.values()))
    for s in answers:
        s.close()
    again = sum(get(port, seconds) is not None for _ in range(count - good))
    verdict("" if good >= PLACES_OF_ONE and good + again == count else f"{good} of {count} that ask at once are answered, then {again}")


def deaf(port, source):
    s = connect(port, source, receive=4096)
    s.setblocking(False)
    try:
        for _ in range(1000):
            s.send(KEPT)
    except BlockingIOError:
        pass
    return s


def take_places(port):
    """All of them: silent ones, such as stop in the middle, such as never read."""
    held = [connect(port, "127.0.0.2") for _ in range(PLACES_OF_ONE)]
    for _ in range(8):
        held.append(connect(port, "127.0.0.3"))
        held[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
    return held + [deaf(port, "127.0.0.4") for _ in range(8)]


def endless(first, again):
    def send(s):
        s.sendall(first)
        for _ in range(4 << 20 >> 12):
            s.sendall((again * (4096 // len(again) + 1))[:4096])

    return send


HUGE = {
    "a header without end": endless(b"GET /metrics HTTP/1.1\r\nX: ", b"a"),
    "headers without end": endless(b"GET /metrics HTTP/1.1\r\n", b"X: y\r\n"),
    "a path without end": endless(b"GET /", b"a"),
    "a method without end": endless(b"", b"A"),
    "a body without end": endless(b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", b"b"),
    "a body to POST": endless(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", b"b"),
    "chunks without end": endless(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "a chunk without end": endless(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", b"a"),
    "blank lines without end": endless(b"", b"\r\n"),
    "NUL without end": endless(b"GET /metrics HTTP/1.1\r\nHost: a\r\n", b"\0"),
    "a continued header": endless(b"GET /metrics HTTP/1.1\r\nX: a\r\n", b" b\r\n"),
    "cookies without end": endless(b"GET /metrics HTTP/1.1\r\nCookie: ", b"a=b; "),
    "arguments without end": endless(b"GET /metrics?", b"a=%00&"),
    "noise": lambda s: s.sendall(random.Random(7).randbytes(4 << 20)),
}


def check_huge(port, patience):
    for words, send in HUGE.items():
        fault = ""
        with connect(port, "127.0.0.5") as s:
            s.settimeout(patience)
            try:
                send(s)
                s.shutdown(socket.SHUT_WR)
                got = 0
                while (data := s.recv(65536)) and got < 64 << 20:
                    got += len(data)
            except TimeoutError:
                fault = f"{words}: it is neither read nor hung up on"
            except OSError:
                pass  # hung up on
        verdict(fault)


class Tricklers:
    """Clients that send a byte in half a second each, and come back when they are hung up on."""

    def __init__(self, port, sources):
        self.over, self.begun = threading.Event(), threading.Semaphore(0)
        self.threads = [threading.Thread(target=self.one, args=(port, source), daemon=True) for source in sources]
        for thread in self.threads:
            thread.start()
        for _ in sources:
            self.begun.acquire(timeout=PATIENCE)

    def one(self, port, source):
        while not self.over.is_set():
            try:
                with connect(port, source) as s:
                    s.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
                    self.begun.release()
                    while not self.over.wait(0.5):
                        s.sendall(b"a")
            except OSError:
                self.over.wait(0.01)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def crowd(port, pid, patience, memory, connects):
    watched = Watched(pid)
    come_and_go(port, connects)
    check_served(port, patience, "after many that come and go")
    at_once(port, 4 * patience)
    check_served(port, patience, "after many at once")
    check_huge(port, patience)
    check_served(port, patience, "after too much")
    tricklers = Tricklers(port, ["127.0.0.6"] * PLACES_OF_ONE)
    check_served(port, patience, "beside an address that trickles")
    tricklers.end()
    tricklers = Tricklers(port, ["127.0.0.6", "127.0.0.7"] * PLACES_OF_ONE)
    check_served(port, 2 * patience, "beside two addresses that trickle")
    tricklers.end()
    held = take_places(port)
    check_served(port, patience, "beside those that took all places")
    for s in held:
        s.close()
    verdict(await_true("the end of all connections", lambda: watched.sockets_now() <= watched.sockets))
    watched.end()
    most = watched.most_sockets - watched.sockets
    verdict(f"{most} sockets for {PLACES} places" if most > 2 * PLACES else "")
    watched.check_memory(memory)
    print(f"memory {watched.memory:.0f} to {watched.most_memory:.0f} MiB, sockets {watched.sockets} to "
          f"{watched.most_sockets}", file=sys.stderr)  # fmt: skip


def hold(port):
    held = take_places(port)
    print("held", flush=True)
    while held:
        time.sleep(PATIENCE)


# ---- interfaces ----------------------------------------------------------------------------------


def talk(interface, port):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        for packet in tagged.conversation(port):
            s.send((b"\x02" * 12 + b"\x08\x00" + packet).ljust(60, b"\0"))


def escaped(name):
    return "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in name)


def interfaces(scrape, ledger, flows_json, flows_csv, names):
    with open(names, "rb") as f:
        names = f.read().split(b"\n")[:-1]
    samples = exposition(scrape)
    with open(ledger, encoding="ascii") as f:
        drops = json.load(f, object_pairs_hook=no_doubles)["kernel_drops"]
    with open(flows_json, encoding="ascii") as f:
        objects = {flow["client_port"]: flow for flow in map(json.loads, f)}
    with open(flows_csv, encoding="ascii", newline="") as f:
        rows = {int(row["client_port"]): row for row in csv.DictReader(f)}
    for n, name in enumerate(names):
        label = (("interface", escaped(name)),)
        got = samples.get(("flowkeep_interface_packets_received_total", label))
        verdict("" if got is not None and got >= 6 else f"metrics have {got} packets of {label}")
        verdict("" if drops.get(escaped(name)) == 0 else f"{name} is not in {drops}")
        # As UTF-8, where it is; all that is not has one sign in its place.
        got, want = objects[45000 + n]["interface"], name.decode("utf-8", "replace")
        verdict("" if got == want or "\ufffd" in got else f"JSON: wanted {want!r}, got {got!r}")
        got, want = rows[45000 + n]["interface"], escaped(name)
        verdict("" if got == want else f"CSV: wanted {want!r}, got {got!r}")


def no_doubles(pairs):
    assert len(dict(pairs)) == len(pairs), f"a key comes twice: {pairs}"
    return dict(pairs)


# ---- clients of flowkeep events ------------------------------------------------------------------


def listen_to(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def listeners(path, pid, log, deaf_ones, memory):
    mode = os.stat(path)
    verdict("" if stat.S_IMODE(mode.st_mode) == 0o660 else f"mode {oct(mode.st_mode)}")
    verdict("" if (mode.st_uid, mode.st_gid) == (os.geteuid(), os.getegid()) else "it belongs to somebody else")
    fault = subprocess.run([sys.executable, "-c", """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("another user may connect")
except PermissionError:
    pass
""", path], stdout=subprocess.PIPE, text=True, check=False)  # fmt: skip
    verdict(fault.stdout.strip() if fault.returncode == 0 else "the other user could not try")
    watched = Watched(pid)
    for n in range(1000):
        with listen_to(path) as s:
            if n % 2:
                with contextlib.suppress(OSError):  # it was refused
                    s.sendall(b'{"Event":0}\x1b[2J\n' * 10)
    verdict(await_true("the end of 1000 clients", lambda: watched.sockets_now() == watched.sockets))
    # The reader keeps what it is told; the deaf read nothing; whoever comes beyond 64 is refused.
    reader = listen_to(path)
    told_lines, told_bytes = [], [b""]

    def read():
        while data := reader.recv(1 << 20):
            told_bytes[0] += data
            *lines, told_bytes[0] = told_bytes[0].split(b"\n")
            told_lines.extend(lines)

    threading.Thread(target=read, daemon=True).start()
    held = [listen_to(path) for _ in range(deaf_ones)]
    verdict(await_true("all to be let in", lambda: watched.sockets_now() == watched.sockets + 1 + deaf_ones))
    idle = [listen_to(path) for _ in range(100)]
    wanted = 100 - (63 - deaf_ones)
    refused = await_refused(idle, wanted)
    verdict("" if refused == wanted else f"{refused} of 100 clients are refused where there is room for {100 - wanted}")
    for s in idle:
        s.close()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    names, rounds = set(), 0

    def dropped():
        with open(log, "rb") as f:
            return f.read().count(b"does not read")

    while dropped() < deaf_ones and rounds < 200:
        for _ in range(250):
            a = socket.create_connection(listener.getsockname())
            b, _ = listener.accept()
            names |= {netns.cookie(a), netns.cookie(b)}
            a.close()
            b.close()
        rounds += 1
        wanted = len(names) * 2
        fault = await_true("the reader to be told all", lambda wanted=wanted: len(told_lines) >= wanted)
        if fault:
            break
    verdict(fault)
    verdict("" if dropped() == deaf_ones else f"{dropped()} of {deaf_ones} that do not read were dropped")
    uuids = {f"hostile_1577836800_{cookie:016X}" for cookie in names}
    by_kind = collections.Counter(e["Event"] for e in map(json.loads, told_lines) if e["UUID"] in uuids)
    verdict("" if by_kind[0] == by_kind[1] == len(names) else f"{len(names)} sockets, told {by_kind}")
    watched.end()
    watched.check_memory(memory)
    print(f"memory {watched.memory:.0f} to {watched.most_memory:.0f} MiB, {len(names)} sockets", file=sys.stderr)


def await_refused(clients, wanted):
    poll = select.poll()
    for s in clients:
        poll.register(s, select.POLLRDHUP)
    end, count = time.monotonic() + PATIENCE, 0
    while count < wanted and time.monotonic() < end:
        for descriptor, mask in poll.poll(100):
            if mask & (select.POLLRDHUP | select.POLLHUP):
                poll.unregister(descriptor)
                count += 1
    return count


# ---- a terminal ----------------------------------------------------------------------------------


def terminal(output, *command):
    """What arrives at the terminal, whole, goes to a file. Returns the exit status."""
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave) as process, open(output, "wb") as f:
        os.close(slave)
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # EIO: nobody has it open any more
                break
            if not data:
                break
            f.write(data)
    return process.returncode


# ---- records -------------------------------------------------------------------------------------


def record_of(data):
    """Where the last member begins, and its record; see flowkeep-archive(5)."""
    at = data.rindex(b"\x1f\x8b\x08\x04")
    length = struct.unpack("<H", data[at + 14 : at + 16])[0]
    return at, json.loads(data[at + 16 : at + 16 + length])


def with_record(data, text):
    at, _ = record_of(data)
    member = data[at : at + 10] + struct.pack("<H2sH", len(text) + 4, b"FK", len(text)) + text
    return data[:at] + member + b"\x03\0" + b"\0" * 8


def changed(**members):
    return lambda record: json.dumps({**record, **members}).encode() + b"\n"


def without(name):
    return lambda record: json.dumps({k: v for k, v in record.items() if k != name}).encode() + b"\n"


def replaced(value):
    """The bytes of a value that json.dumps would not write, in place of packets."""
    return lambda record: json.dumps({**record, "packets": "HERE"}).encode().replace(b'"HERE"', value) + b"\n"


def sized(size, character):
    def make(record):
        text = json.dumps({**record, "pad": ""}).encode()
        return text[:-2] + character * ((size - len(text)) // len(character)) + b'"}'

    return make


DAMAGE, LATER, SOUND, EITHER = range(4)  # a later version is no damage to repair
RECORDS = {
    # wrong types
    "packets as text": (DAMAGE, changed(packets="7")),
    "packets as null": (DAMAGE, changed(packets=None)),
    "packets as true": (DAMAGE, changed(packets=True)),
    "packets as list": (DAMAGE, changed(packets=[1])),
    "packets as fraction": (DAMAGE, changed(packets=1.5)),
    "times as text": (DAMAGE, changed(first_ns="1", last_ns="2")),
    "uuid as number": (DAMAGE, changed(uuid=7)),
    "uuid as object": (DAMAGE, changed(uuid={"a": 1})),
    "end as list": (DAMAGE, changed(end_reason=["fin"])),
    "unknown end": (DAMAGE, changed(end_reason=ESCAPES)),
    "unknown source": (DAMAGE, changed(uuid_source=ESCAPES)),
    "unknown client": (DAMAGE, changed(client=ESCAPES)),
    "unknown payload": (DAMAGE, changed(payload=ESCAPES)),
    "unknown anonymize": (DAMAGE, changed(anonymize=ESCAPES)),
    "unknown exempt": (DAMAGE, changed(exempt=ESCAPES)),
    # numbers
    "too large for 64 bits": (DAMAGE, replaced(b"9" * 40)),
    "a number of 60000 digits": (DAMAGE, replaced(b"9" * 60000)),
    "1e999": (DAMAGE, replaced(b"1e999")),
    "negative": (DAMAGE, changed(packets=-1)),
    "2^63 - 1 packets": (DAMAGE, changed(packets=2**63 - 1)),
    "2^63 - 1 bytes": (DAMAGE, changed(bytes=2**63 - 1, captured_bytes=2**63 - 1)),
    "least time": (DAMAGE, changed(first_ns=-(2**63))),
    "greatest time": (DAMAGE, changed(last_ns=2**63 - 1)),
    "huge snaplen": (DAMAGE, changed(snaplen=2**40)),
    "huge VLAN": (DAMAGE, changed(vlan_key=[2**62, -1])),
    "later version": (LATER, changed(v=2**40)),
    "version as text": (DAMAGE, changed(v="1")),
    # shapes
    "deep": (DAMAGE, lambda record: b"[" * 65000),
    "deep within": (DAMAGE, replaced(b'{"a":' * 5000 + b"0" + b"}" * 5000)),
    "no object": (DAMAGE, lambda record: b"7\n"),
    "an empty object": (DAMAGE, lambda record: b"{}\n"),
    "nothing": (DAMAGE, lambda record: b""),
    "NUL": (DAMAGE, lambda record: b"\0" * 1000),
    "no JSON": (DAMAGE, lambda record: b"\x1b[2J\xff\n"),
    "keys twice": (DAMAGE, lambda record: json.dumps(record).encode()[:-1] + b',"packets":0,"packets":1}\n'),
    "cut off": (DAMAGE, lambda record: json.dumps(record).encode()[:-3]),
    "4000 bytes of blanks": (SOUND, lambda record: json.dumps(record).encode().ljust(4000)),
    "4000 bytes of escapes": (SOUND, sized(4000, b"\\u001b")),
    "65531 bytes of blanks": (EITHER, lambda record: json.dumps(record).encode().ljust(65531)),
    "65531 bytes of escapes": (EITHER, sized(65531, b"\\u001b")),
    "a key of escapes": (SOUND, changed(**{ESCAPES: ESCAPES})),
    # names
    "another name": (DAMAGE, changed(uuid="another")),
    "a name with escapes": (DAMAGE, changed(uuid=ESCAPES)),
    "a name with NUL": (DAMAGE, lambda r: json.dumps({**r, "uuid": "a"}).encode().replace(b'"a"', b'"a\\u0000b"') + b"\n"),
    "a name that leads out": (DAMAGE, changed(uuid="../../../escaped")),
    "a long name": (DAMAGE, changed(uuid="x" * 60000)),
    "an interface with escapes": (SOUND, changed(interface=ESCAPES)),
    "an interface with C1": (SOUND, changed(interface="\u009b31m\u00ff\u202e")),
    "an interface that forges": (SOUND, changed(interface="a\nflowkeep: archive: error: forged")),
    "a long interface": (SOUND, changed(interface="\u00e9" * 600)),
} | {f"no {name}": (DAMAGE, without(name)) for name in ("v", "uuid", "end_reason", "first_ns", "last_ns", "packets", "bytes")}
BEFORE = ("verify", "find --format json", "fetch -e tcp -w fetched")  # the index tells of what was there
AFTER = ("reindex", "verify", "find", "find --format json", "find --format csv", "fetch -e tcp -w fetched",
         "fetch -e tcp --format pcapng -w fetched", "verify --repair", "verify")  # fmt: skip


def spoil_files(directory, make):
    path = sorted(glob.glob(f"{directory}/[0-9]*/*/*/*.pcap.gz"))[0]
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    with open(path, "wb") as f:
        f.write(with_record(data, make(record_of(data)[1])))
    return os.path.basename(path)


def spoil_segments(directory, make):
    """The first member of a segment, whose header is as it was but for size and checksum."""
    path = sorted(glob.glob(f"{directory}/[0-9]*/*/*/flows-*.tar"))[0]
    with open(path, "rb") as f:
        tar = f.read()
    size = int(tar[124:135], 8)
    data = with_record(tar[512 : 512 + size], make(record_of(tar[512 : 512 + size])[1]))
    header = tar[:124] + b"%011o\0" % len(data) + tar[136:148] + b" " * 8 + tar[156:512]
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    os.unlink(path)
    with open(path, "wb") as f:
        f.write(header + data + b"\0" * (-len(data) % 512) + tar[512 + size + -size % 512 :])
    return header[:100].rstrip(b"\0").decode()


def run(command, limit):
    """Returns: exit status, output and errors, faults."""
    with open("record.out", "wb") as out, open("record.err", "wb") as err:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            timer = threading.Timer(PATIENCE, process.kill)
            timer.start()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            timer.cancel()
    faults = [fault for fault in map(not_plain, ("record.out", "record.err")) if fault]
    with open("record.out", "rb") as out, open("record.err", "rb") as err:
        out, err = out.read(), err.read()
    if process.returncode not in (0, 1, 3):
        faults.append(f"exit status {process.returncode}: {err[-300:]!r}")
    if limit and used.ru_maxrss > limit * 1024:
        faults.append(f"{used.ru_maxrss >> 10} MiB of memory")
    if b"Sanitizer" in err or b"runtime error:" in err:
        faults.append(f"sanitizer: {err[:3000]!r}")
    if any(line.startswith(b"flowkeep: archive: error: forged") for line in err.splitlines()):
        faults.append("forges a message")
    return process.returncode, out, err, faults


def try_record(flowkeep, source, kind, limit):
    faults, said = [], b""
    what, make = RECORDS[kind]
    shutil.rmtree("copy", ignore_errors=True)
    shutil.copytree(source, "copy")
    spoil = spoil_segments if glob.glob("copy/[0-9]*/*/*/flows-*.tar") else spoil_files
    name = spoil("copy", make).removesuffix(".pcap.gz").encode()
    for n, words in enumerate(BEFORE + AFTER):
        status, out, err, found = run([flowkeep, *words.split(), "-d", "copy"], limit)
        faults += [f"{words}: {fault}" for fault in found]
        reindexed = n >= len(BEFORE)
        if words == "verify":
            said += out
        if n == 0 and status != 1:
            faults.append(f"verify finds no difference: status {status}")
        if n == len(BEFORE) + 1 and what != EITHER and status != (what in (DAMAGE, LATER)):
            faults.append(f"verify after reindex: status {status}: {(out + err)[:300]!r}")
        if n == len(BEFORE + AFTER) - 1 and status != (what == LATER):
            faults.append(f"verify after repair: status {status}: {(out + err)[:300]!r}")
        if words == "find --format json":
            flows = [json.loads(line)["uuid"] for line in out.splitlines()]
            if what == SOUND and name.decode() not in flows or reindexed and what == DAMAGE and name.decode() in flows:
                faults.append(f"{words}: {'no ' if what == SOUND else ''}row of it after reindex: {reindexed}")
    if name not in said and b".tar" not in said:
        faults.append(f"verify does not name {name!r}: {said[:300]!r}")
    return faults


def records(flowkeep, source, limit, step):
    for kind in list(RECORDS)[::step]:
        faults = try_record(flowkeep, source, kind, limit)
        verdict(f"{kind} in {source}: {'; '.join(faults)}" if faults else "")
    outside = [path for path in glob.glob("*escaped*") + glob.glob("../*escaped*") if os.path.lexists(path)]
    verdict(f"outside: {outside}" if outside else "")


def main():
    command, args = sys.argv[1], sys.argv[2:]
    numbers = [int(arg) if arg.isdigit() else arg for arg in args]
    if command == "terminal":
        return terminal(*args)
    if command == "exposition":
        try:
            exposition(args[0])
        except (AssertionError, UnicodeError, ValueError, IndexError, KeyError) as fault:
            print(fault)
            return 1
    elif command == "plain":
        faults = [fault for fault in map(not_plain, args) if fault]
        print("\n".join(faults))
        return 1 if faults else 0
    elif command == "events":
        events(*args)
    else:
        actions = {f.__name__: f for f in (told, crowd, hold, talk, interfaces, listeners, records)}
        actions[command](*numbers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
