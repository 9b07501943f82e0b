# SPDX-License-Identifier: BSD-2-Clause
"""A TCP server that knows the name of each of its connections.

    server.py --prefix TEXT --names FILE [PORT[/4]]...

Writes one line per connection to FILE as soon as it accepts it: its UUID (prefix and SO_COOKIE), then
address and port of the client and of itself. A request is a line "KIND UP DOWN" and UP bytes; the
answer is DOWN bytes. KIND k keeps the connection, s closes it from this side once answered. A PORT
listens on IPv6 and IPv4 (where the kernel shows mapped addresses), PORT/4 on IPv4 alone.
Prints "ready" once it listens; SIGTERM ends it.
"""
import argparse
import selectors
import signal
import socket
import struct
import sys

SO_COOKIE = 57  # asm-generic/socket.h
BLOCK = bytes(range(256)) * 256


def cookie(connection):
    return struct.unpack("=Q", connection.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


class Connection:
    def __init__(self, sock):
        self.sock, self.line, self.up, self.down, self.close = sock, b"", 0, 0, False

    def take(self, data):
        while data:
            if self.up:
                used = min(self.up, len(data))
                self.up -= used
                data = data[used:]
                continue
            end = data.find(b"\n")
            if end < 0:
                self.line += data
                return
            kind, up, down = (self.line + data[:end]).split()
            self.line, data = b"", data[end + 1 :]
            self.up, self.down, self.close = int(up), self.down + int(down), kind == b"s"

    def wants_to_write(self):
        return self.down and not self.up

    def give(self):
        while self.wants_to_write():
            try:
                self.down -= self.sock.send(BLOCK[: self.down])
            except BlockingIOError:
                return


class Server:
    def __init__(self, prefix, names):
        self.prefix, self.names, self.selector = prefix, names, selectors.DefaultSelector()

    def listen(self, where):
        port, _, four = where.partition("/")
        sock = socket.socket(socket.AF_INET if four else socket.AF_INET6)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not four:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("", int(port)))
        sock.listen(4096)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, None)

    def accept(self, listener):
        while True:
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                break
            own = sock.getsockname()
            self.names.write(f"{self.prefix}_{cookie(sock):016X} {peer[0]} {peer[1]} {own[0]} {own[1]}\n")
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, Connection(sock))
        self.names.flush()

    def work(self, connection, events):
        try:
            if events & selectors.EVENT_READ:
                data = connection.sock.recv(1 << 18)
                if not data:
                    return self.end(connection)
                connection.take(data)
            connection.give()
        except BlockingIOError:
            pass
        except (ConnectionError, TimeoutError):
            return self.end(connection)
        if connection.close and not connection.down and not connection.up:
            return self.end(connection)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.wants_to_write() else 0)
        self.selector.modify(connection.sock, wanted, connection)
        return None

    def end(self, connection):
        self.selector.unregister(connection.sock)
        connection.sock.close()

    def run(self):
        while True:
            for key, events in self.selector.select():
                if key.data is None:
                    self.accept(key.fileobj)
                else:
                    self.work(key.data, events)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--prefix", default="server")
    options.add_argument("--names", required=True)
    options.add_argument("where", nargs="+")
    options = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(options.names, "a", encoding="ascii") as names:
        server = Server(options.prefix, names)
        for where in options.where:
            server.listen(where)
        print("ready", flush=True)
        server.run()


if __name__ == "__main__":
    main()
