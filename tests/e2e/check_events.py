#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios of `flowkeep events`, in a network namespace and a directory of their own: real
connections on one side, what the server tells on the other. Without an argument: their names."""
import atexit
import ipaddress
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

FLOWKEEP = os.environ.get("FLOWKEEP", "flowkeep")
SOCKET = "events.sock"
PREFIX = "example_1700000000"
PATIENCE = 30  # seconds until something that does not happen is a failure
SO_COOKIE = 57  # asm-generic/socket.h
LINE = re.compile(
    r'\{"Event":0,"Timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z","UUID":"[A-Za-z0-9._-]+_[0-9A-F]{16}",'
    r'"ID":\{"SPort":\d+,"DPort":\d+,"SrcIP":"[0-9a-f.:]+","DstIP":"[0-9a-f.:]+","Interface":\d+,"Cookie":-?\d+\}\}'
    r'|\{"Event":1,"Timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z","UUID":"[A-Za-z0-9._-]+_[0-9A-F]{16}","ID":null\}')


def uuid_of(s, prefix=PREFIX):
    return "%s_%016X" % (prefix, struct.unpack("Q", s.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0])


class Server:
    """flowkeep events, which has said READY=1 when the constructor returns."""

    def __init__(self, *options, wrap=(), prefix="prefix"):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.abspath("notify.%d" % os.getpid())
        if os.path.exists(path):
            os.unlink(path)
        self.notify.bind(path)
        os.chmod(path, 0o777)
        self.err = open("err", "w+")
        command = [*wrap, FLOWKEEP, "events", "--listen", SOCKET, *options]
        if prefix:
            command += ["--prefix-file", prefix]
        self.process = subprocess.Popen(command, stderr=self.err, env={**os.environ, "NOTIFY_SOCKET": path})
        atexit.register(self.process.kill)  # whatever a failed scenario leaves
        self.notify.settimeout(0.1)
        said = b""
        deadline = time.monotonic() + PATIENCE
        while not said:
            assert self.process.poll() is None and time.monotonic() < deadline, "did not start: " + self.stderr()
            try:
                said = self.notify.recv(100)
            except TimeoutError:
                pass
        assert said == b"READY=1", said

    def stderr(self):
        return open("err").read()

    def await_stderr(self, words, ask=None):
        deadline = time.monotonic() + PATIENCE
        while not re.search(words, self.stderr()):
            assert time.monotonic() < deadline, "never said: " + words + ": " + self.stderr()
            if ask:
                self.process.send_signal(ask)
            time.sleep(0.01)

    def counts(self):
        before = self.stderr().count("clients:")
        self.process.send_signal(signal.SIGUSR1)
        self.await_stderr("(?s)(clients: [^\n]*\n.*){%d}" % (before + 1))
        return {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", " ".join(self.stderr().splitlines()[-3:]))}

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.stderr()
        assert not os.path.exists(SOCKET), "the socket is still there"
        assert not re.search("Sanitizer|runtime error:", self.stderr()), self.stderr()
        self.notify.close()


class Client:
    """Reads events and keeps what they say; every line must be one of the form that is promised."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(SOCKET)
        self.socket.settimeout(PATIENCE)
        self.rest = b""
        self.opens = {}  # UUID -> ID
        self.times = {}  # UUID -> time stamp of the open
        self.closed = set()

    def take(self, line):
        assert LINE.fullmatch(line), line
        event = json.loads(line)
        uuid = event["UUID"]
        if event["Event"] == 0:
            assert uuid not in self.opens, "opened twice: " + line
            signed = event["ID"]["Cookie"]
            assert uuid.endswith("_%016X" % (signed % 2**64)), line
            self.opens[uuid] = event["ID"]
            self.times[uuid] = event["Timestamp"]
        else:
            assert uuid in self.opens, "closed before it was opened: " + line
            assert uuid not in self.closed, "closed twice: " + line
            self.closed.add(uuid)

    def read(self):
        data = self.socket.recv(65536)
        assert data, "the server is gone"
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.take(line.decode())

    def until(self, true):
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, "waited in vain"
            self.read()

    def await_opens(self, uuids):
        wanted = set(uuids)
        self.until(lambda: wanted <= self.opens.keys())

    def await_closes(self, uuids):
        wanted = set(uuids)
        self.until(lambda: wanted <= self.closed)


