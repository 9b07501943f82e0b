#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Print the UUID under which flowkeep archives a TCP connection, from inside the program that has
the connection. Connects to HOST PORT; with --serve PORT it accepts one instead, and tells the
other end. socket_uuid is what a program of yours wants.

    socket-uuid.py example.org 80
    socket-uuid.py --serve 8080
"""
import socket
import struct
import sys

SO_COOKIE = 57  # asm-generic/socket.h; on parisc 0x4032, on sparc 0x3b

# The first of these that is there, as flowkeep-events(1) says; --prefix-file goes before both.
PREFIX_FILES = ("/var/local/uuid/prefix", "/run/flowkeep/prefix")


def read_prefix():
    """Read it once, at the start: it does not change until the next boot."""
    for name in PREFIX_FILES:
        try:
            with open(name, encoding="ascii") as f:
                return f.read().rstrip()
        except FileNotFoundError:
            pass
    sys.exit("socket-uuid: no prefix file: does flowkeep events run?")


def socket_uuid(connection, prefix):
    """PREFIX_COOKIE, the cookie as 16 upper-case hexadecimal digits."""
    (cookie,) = struct.unpack("=Q", connection.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))
    return "%s_%016X" % (prefix, cookie)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: socket-uuid.py HOST PORT\n       socket-uuid.py --serve PORT")
    prefix = read_prefix()
    if sys.argv[1] == "--serve":
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        with socket.create_server(("", int(sys.argv[2])), family=family, dualstack_ipv6=dual) as listener:
            connection = listener.accept()[0]
        uuid = socket_uuid(connection, prefix)
        connection.sendall(uuid.encode() + b"\n")
    else:
        connection = socket.create_connection((sys.argv[1], sys.argv[2]))
        uuid = socket_uuid(connection, prefix)
    print(uuid, flush=True)
    connection.close()


if __name__ == "__main__":
    main()
