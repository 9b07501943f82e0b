# SPDX-License-Identifier: BSD-2-Clause
"""An event server that says what the script wants, when it wants (the wire format of tcp-info)."""
import fcntl
import json
import os
import select
import socket
import struct
import termios
import time


class EventServer:
    def __init__(self, path):
        self.path, self.clients, self.lines = path, [], 0
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(5)

    def stop(self):
        """As if killed: the socket file stays."""
        self.listener.close()
        for client in self.clients:
            client.close()
        self.clients = []

    def accept(self, seconds=60):
        """Waits for a client."""
        ready, _, _ = select.select([self.listener], [], [], seconds)
        if not ready:
            raise TimeoutError("no client came to the event server")
        self.clients.append(self.listener.accept()[0])

    def send(self, data, lines=1):
        """Sends to the latest client and waits until it has read all of it."""
        client = self.clients[-1]
        client.sendall(data)
        self.lines += lines
        end = time.monotonic() + 60
        while struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
            if time.monotonic() > end:
                raise TimeoutError("the events are not read")
            time.sleep(0.005)

    def line(self, text):
        self.send(text.encode() + b"\n")

    def open(self, uuid, link, **changes):
        self.line(json.dumps(open_event(uuid, link.own, link.peer, **changes)))

    def close(self, uuid):
        self.line(json.dumps({"Event": 1, "Timestamp": stamp(), "UUID": uuid, "ID": None}))


def stamp():
    now = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"


def open_event(uuid, own, peer, **changes):
    """The open event of the connection between own and peer, (address, port) each."""
    identity = {"SPort": own[1], "DPort": peer[1], "SrcIP": own[0], "DstIP": peer[0], "Interface": 0, "Cookie": 4779}
    identity.update(changes)
    return {"Event": 0, "Timestamp": stamp(), "UUID": uuid, "ID": identity}