class Listener:
    def __init__(self, family=socket.AF_INET, address="127.0.0.1", dual=False):
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        self.socket.bind((address, 0))
        self.socket.listen(1000)
        self.port = self.socket.getsockname()[1]

    def pair(self, to):
        client = socket.create_connection((to, self.port))
        return client, self.socket.accept()[0]


def plain(address):
    a = ipaddress.ip_address(address)
    return str(getattr(a, "ipv4_mapped", None) or a)


def check_ends(s, said):
    local, remote = s.getsockname(), s.getpeername()
    want = {"SPort": local[1], "DPort": remote[1], "SrcIP": plain(local[0]), "DstIP": plain(remote[0])}
    assert want == {k: said[k] for k in want}, (want, said)
    assert said["Interface"] == 0, said


def every_connection_has_the_uuid_of_its_cookie():
    server = Server()
    client = Client()
    v4, v6 = Listener(), Listener(socket.AF_INET6, "::1")
    dual = Listener(socket.AF_INET6, "::", dual=True)
    sockets = []
    for _ in range(200):
        sockets += v4.pair("127.0.0.1") + v6.pair("::1") + dual.pair("127.0.0.1")
    client.await_opens(map(uuid_of, sockets))
    for s in sockets:
        check_ends(s, client.opens[uuid_of(s)])
    assert len(client.opens) == len(sockets), "more than there are"
    # Both ends of every second one go; the others stay.
    names = [uuid_of(s) for s in sockets]
    gone = [n for i, n in enumerate(names) if i % 4 < 2]
    for i, s in enumerate(sockets):
        if i % 4 < 2:
            s.close()
    client.await_closes(gone)
    assert client.closed == set(gone), "closed one that lives"
    counts = server.counts()
    assert counts["opens"] == 1200 and counts["closes"] == 600 and counts["connected"] == 1, counts
    assert counts["enobufs"] == 0, counts
    server.stop()


def a_device_that_a_socket_is_bound_to_is_told():
    server = Server()
    client = Client()
    listener = Listener()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    s.connect(("127.0.0.1", listener.port))
    client.await_opens([uuid_of(s)])
    assert client.opens[uuid_of(s)]["Interface"] == socket.if_nametoindex("lo")
    server.stop()


def connections_shorter_than_any_poll_are_told():
    server = Server()
    if "polling alone" in server.stderr():
        return
    client = Client()
    listener = Listener()
    names = []
    for _ in range(2000):
        a, b = listener.pair("127.0.0.1")
        names += [uuid_of(a), uuid_of(b)]
        a.sendall(b"x")
        a.close()
        b.close()
    client.await_closes(names)
    assert len(client.opens) == len(names)
    server.stop()


def a_late_client_is_told_what_lives():
    listener = Listener()
    first = [s for _ in range(50) for s in listener.pair("127.0.0.1")]
    server = Server()
    early = Client()
    early.await_opens(map(uuid_of, first))
    over = listener.pair("127.0.0.1")
    over_names = [uuid_of(s) for s in over]
    early.await_opens(over_names)
    for s in over:
        s.close()
    early.await_closes(over_names)
    late = Client()
    late.await_opens(map(uuid_of, first))
    more = [s for _ in range(50) for s in listener.pair("127.0.0.1")]
    for c in early, late:
        c.await_opens(map(uuid_of, more))
    assert not late.opens.keys() & set(over_names), "told what was over"
    for s in first + more:
        assert early.times[uuid_of(s)] == late.times[uuid_of(s)], "another time"
    names = [uuid_of(s) for s in first + more]
    for s in first + more:
        s.close()
    for c in early, late:
        c.await_closes(names)
    server.stop()


def clients_that_come_in_the_middle_miss_nothing():
    server = Server()
    listener = Listener()
    standing = [s for _ in range(500) for s in listener.pair("127.0.0.1")]
    clients = []
    for i in range(60):
        clients.append(Client())
        for _ in range(20):
            for s in listener.pair("127.0.0.1"):
                s.close()
        # Some of the standing ones go while the replay is on its way, others come.
        standing.pop(0).close()
        standing += listener.pair("127.0.0.1")
    names = {uuid_of(s) for s in standing}
    for c in clients:
        c.until(lambda c=c: c.opens.keys() - c.closed == names)
    server.stop()


