# SPDX-License-Identifier: BSD-2-Clause
"""
An event server that tells of connections as flowkeep-events(1) does, and that fails in every way:
it goes away, hangs, sends what is no event, stops within a line. It waits for nobody.
"""
import contextlib
import json
import os
import socket
import time

WAITING_MAX = 4 << 20  # then a client is dropped, see flowkeep-events(1)
GARBAGE = [
    b"", b"not JSON", b"{", b'{"Event":0,', b"\x00\x01\xfe\xff", b"[" * 5000, b"x" * 70000, b"[]",
    b"null", b'{"Event":7,"UUID":"fine"}', b'{"Event":0,"UUID":"../../etc/passwd","ID":null}',
    b'{"Event":0,"UUID":"fine","ID":null}', b'{"Event":1,"UUID":"never-opened","ID":null}',
    b'{"Event":0,"UUID":"' + b"x" * 129 + b'","ID":{}}', b'{"Event":1e99}',
]


class EventServer:
    """on: serves; hung: listens, but takes no client and sends nothing; off: there is no socket."""

    def __init__(self, path, prefix):
        self.path, self.prefix, self.state = path, prefix, "off"
        self.listener, self.clients = None, {}  # socket: what waits to be sent
        self.told, self.live = {}, {}  # uuid: ends; all, and those that are open
        self.lines = 0

    def start(self):
        self.stop()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(self.path)
        self.listener.listen(5)
        self.state = "on"

    def stop(self):
        for client in [*self.clients, *([self.listener] if self.listener else [])]:
            client.close()
        self.clients, self.listener, self.state = {}, None, "off"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def hang(self):
        if self.state == "on":
            self.state = "hung"

    def garbage(self, draw):
        """Lines that are no event, among them ones that name nothing."""
        for _ in range(draw.randint(1, 200)):
            self.send(draw.choice(GARBAGE) + b"\n")

    def cut(self):
        """Ends within a line, as one who is killed does."""
        self.send(b'{"Event":0,"UUID":"cu', 0)
        self.tend()
        self.stop()

    def descriptors(self):
        if self.state != "on":
            return []
        return [self.listener, *(client for client, waiting in self.clients.items() if waiting)]

    def tend(self):
        """Takes clients, and sends what can be sent."""
        if self.state != "on":
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                client, _ = self.listener.accept()
                client.setblocking(False)
                self.clients[client] = bytearray().join(
                    self.open_line(uuid, ends) for uuid, ends in self.live.items())
        for client, waiting in list(self.clients.items()):
            self.flush(client, waiting)

    def flush(self, client, waiting):
        try:
            while waiting:
                del waiting[:client.send(waiting)]
        except BlockingIOError:
            if len(waiting) <= WAITING_MAX:
                return
        except OSError:
            pass
        else:
            return
        del self.clients[client]
        client.close()

    def send(self, data, lines=1):
        self.lines += lines
        for waiting in self.clients.values():
            waiting += data

    def open(self, ends):
        """ends: (address, port, address, port). The connection's name."""
        uuid = f"{self.prefix}-{len(self.told)}"
        self.told[uuid] = self.live[uuid] = ends
        self.send(self.open_line(uuid, ends))
        return uuid

    def close(self, uuid):
        del self.live[uuid]
        self.send(json.dumps({"Event": 1, "Timestamp": stamp(), "UUID": uuid, "ID": None}).encode() +
                  b"\n")

    @staticmethod
    def open_line(uuid, ends):
        client, client_port, server, server_port = ends
        return json.dumps({"Event": 0, "Timestamp": stamp(), "UUID": uuid, "ID": {
            "SPort": server_port, "DPort": client_port, "SrcIP": server, "DstIP": client,
            "Interface": 0, "Cookie": 4779}}).encode() + b"\n"


def stamp():
    now = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
