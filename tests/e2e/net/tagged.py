# SPDX-License-Identifier: BSD-2-Clause
"""tagged.py INTERFACE TARGET: two short TCP conversations in raw frames, with one VLAN tag and with two."""
import socket
import struct
import sys

import frames

CLIENT, SERVER = bytes((10, 77, 9, 2)), bytes((10, 77, 9, 1))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_tcp(source, target, ports, flags, numbers, payload=b""):
    """An IPv4 packet (RFC 791) with a TCP segment (RFC 9293)."""
    tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 65535, 0, 0) + payload
    pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, socket.IPPROTO_TCP, 0, source, target)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def conversation(port):
    there, back = (port, 80), (80, port)
    yield ip_tcp(CLIENT, SERVER, there, frames.SYN, (100, 0))
    yield ip_tcp(SERVER, CLIENT, back, frames.SYN | frames.ACK, (500, 101))
    yield ip_tcp(CLIENT, SERVER, there, frames.ACK, (101, 501), b"tagged")
    yield ip_tcp(SERVER, CLIENT, back, frames.FIN | frames.ACK, (501, 107))
    yield ip_tcp(CLIENT, SERVER, there, frames.FIN | frames.ACK, (107, 502))
    yield ip_tcp(SERVER, CLIENT, back, frames.ACK, (502, 108))


def main():
    interface, target = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", ""))
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    for port, tags in ((40001, (0x8100, 5)), (40002, (0x88A8, 7, 0x8100, 5))):
        for packet in conversation(port):
            head = target + sock.getsockname()[4] + struct.pack(f"!{len(tags)}HH", *tags, 0x0800)
            sock.send((head + packet).ljust(60, b"\0"))


if __name__ == "__main__":
    main()