def a_client_that_does_not_read_is_dropped_alone():
    server = Server()
    reader, sleeper = Client(), Client()
    listener = Listener()
    told = 0
    while "does not read" not in server.stderr():
        names = []
        for _ in range(500):
            pair = listener.pair("127.0.0.1")
            names += map(uuid_of, pair)
            for s in pair:
                s.close()
        reader.await_closes(names)
        told += 1000
        assert told < 100000, "never dropped"
    counts = server.counts()
    assert counts["dropped"] == 1 and counts["connected"] == 1, counts
    assert counts["enobufs"] == 0, counts
    # What it did not read in time is there still, then the end.
    try:
        while True:
            sleeper.read()
    except AssertionError as e:
        assert "gone" in str(e), e
    server.stop()


def too_many_clients_are_refused():
    server = Server()
    clients = [Client() for _ in range(64)]
    refused = Client()
    assert refused.socket.recv(1) == b"", "there was room"
    clients.pop().socket.close()
    server.await_stderr("clients: connected 63", ask=signal.SIGUSR1)
    listener = Listener()
    clients.append(Client())
    a, b = listener.pair("127.0.0.1")
    for c in clients:
        c.await_opens([uuid_of(a), uuid_of(b)])
    assert server.counts()["refused"] == 1
    server.stop()


def a_client_may_talk_or_shut_its_writing_half():
    server = Server()
    talker, half = Client(), Client()
    talker.socket.sendall(b"{}\n" * 100000)
    half.socket.shutdown(socket.SHUT_WR)
    a, b = Listener().pair("127.0.0.1")
    for c in talker, half:
        c.await_opens([uuid_of(a), uuid_of(b)])
    server.stop()


def a_reset_connection_is_told_once():
    server = Server()
    client = Client()
    listener = Listener()
    holders = []
    for _ in range(100):
        a, b = listener.pair("127.0.0.1")
        client.await_opens([uuid_of(a), uuid_of(b)])
        a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        a.close()
        holders.append(b)
    # The other ends hold their descriptors: only the dumps tell.
    names = [uuid_of(b) for b in holders]
    client.await_closes(names)
    for b in holders:
        b.close()
    # A further connection, so that the destroy messages of those have been seen: no second open.
    c, d = listener.pair("127.0.0.1")
    client.await_opens([uuid_of(c), uuid_of(d)])
    assert server.counts()["opens"] == 202
    server.stop()


def a_socket_that_connects_again_is_told_again():
    server = Server()
    client = Client()
    first, second = Listener(), Listener()
    s = socket.create_connection(("127.0.0.1", first.port))
    name = uuid_of(s)
    client.await_opens([name])
    assert client.opens[name]["DPort"] == first.port
    s.shutdown(socket.SHUT_RDWR)
    libc = __import__("ctypes").CDLL(None, use_errno=True)
    assert libc.connect(s.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16) == 0
    client.await_closes([name])
    del client.opens[name]
    client.closed.clear()
    s.connect(("127.0.0.1", second.port))
    assert uuid_of(s) == name
    client.await_opens([name])
    assert client.opens[name]["DPort"] == second.port
    server.stop()


def a_refused_connection_leaves_nothing_open():
    server = Server()
    client = Client()
    listener = Listener()
    port = listener.port
    listener.socket.close()
    for _ in range(200):
        s = socket.socket()
        try:
            s.connect(("127.0.0.1", port))
            assert False, "somebody is there"
        except ConnectionRefusedError:
            s.close()
    a, b = Listener().pair("127.0.0.1")
    client.await_opens([uuid_of(a), uuid_of(b)])
    deadline = time.monotonic() + PATIENCE
    while True:
        counts = server.counts()
        if counts["open"] == 2:
            break
        assert time.monotonic() < deadline, counts
    assert counts["opens"] - 2 + counts["erased"] >= 200, counts
    server.stop()


def other_namespaces_are_not_told():
    server = Server()
    client = Client()
    there = subprocess.run(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && exec python3 -c '%s'" % (
            "import socket; l = socket.socket(); l.bind((\"127.0.0.1\", 0)); l.listen();"
            "a = socket.create_connection(l.getsockname()); b = l.accept()[0]")], check=True)
    assert there.returncode == 0
    a, b = Listener().pair("127.0.0.1")
    client.await_opens([uuid_of(a), uuid_of(b)])
    assert len(client.opens) == 2, client.opens
    server.stop()


