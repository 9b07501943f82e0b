# SPDX-License-Identifier: BSD-2-Clause
"""Sockets in another network namespace, from one process: a socket stays where it was made."""
import contextlib
import ctypes
import os
import socket
import struct

CLONE_NEWNET = 0x40000000  # linux/sched.h
SO_COOKIE = 57  # asm-generic/socket.h
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends an RST

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(name):
    """with inside("name"): sockets are made in that namespace of ip-netns(8)."""
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(home)
        os.close(home)
        os.close(there)


def cookie(connection):
    return struct.unpack("=Q", connection.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


class Net:
    """A listener in one namespace, connections to it from the other; both ends in our hands."""

    def __init__(self, server_ns, client_ns, address="10.77.1.1", port=8080):
        self.server_ns, self.client_ns, self.where = server_ns, client_ns, (address, port)
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(server_ns):
            self.listener = socket.socket(self.family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.where)
        self.listener.listen(4096)

    def connect(self, port=0):
        return Link(self, port)


class Link:
    """One TCP connection: client and server are sockets; say() sends and waits until it is there."""

    def __init__(self, net, port):
        with inside(net.client_ns):
            self.client = socket.socket(net.family)
        self.client.settimeout(30)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.client.bind(("", port))
        self.client.connect(net.where)
        self.server, _ = net.listener.accept()
        self.server.settimeout(30)
        self.peer, self.own = self.server.getpeername()[:2], self.server.getsockname()[:2]

    def say(self, text):
        self.client.sendall(text)
        got = b""
        while len(got) < len(text):
            got += self.server.recv(65536)
        self.server.sendall(b"yes")
        self.client.recv(65536)

    def finish(self):
        """FIN from both sides, seen by both."""
        self.client.shutdown(socket.SHUT_WR)
        self.server.recv(65536)
        self.server.close()
        self.client.recv(65536)
        self.client.close()

    def reset(self):
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.client.close()
        try:
            self.server.recv(65536)
        except ConnectionResetError:
            pass
        self.server.close()
