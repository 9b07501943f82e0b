# SPDX-License-Identifier: BSD-2-Clause
"""hidden_live.py SERVER_NS CLIENT_NS SOCKET FRAMES...: what a capture should hide, while it runs.

Serves events at SOCKET and waits for flowkeep there. Then: connections from the client's addresses with
markers in them, named by events before and after; events with those addresses in every place and state
of repair; the frames of the pcaps FRAMES as they are. Prints "open" when all was said, closes on a line
from stdin what is open, says the rest, prints "done".
"""
import json
import os
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import eventserver
import netns
import privacy

CLIENTS = ("10.77.1.173", "fd77:1::5e2b:91c7:d3a6:7f48")
SERVERS = {"10.77.1.173": "10.77.1.1", "fd77:1::5e2b:91c7:d3a6:7f48": "fd77:1::1"}
MARKER = bytes.fromhex("b7e151628aed2a6abf7158809cf4f3c7")


class Link(netns.Link):
    """From an address of our choice."""

    def __init__(self, net, address):
        with netns.inside(net.client_ns):
            self.client = socket.socket(net.family)
        self.client.settimeout(30)
        self.client.bind((address, 0))
        self.client.connect(net.where)
        self.server, _ = net.listener.accept()
        self.server.settimeout(30)
        self.peer, self.own = self.server.getpeername()[:2], self.server.getsockname()[:2]


def broken(client):
    """Lines that are wrong, with the client's address where it might be quoted."""
    good = {"SPort": 443, "DPort": 50000, "SrcIP": "192.0.2.1", "DstIP": client, "Interface": 0, "Cookie": 1}

    def line(uuid="fine", event=0, **changes):
        return json.dumps({"Event": event, "Timestamp": "2026-01-02T03:04:05Z", "UUID": uuid, "ID": {**good, **changes}})

    yield line()[:-20]
    yield '{"Event":0 "DstIP":"' + client + '"}'
    yield client
    yield line(uuid="../" + client)
    yield line(uuid="." + client)
    yield line(uuid=client + "/" + client)
    yield line(DPort=client)
    yield line(DPort=70000)
    yield line(DstIP=client + " ")
    yield line(DstIP=client + "/24")
    yield line(SrcIP=[client])
    yield line(SrcIP=client, DstIP="fd77:1::1" if "." in client else "10.77.1.1")
    yield line(event=99)
    yield line(event=client)
    yield line(Cookie=client)
    yield line(uuid="long" + client.replace(":", ".") * 20)
    yield '{"Event":0,"x":"' + client * 20000 + '"}'
    # Sound, but of connections that are not there; and a name for two
    yield line(uuid="unmatched", DPort=1)
    yield line(uuid="taken", DPort=2)
    yield line(uuid="taken", DPort=3)
    yield json.dumps({"Event": 1, "UUID": "never-" + "seen", "ID": good})


def replay(client_ns, paths):
    """The frames of captures, to a machine that is not there."""
    with netns.inside(client_ns):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("cli0", 0))
    count = 0
    for path in paths:
        for _, length, data in privacy.read_pcap(path):
            if 14 < length == len(data) <= 1514:
                raw.send(data)
                count += 1
    raw.close()
    return count


def converse(net, address, events):
    """Connections of each kind; those that stay open."""
    ended = []
    for number in range(6):
        link = Link(net, address)
        name = f"{'v6' if ':' in address else 'v4'}-{number}"
        if number % 2:
            events.open(name, link)
        link.say(MARKER + b"." + MARKER)
        if number < 3:
            link.finish()
            ended.append((name, link))
            if number:
                events.close(name)
        else:
            yield name, link
    # Names for what has ended, and for what had one
    for name, link in ended:
        events.open(name + "-again", link)


def main():
    server_ns, client_ns, path, *frames = sys.argv[1:]
    signal.alarm(120)
    events = eventserver.EventServer(path)
    print("listening", flush=True)
    events.accept()
    opened = []
    for client in CLIENTS:
        net = netns.Net(server_ns, client_ns, SERVERS[client])
        opened += list(converse(net, client, events))
        for line in broken(client):
            events.line(line)
    print("replayed", replay(client_ns, frames), flush=True)
    print("open", len(opened), flush=True)
    sys.stdin.readline()
    for name, link in opened:
        link.say(MARKER)
        events.open(name, link)
        link.finish()
        events.close(name)
    print("done", flush=True)


if __name__ == "__main__":
    main()