def it_runs_without_privileges():
    os.makedirs("theirs", exist_ok=True)
    os.chown("theirs", 65534, 65534)
    global SOCKET
    SOCKET = "theirs/events.sock"
    wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    server = Server(wrap=wrap, prefix=None)
    client = Client()
    with open("/proc/stat") as f:
        btime = re.search(r"^btime (\d+)", f.read(), re.M)[1]
    prefix = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname()) + "_" + btime
    assert server.stderr().count("warning") == 1, server.stderr()
    assert "cannot write '/run/flowkeep/prefix'" in server.stderr() and prefix in server.stderr(), server.stderr()
    pairs = [s for _ in range(100) for s in Listener().pair("127.0.0.1")]
    names = [uuid_of(s, prefix) for s in pairs]
    client.await_opens(names)
    for s in pairs:
        s.close()
    client.await_closes(names)
    server.stop()


def the_prefix_is_made_once_and_kept():
    server = Server(prefix=None)
    path = "/run/flowkeep/prefix"
    made = open(path).read()
    with open("/proc/stat") as f:
        btime = re.search(r"^btime (\d+)", f.read(), re.M)[1]
    assert made == re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname()) + "_" + btime, made
    assert os.stat(path).st_mode & 0o777 == 0o444
    first = os.stat(path).st_ino
    server.stop()
    server = Server(prefix=None)
    assert os.stat(path).st_ino == first, "made again"
    client = Client()
    a, b = Listener().pair("127.0.0.1")
    client.await_opens([uuid_of(a, made), uuid_of(b, made)])
    server.stop()
    # Of another boot: made anew.
    os.unlink("/run/flowkeep/boot_id")
    with open("/run/flowkeep/boot_id", "w") as f:
        f.write("00000000-0000-0000-0000-000000000000")
    os.unlink(path)
    with open(path, "w") as f:
        f.write("old_1")
    server = Server(prefix=None)
    assert open(path).read() == made
    server.stop()
    os.unlink(path)
    os.unlink("/run/flowkeep/boot_id")
    os.rmdir("/run/flowkeep")


def a_living_socket_is_not_replaced_but_a_dead_one_is():
    server = Server()
    second = subprocess.run([FLOWKEEP, "events", "-q", "--listen", SOCKET, "--prefix-file", "prefix"], capture_output=True,
                            text=True, timeout=PATIENCE)
    assert second.returncode == 3 and "somebody else listens" in second.stderr, second
    assert os.stat(SOCKET).st_mode & 0o777 == 0o660
    client = Client()
    server.process.kill()
    server.process.wait()
    assert os.path.exists(SOCKET)
    server = Server()
    client = Client()
    a, b = Listener().pair("127.0.0.1")
    client.await_opens([uuid_of(a), uuid_of(b)])
    server.process.send_signal(signal.SIGHUP)
    client = Client()
    client.await_opens([uuid_of(a), uuid_of(b)])
    # Somebody else's file of that name stays.
    os.unlink(SOCKET)
    with open(SOCKET, "w"):
        pass
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0
    assert os.path.exists(SOCKET)
    os.unlink(SOCKET)


def polling_takes_at_most_a_tenth_of_a_processor():
    listener = Listener()
    keep = [s for _ in range(5000) for s in listener.pair("127.0.0.1")]
    server = Server()
    client = Client()
    client.await_opens(map(uuid_of, keep))

    def cpu():
        with open("/proc/%d/stat" % server.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    begin, start, polls = cpu(), time.monotonic(), server.counts()["polls"]
    time.sleep(3)  # what is measured is a span of time
    used, span, polls = cpu() - begin, time.monotonic() - start, server.counts()["polls"] - polls
    print("%.1f %% of a processor, %.1f polls a second, %d sockets" % (100 * used / span, polls / span, len(keep)))
    assert used / span < 0.15, "too much"
    assert polls >= 3, "it hardly polls"
    server.stop()


SCENARIOS = [v for k, v in list(globals().items())
             if callable(v) and getattr(v, "__module__", "") == "__main__" and not isinstance(v, type)
             and k not in ("uuid_of", "plain", "check_ends")]

if __name__ == "__main__":
    resource = __import__("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    if len(sys.argv) == 1:
        for s in SCENARIOS:
            print(s.__name__)
    else:
        {s.__name__: s for s in SCENARIOS}[sys.argv[1]]()
