# SPDX-License-Identifier: BSD-2-Clause
"""Makes many TCP connections to server.py, each from its own port, and checks every answer.

    client.py [options] TARGET...          TARGET is ADDRESS/PORT, taken in turn

--mix says what they do, as KIND:SHARE,...:

    short   one request, closed here            idle    not a byte
    bulk    256 KiB down, 64 KiB up             hold    one request, then silence
    server  closed by the server                chat    a request twenty times a second
    reset   closed by an RST                    slow    a few bytes now and then

Those on the right stay open until the others are done, or, with --release, until SIGUSR1. With --seconds
new connections go on being made for that long, or until SIGUSR2. Prints "open" when all are established
and have their first answer, "done" at the end. Exit status 1 if any connection failed.
"""
import argparse
import os
import random
import selectors
import signal
import socket
import struct
import sys
import time

BLOCK = bytes(range(256)) * 256
LASTING = ("idle", "hold", "chat", "slow")
EVERY = {"chat": 0.05, "slow": 0.4}  # seconds between requests
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends an RST


class Connection:
    def __init__(self, kind, target, port, rng):
        address, target_port = target.split("/")
        self.kind, self.name, self.open, self.rng = kind, f"{kind} from port {port} to {target}", False, rng
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("", port))
        self.out, self.up, self.down, self.wait = b"", 0, 0, 0
        try:
            self.sock.connect((address, int(target_port)))
        except BlockingIOError:
            pass

    def established(self):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self.open = True
        if self.kind != "idle":
            self.ask()

    def ask(self):
        up, down = self.rng.randint(0, 2000), self.rng.randint(1, 20000)
        if self.kind == "bulk":
            up, down = 65536, 262144
        elif self.kind == "slow":
            up, down = 10, 50
        self.out = b"%s %d %d\n" % (b"s" if self.kind == "server" else b"k", up, down)
        self.up, self.down = up, down

    def waiting(self):
        return bool(self.out or self.up or self.down)

    def send(self):
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
            while self.up:
                self.up -= self.sock.send(BLOCK[: self.up])
        except BlockingIOError:
            pass

    def receive(self):
        """Takes what is there; true when the server has closed."""
        try:
            while True:
                data = self.sock.recv(1 << 18)
                if not data:
                    if self.down or self.kind != "server":
                        raise OSError("closed by the server")
                    return True
                self.down -= len(data)
                if self.down < 0:
                    raise OSError("more came than was asked for")
        except BlockingIOError:
            return False

    def close(self):
        if self.kind == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()


class Client:
    def __init__(self, options):
        self.options, self.rng = options, random.Random(options.seed)
        self.kinds = [kind for item in options.mix.split(",") for kind in [item.split(":")[0]] * int(item.split(":")[1])]
        self.selector, self.live, self.lasting = selectors.DefaultSelector(), set(), set()
        self.made, self.failed, self.started, self.told = 0, 0, time.monotonic(), False
        self.released = not options.release
        signal.signal(signal.SIGUSR1, self.release)
        signal.signal(signal.SIGUSR2, self.no_more)

    def release(self, *_):
        self.released = True

    def no_more(self, *_):
        self.options.connections = self.options.seconds = 0

    def more_to_make(self):
        if self.options.seconds:
            return time.monotonic() < self.started + self.options.seconds
        return self.made < self.options.connections

    def start(self):
        while self.more_to_make() and len(self.live) - len(self.lasting) < self.options.concurrency:
            if self.options.rate and self.made > (time.monotonic() - self.started) * self.options.rate:
                return
            kind = self.rng.choice(self.kinds)
            target = self.options.targets[self.made % len(self.options.targets)]
            port = self.options.port + self.made % (65536 - self.options.port)
            self.made += 1
            connection = Connection(kind, target, port, self.rng)
            self.live.add(connection)
            self.selector.register(connection.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def end(self, connection, problem=None):
        if problem:
            self.failed += 1
            print(f"client: {connection.name}: {problem}", file=sys.stderr)
        self.selector.unregister(connection.sock)
        connection.close()
        self.live.discard(connection)
        self.lasting.discard(connection)

    def work(self, connection, events):
        try:
            if not connection.open and events & selectors.EVENT_WRITE:
                connection.established()
            if connection.open:
                connection.send()
                if events & selectors.EVENT_READ and connection.receive():
                    return self.end(connection)
        except OSError as problem:
            return self.end(connection, problem)
        if connection.open and not connection.waiting():
            if connection.kind in LASTING:
                self.lasting.add(connection)
            elif connection.kind != "server":
                return self.end(connection)
        wanted = selectors.EVENT_READ
        if not connection.open or connection.out or connection.up:
            wanted |= selectors.EVENT_WRITE
        self.selector.modify(connection.sock, wanted, connection)
        return None

    def chat(self, now):
        for connection in [c for c in self.lasting if c.kind in EVERY and c.wait <= now]:
            if connection.waiting():
                continue
            connection.wait = now + EVERY[connection.kind]
            connection.ask()
            self.work(connection, 0)

    def check_release(self):
        if self.released and not self.more_to_make() and len(self.live) == len(self.lasting):
            for connection in list(self.lasting):
                if not connection.waiting():
                    self.end(connection)

    def run(self):
        while self.more_to_make() or self.live:
            self.start()
            for key, events in self.selector.select(0.02):
                if key.data in self.live:
                    self.work(key.data, events)
            self.chat(time.monotonic())
            if not self.told and not self.more_to_make() and len(self.live) == len(self.lasting):
                self.told = True
                print("open", len(self.live), flush=True)
            self.check_release()
        print("done", self.made, "made,", self.failed, "failed", flush=True)
        return 1 if self.failed else 0


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--connections", type=int, default=100)
    options.add_argument("--concurrency", type=int, default=100)
    options.add_argument("--rate", type=float, default=0)
    options.add_argument("--seconds", type=float, default=0)
    options.add_argument("--mix", default="short:6,bulk:1,idle:1,server:1,reset:1")
    options.add_argument("--port", type=int, default=20000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--release", action="store_true")
    options.add_argument("targets", nargs="+")
    return Client(options.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
