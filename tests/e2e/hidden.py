#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Captures that hold secrets wherever one can hide, and the list of what must not be found.

    hidden.py markers|addresses|macs DIR

Writes DIR/LINKTYPE.pcap and DIR/needles (see find_bytes.py). Each place has secrets of its own, so that
one that is found tells where it came from.
"""
import hashlib
import os
import struct
import sys

import privacy as p
from privacy import HOP_BY_HOP, ICMP, ICMPV6, SCTP, TCP, UDP

ETHERNET, NULL, RAW, SLL, SLL2 = 1, 0, 101, 113, 276  # https://www.tcpdump.org/linktypes.html
C4, S4, C6, S6 = "192.0.2.7", "198.51.100.9", "2001:db8:77::7", "2001:db8:99::9"
IPIP, GRE, ESP, AH, IPV6, NONE = 4, 47, 50, 51, 41, 59


class Hidden:
    def __init__(self):
        self.frames, self.needles, self.port = {}, [], 20000

    # -- secrets

    def _secret(self, label, kind, data, stored):
        self.needles.append((label, kind, data, "always" if stored else "hidden"))
        return data

    def marker(self, label, stored=True):
        """16 bytes, none of them 0: an option or chunk that begins in it says something."""
        data = bytes(b or 1 for b in hashlib.sha256(label.encode()).digest()[:16])
        return self._secret(label, "bytes", data, stored)

    def text(self, label, stored=True):
        """A payload that is long enough to be cut anywhere: a marker at its start, one unaligned."""
        return self.marker(label, stored) + b"abc" + self.marker(label + ",unaligned", stored) + b"tail."

    def v4(self, label, stored=True):
        digest = hashlib.sha256(b"v4" + label.encode()).digest()
        return self._secret(label, "v4", bytes((10, 100 + digest[0] % 150, 1 + digest[1] % 254, 130 + digest[2] % 120)), stored)

    def v6(self, label, stored=True):
        digest = hashlib.sha256(b"v6" + label.encode()).digest()
        low = bytes(b | 0x11 for b in digest[:12])
        return self._secret(label, "v6", b"\x20\x01\x0d\xb8" + low, stored)

    def mac(self, label, stored=True):
        data = bytes((2,)) + bytes(b | 1 for b in hashlib.sha256(b"mac" + label.encode()).digest()[:5])
        return self._secret(label, "mac", data, stored)

    # -- frames

    def next_port(self):
        self.port += 1
        return self.port

    def put(self, *packets, linktype=ETHERNET, link=p.ethernet):
        self.frames.setdefault(linktype, []).extend(link(packet) for packet in packets)

    def put_frames(self, *frames, linktype=ETHERNET):
        self.frames.setdefault(linktype, []).extend(frames)

    def tcp(self, src, dst, ip=None, **more):
        """An IP packet with a segment of a connection of its own; ip: more for the IP header."""
        return p.ip(src, dst, TCP, p.tcp(src, dst, self.next_port(), 443, **more), **(ip or {}))

    def udp(self, src, dst, payload, to=9999, ip=None, **more):
        return p.ip(src, dst, UDP, p.udp(src, dst, self.next_port(), to, payload, **more), **(ip or {}))

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        for linktype, frames in self.frames.items():
            p.write_pcap(os.path.join(folder, f"{linktype}.pcap"), frames, linktype)
        with open(os.path.join(folder, "needles"), "w", encoding="ascii") as f:
            for label, kind, data, stored in self.needles:
                f.write(f"{label} {kind} {data.hex()} {stored}\n")


def sll(packet, arphrd=1, address=b"\x02\0\0\0\0\1"):
    proto = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return struct.pack(">HHH8sH", 0, arphrd, len(address), address, proto) + packet


def sll2(packet, arphrd=1, address=b"\x02\0\0\0\0\1"):
    proto = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return struct.pack(">HHIHBB8s", proto, 0, 2, arphrd, 0, len(address), address) + packet


def null(packet):
    return struct.pack("<I", 10 if packet[0] >> 4 == 6 else 2) + packet


def raw(packet):
    return packet


def lie(packet, at, value):
    """A byte of a packet that says something else."""
    return packet[:at] + bytes((value,)) + packet[at + 1 :]


def inner(src, dst, payload=b""):
    return p.ip(src, dst, TCP, p.tcp(src, dst, 5, 6, payload=payload))


def vxlan(frame):
    return b"\x08\0\0\0\0\0\x2a\0" + frame


# -- markers in what is payload -------------------------------------------------------------------


def marked_transport(h):
    for v, c, s in ((4, C4, S4), (6, C6, S6)):
        h.put(h.tcp(c, s, payload=h.text(f"tcp{v}")), h.tcp(s, c, payload=h.text(f"tcp{v}-back")))
        h.put(h.tcp(c, s, flags="S", payload=h.text(f"tcp{v}-syn")), h.tcp(c, s, flags="R", payload=h.text(f"tcp{v}-rst")))
        h.put(h.tcp(c, s, options=p.opt_timestamps() * 2 + p.opt_mss(), payload=h.text(f"tcp{v}-options")))
        h.put(h.udp(c, s, h.text(f"udp{v}")), h.udp(c, s, h.text(f"udp{v}-no-checksum"), checksum="zero"))
        for length in (0, 4, 8, 12, 60000):
            h.put(h.udp(c, s, h.text(f"udp{v}-length-{length}"), length=length))
        for kind, value in (("none", b""), ("mss", p.opt_mss())):
            for name, bad in (("zero", b"\x03\0"), ("one", b"\x05\1"), ("long", b"\x08\x28"), ("lone", b"\xfd\x27")):
                options = value + bad + h.marker(f"tcp{v}-bad-option-{kind}-{name}")
                h.put(h.tcp(c, s, options=options, payload=h.text(f"tcp{v}-bad-option-{kind}-{name},payload")))
        for before in (b"", b"\1", b"\1\1\1", p.opt_mss()):
            options = before + b"\0" + h.marker(f"tcp{v}-end-of-options-{len(before)}")
            h.put(h.tcp(c, s, options=options, payload=h.text(f"tcp{v}-end-of-options-{len(before)},payload")))
        for offset in (0, 1, 2, 3, 4, 15):
            h.put(h.tcp(c, s, offset=offset, payload=h.text(f"tcp{v}-offset-{offset}")[:38]))
        # The header seems to be there only if padding counts.
        packet = h.tcp(c, s, offset=12, payload=h.marker(f"tcp{v}-offset-in-padding"))
        h.put_frames(p.ethernet(packet) + h.text(f"tcp{v}-offset-in-padding,trailer"))
        # Cut while captured: in the payload, and in the options
        frame = p.ethernet(h.tcp(c, s, payload=h.text(f"tcp{v}-cut") + b"x" * 500))
        h.put_frames((frame[:-450], len(frame)))
        frame = p.ethernet(h.tcp(c, s, options=b"\0" + h.marker(f"tcp{v}-cut-options") + b"\0" * 20, payload=b"x" * 100))
        h.put_frames((frame[:-115], len(frame)))


def marked_ip(h):
    for name, bad in (("zero", b"\7\0"), ("one", b"\x83\1"), ("long", b"\x44\x28"), ("end", b"\0"), ("nop-end", b"\1\1\1\0"),
                      ("route-end", p.ip_record_route(S4) + b"\0"), ("route-bad", p.ip_record_route(S4) + b"\x83\2")):  # fmt: skip
        more = {"options": bad + h.marker(f"ip-option-{name}")}
        h.put(h.tcp(C4, S4, ip=more, payload=h.text(f"ip-option-{name},tcp")))
        more = {"options": bad + h.marker(f"ip-option-{name},udp")}
        h.put(h.udp(C4, S4, h.text(f"ip-option-{name},udp,payload"), ip=more))
    h.put(h.tcp(C4, S4, ip={"options": p.ip_record_route(empty=7) + b"\1\1\1\1"}, payload=h.text("ip-options-full")))
    for total in (0, 30, 40, 50, 5000):
        h.put(h.tcp(C4, S4, ip={"total_length": total}, payload=h.text(f"ip-total-{total}", stored=total not in (30,))))
    h.put(lie(h.tcp(C4, S4, payload=h.text("ip-header-short", stored=False)), 0, 0x44))
    h.put(lie(h.tcp(C4, S4, payload=h.marker("ip-header-long", stored=False)), 0, 0x4F))
    h.put(lie(h.tcp(C4, S4, payload=h.text("ip-version", stored=False)), 0, 0x55))
    for length in (0, 10, 20, 30, 5000):
        h.put(h.tcp(C6, S6, ip={"payload_length": length}, payload=h.text(f"ipv6-length-{length}", stored=length > 10)))
    for number, name in ((HOP_BY_HOP, "hop"), (p.DESTINATION, "dest")):
        pad = bytes((1, 16)) + h.marker(f"ipv6-{name}-padding")
        h.put(h.tcp(C6, S6, ip={"exts": [(number, b"\1\2\0\0" + pad)]}, payload=h.text(f"ipv6-{name}-padding,payload")))
        bad = b"\x1e\x60" + h.marker(f"ipv6-{name}-bad-option")
        h.put(h.tcp(C6, S6, ip={"exts": [(number, bad)]}, payload=h.text(f"ipv6-{name}-bad-option,payload")))
    packet = h.tcp(C6, S6, ip={"exts": [(HOP_BY_HOP, b"\1\4\0\0\0\0")]}, payload=h.text("ipv6-ext-long", stored=False))
    h.put(lie(packet, 41, 200))


def marked_fragments(h):
    for v, c, s in ((4, C4, S4), (6, C6, S6)):
        for n, (proto, name) in enumerate(((TCP, "tcp"), (UDP, "udp"), (253, "unknown"), (ICMP if v == 4 else ICMPV6, "icmp"))):
            for order in ("in-order", "later-first", "tiny", "orphan"):
                label = f"fragments-{name}{v}-{order}"
                size = 8 if order == "tiny" else 48
                stored = order != "orphan"
                body = h.text(label + ",0", stored)[:40] + b"".join(h.text(f"{label},{i}", stored)[:40] for i in (1, 2, 3))
                port = h.next_port()
                datagram = {
                    TCP: lambda b, q=port: p.tcp(c, s, q, 443, payload=b),
                    UDP: lambda b, q=port: p.udp(c, s, q, 9999, b),
                    253: lambda b: b,
                }.get(proto, lambda b, q=port: p.echo(c, s, q, payload=b))(body)  # fmt: skip
                parts = p.fragments(c, s, proto, datagram, size, ident=100 * n + len(h.needles))
                if order == "later-first":
                    parts.reverse()
                h.put(*(parts[1:] if order == "orphan" else parts))
    # One that overwrites the header of the first
    port = h.next_port()
    segment = p.tcp(C4, S4, port, 443, payload=h.text("fragment-overlap,first"))
    h.put(p.ipv4(C4, S4, TCP, segment[:56], ident=77, more=True))
    h.put(p.ipv4(C4, S4, TCP, h.text("fragment-overlap,later"), ident=77, fragment=8))
    # Later ones with padding
    later = p.ethernet(p.ipv4(C4, S4, TCP, b"12345678", ident=77, fragment=56)) + h.text("fragment-trailer")
    h.put_frames(later)


def marked_padding(h):
    for v, c, s in ((4, C4, S4), (6, C6, S6)):
        h.put_frames(p.ethernet(h.tcp(c, s, flags="S")) + h.text(f"padding-syn{v}"))
        h.put_frames(p.ethernet(h.tcp(c, s, payload=b"data")) + h.text(f"padding-data{v}"))
        h.put_frames(p.ethernet(h.udp(c, s, b"")) + h.text(f"padding-udp{v}"))
        h.put_frames(p.ethernet(h.tcp(c, s, flags="S", options=p.opt_mss())) + h.text(f"padding-options{v}"))
        h.put_frames(p.ethernet(p.ip(c, s, SCTP, p.sctp(h.next_port(), 5))) + h.text(f"padding-sctp{v}"))
        h.put_frames(p.ethernet(p.ip(c, s, 253, b"")) + h.text(f"padding-unknown{v}"))
        h.put_frames(p.ethernet(p.ip(c, s, ICMP if v == 4 else ICMPV6, p.echo(c, s, h.next_port()))) + h.text(f"padding-echo{v}"))


def marked_others(h):
    for v, c, s in ((4, C4, S4), (6, C6, S6)):

        def whole(label):
            return inner(C4, S4, h.text(f"{label}{v}"))

        for proto in (253, 254, 89, 115, 97, 255):
            h.put(p.ip(c, s, proto, h.text(f"proto-{proto}-{v}")))
        h.put(p.ip(c, s, IPIP, whole("ipip")), p.ip(c, s, GRE, b"\0\0\x08\0" + whole("gre")))
        h.put(p.ip(c, s, GRE, b"\x30\0\x65\x58" + b"keyyseqq" + p.ethernet(whole("gre-ethernet"))))
        h.put(p.ip(c, s, IPV6, inner(C6, S6, h.text(f"ipv6-inside{v}"))))
        h.put(p.ip(c, s, ESP, b"\0\0\1\0\0\0\0\1" + h.text(f"esp{v}")))
        h.put(h.udp(c, s, vxlan(p.ethernet(whole("vxlan"))), to=4789))
        segment = p.tcp(c, s, h.next_port(), 443, payload=h.text(f"ah{v}"))
        header = struct.pack(">BBHII", TCP, 4, 0, 1, 1) + b"digest-of-12"
        h.put(p.ip(c, s, AH, header + segment))
        lite = p.udp(c, s, h.next_port(), 9999, h.text(f"udplite{v}"))
        h.put(p.ip(c, s, 136, lite))
        dccp = struct.pack(">HHBBHBBHII", h.next_port(), 9999, 6, 0, 0, 4 << 1 | 1, 0, 1, 1, 1) + b"opts"
        h.put(p.ip(c, s, 33, dccp + h.text(f"dccp{v}")))
        for name, chunk in (("data", lambda t: p.sctp_data(t)), ("cookie", lambda t: p.sctp_chunk(10, t)),
                            ("heartbeat", lambda t: p.sctp_chunk(4, t)), ("unknown", lambda t: p.sctp_chunk(200, t)),
                            ("init", lambda t: p.sctp_chunk(1, b"\0\0\0\1\0\1\0\0\0\1\0\1\0\0\0\1" + t)),
                            ("lies", lambda t: lie(p.sctp_chunk(0, t), 3, 1))):  # fmt: skip
            h.put(p.ip(c, s, SCTP, p.sctp(h.next_port(), 5, chunks=[chunk(h.text(f"sctp{v}-{name}"))])))
        icmp = ICMP if v == 4 else ICMPV6
        h.put(p.ip(c, s, icmp, p.echo(c, s, h.next_port(), payload=h.text(f"echo{v}"))))
        h.put(p.ip(s, c, icmp, p.echo(s, c, h.next_port(), reply=True, payload=h.text(f"echo-reply{v}"))))
        h.put(p.ip(s, c, icmp, p.unreachable(s, c, h.tcp(c, s, payload=h.text(f"quote-tcp{v}")))))
        h.put(p.ip(s, c, icmp, p.unreachable(s, c, h.udp(c, s, h.text(f"quote-udp{v}")))))
        h.put(p.ip(s, c, icmp, p.unreachable(s, c, p.ip(c, s, 253, h.text(f"quote-unknown{v}")))))
        h.put(p.ip(s, c, icmp, p.unreachable(s, c, h.text(f"quote-nonsense{v}"))))
        h.put(p.ip(c, s, icmp, lie(p.echo(c, s, h.next_port(), payload=h.text(f"icmp{v}-unknown-type")), 0, 201)))
    h.put(p.ipv6(C6, S6, NONE, h.text("no-next-header")))
    h.put(p.ipv4(C4, S4, ICMP, p.icmp(13, rest=struct.pack(">HH", h.next_port(), 1), payload=b"\0" * 12 + h.text("icmp-timestamp"))))


def marked_links(h):
    for v, c, s in ((4, C4, S4), (6, C6, S6)):
        h.put_frames(p.ethernet(h.tcp(c, s, payload=h.text(f"vlan{v}")), vlan=5))
        inside = p.ethernet(h.tcp(c, s, payload=h.text(f"qinq{v}")), vlan=6)
        h.put_frames(inside[:12] + b"\x88\xa8\0\7" + inside[12:])
        packet = h.tcp(c, s, payload=h.text(f"mpls{v}"))
        h.put_frames(p.ethernet(b"\0\1\1\x40" + packet, ethertype=0x8847))
        packet = h.tcp(c, s, payload=h.text(f"pppoe{v}"))
        ppp = struct.pack(">BBHHH", 0x11, 0, 1, len(packet) + 2, 0x0021 if v == 4 else 0x0057)
        h.put_frames(p.ethernet(ppp + packet, ethertype=0x8864) + h.text(f"pppoe{v},trailer"))
        for linktype, link in ((SLL, sll), (SLL2, sll2), (NULL, null), (RAW, raw)):
            h.put_frames(link(h.tcp(c, s, payload=h.text(f"link-{linktype}-{v}"))) + h.text(f"link-{linktype}-{v},trailer"), linktype=linktype)
            h.put_frames(link(h.udp(c, s, h.text(f"link-{linktype}-udp{v}"))), linktype=linktype)
    h.put_frames(p.ethernet(p.arp(1, p.MAC_CLIENT, C4, b"\0" * 6, S4), ethertype=0x0806) + h.text("arp-trailer", stored=False))


def markers():
    h = Hidden()
    for part in (marked_transport, marked_ip, marked_fragments, marked_padding, marked_others, marked_links):
        part(h)
    return h


# -- addresses, wherever they stand ---------------------------------------------------------------


def addressed_ip(h):
    for name, options in (
        ("record-route", lambda a: p.ip_record_route(a, S4, a, empty=1)),
        ("record-route-pointer", lambda a: lie(p.ip_record_route(a, a), 2, 200)),
        ("record-route-odd", lambda a: lie(p.ip_record_route(a, a), 1, 10)),
        ("loose-route", lambda a: p.ip_source_route(a, S4)),
        ("strict-route", lambda a: b"\1" + p.ip_source_route(S4, a, strict=True, pointer=8)),
        ("timestamps", lambda a: p.ip_timestamps(a, S4, a)),
        ("timestamps-given", lambda a: lie(p.ip_timestamps(a, S4), 3, 3)),
        ("timestamps-lie", lambda a: lie(p.ip_timestamps(a, a), 3, 7)),
        ("traceroute", lambda a: bytes((82, 12)) + b"\0\1\0\2\0\3" + a),  # RFC 1393
        ("unknown-option", lambda a: bytes((222, 10)) + b"ab" + a + b"cd"),
        ("after-end", lambda a: b"\1\0" + a + a),
        ("after-bad", lambda a: b"\7\0" + a + a),
    ):
        src, x = h.v4(f"ip-{name},source"), h.v4(f"ip-{name}")
        h.put(h.tcp(src, S4, ip={"options": options(x)}, payload=b"harmless"))
        src, x = h.v4(f"ip-{name},udp,source"), h.v4(f"ip-{name},udp")
        h.put(h.udp(src, S4, b"harmless", ip={"options": options(x)}))
    src, dst = h.v4("header-source"), h.v4("header-destination")
    h.put(h.tcp(src, dst), h.tcp(dst, src), h.udp(src, dst, b"harmless"), p.ipv4(src, dst, 253, b""))
    src, dst = h.v6("header-source6"), h.v6("header-destination6")
    h.put(h.tcp(src, dst), h.tcp(dst, src), h.udp(src, dst, b"harmless"), p.ipv6(src, dst, 253, b""))
    mapped = b"\0" * 10 + b"\xff\xff" + h.v4("header-mapped")
    h.put(h.tcp(mapped, S6, flags="S"), h.udp(mapped, b"\0" * 10 + b"\xff\xff" + h.v4("header-mapped-too"), b"harmless"))
    # RFC 3056: an IPv4 address in the prefix of an IPv6 one
    six_to_four = b"\x20\x02" + h.v4("header-6to4") + b"\0\1" + b"\0" * 7 + b"\1"
    h.put(h.tcp(six_to_four, S6), h.udp(S6, six_to_four, b"harmless"))
    for name, ext in (
        ("routing-0", lambda a: p.ext_routing(a, p.address(S6), a, kind=0, left=2)),
        ("routing-0-odd", lambda a: (p.ROUTING, p.ext_routing(a, kind=0)[1] + a[:8])),
        ("routing-2", lambda a: p.ext_routing(a, kind=2, left=1)),
        ("routing-3", lambda a: p.ext_routing(a, kind=3, left=1)),
        ("routing-4", lambda a: (p.ROUTING, bytes((4, 1, 1, 0, 0, 0)) + a + a)),
        ("routing-99", lambda a: p.ext_routing(a, kind=99, left=1)),
        ("home-address", p.ext_home_address),
        ("unknown-option", p.ext_unknown_option),
        ("unknown-hop-option", lambda a: p.ext_unknown_option(a, HOP_BY_HOP)),
        ("tunnel-limit", lambda a: (p.DESTINATION, b"\x04\1\4\1\1\0" + b"\x1e\x10" + a)),
        ("padding", lambda a: (HOP_BY_HOP, b"\1\2\0\0\1\x10" + a)),
        ("mobility", lambda a: (135, b"\5\0\0\0\0\1\0\0\0\0\1\2\0\0" + bytes((3, 16)) + a)),
        ("hip", lambda a: (139, b"\1\x21\0\0\0\0" + a + a)),
        ("shim6", lambda a: (140, b"\x81\0\0\0\0\0" + a)),
    ):
        src, x = h.v6(f"ipv6-{name},source"), h.v6(f"ipv6-{name}")
        h.put(h.tcp(src, S6, ip={"exts": [ext(x)]}, payload=b"harmless"))
        src, x = h.v6(f"ipv6-{name},udp,source"), h.v6(f"ipv6-{name},udp")
        h.put(h.udp(src, S6, b"harmless", ip={"exts": [ext(x), p.ext_home_address(h.v6(f"ipv6-{name},second"))]}))
    # Headers alone, with nothing behind
    h.put(p.ipv6(h.v6("mobility-alone,source"), S6, 135, b"\x3b\3\5\0\0\0\0\1\0\0\0\1\1\0" + bytes((3, 16)) + h.v6("mobility-alone")))
    h.put(p.ipv6(h.v6("none,source"), S6, NONE, h.v6("none")))


def addressed_tcp(h):
    for v, secret, s in ((4, h.v4, S4), (6, h.v6, S6)):
        for name, option in (
            ("add-addr-v0", p.opt_add_addr),
            ("add-addr-v0-port", lambda a: p.opt_add_addr(a, port=443)),
            ("add-addr-v1", lambda a: p.opt_add_addr(a, hmac=b"8 bytes!")),
            ("add-addr-v1-port", lambda a: p.opt_add_addr(a, port=443, hmac=b"8 bytes!")),
            ("add-addr-echo", lambda a: lie(p.opt_add_addr(a, hmac=b""), 2, 0x31)),
            ("toa-254", lambda a: bytes((254, 4 + len(a), 0x12, 0x34)) + a),
            ("toa-200", lambda a: bytes((200, 4 + len(a), 0x12, 0x34)) + a),
            ("toa-253", lambda a: bytes((253, 6 + len(a), 0xF9, 0x89, 1, 1)) + a),
            ("unknown-99", lambda a: bytes((99, 2 + len(a))) + a),
            ("after-end", lambda a: b"\1\0" + a + a),
            ("after-bad", lambda a: b"\1\x03\0" + a + a),
            ("signature", lambda a: bytes((19, 2 + len(a))) + a),
            ("sack-odd", lambda a: bytes((5, 3 + len(a))) + b"x" + a),
            ("mss-odd", lambda a: bytes((2, 2 + len(a))) + a),
            ("mptcp-unknown", lambda a: bytes((30, 4 + len(a), 0xE0, 0)) + a),
        ):
            for flags in ("S", "A"):
                label = f"tcp{v}-{name}-{flags}"
                src, x = secret(label + ",source"), secret(label)
                h.put(h.tcp(src, s, flags=flags, options=option(x), payload=b"harmless"))
        # The second half of the header, in a fragment of its own; and first
        for order in (1, -1):
            label = f"tcp{v}-fragmented-{order}"
            src, x = secret(label + ",source"), secret(label)
            segment = p.tcp(src, s, h.next_port(), 443, options=bytes((254, 4 + len(x), 0x12, 0x34)) + x, payload=b"harmless")
            h.put(*p.fragments(src, s, TCP, segment, 24, ident=len(h.needles))[::order])


def addressed_icmp(h):
    def error(label, build, kind=3, code=1, rest=b"\0\0\0\0"):
        src, x, y = h.v4(label + ",source"), h.v4(label + ",sender"), h.v4(label + ",target")
        h.put(p.ipv4(src, S4, ICMP, p.icmp(kind, code, rest, build(x, y))))

    error("icmp-quote-tcp", lambda x, y: p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6, options=p.opt_add_addr(h.v4("icmp-quote-add-addr")))))
    error("icmp-quote-udp", lambda x, y: h.udp(x, y, b"harmless"))
    error("icmp-quote-8", lambda x, y: p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6)[:8], total_length=40))
    error("icmp-quote-short", lambda x, y: p.ipv4(x, y, TCP, b"", total_length=40))
    src, x = h.v4("icmp-quote-too-short,source"), h.v4("icmp-quote-too-short")
    h.put(p.ipv4(src, S4, ICMP, p.unreachable(src, S4, p.ipv4(x, S4, TCP, b"", total_length=40)[:19])))
    error("icmp-quote-route", lambda x, y: p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6), options=p.ip_record_route(h.v4("icmp-quoted-route"), empty=2)))
    error("icmp-quote-toa", lambda x, y: p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6, options=bytes((254, 8, 0, 1)) + h.v4("icmp-quoted-toa"))))
    error("icmp-quote-ipip", lambda x, y: p.ipv4(x, y, IPIP, inner(h.v4("icmp-quoted-ipip"), S4)))
    error("icmp-quote-gre", lambda x, y: p.ipv4(x, y, GRE, b"\0\0\x08\0" + inner(h.v4("icmp-quoted-gre"), S4)))
    error("icmp-quote-vxlan", lambda x, y: h.udp(x, y, vxlan(p.ethernet(inner(h.v4("icmp-quoted-vxlan"), S4))), to=4789))
    error("icmp-quote-icmp", lambda x, y: p.ipv4(x, y, ICMP, p.unreachable(x, y, inner(h.v4("icmp-quoted-icmp"), S4))))
    error("icmp-quote-sctp", lambda x, y: p.ipv4(x, y, SCTP, p.sctp(5, 6, chunks=[sctp_init(h.v4("icmp-quoted-sctp"))])))
    error("icmp-quote-fragment", lambda x, y: p.ipv4(x, y, GRE, inner(h.v4("icmp-quoted-fragment"), S4), fragment=64, ident=9))
    error("icmp-quote-bad", lambda x, y: lie(p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6)), 0, 0x4F))
    error("icmp-quote-version", lambda x, y: lie(p.ipv4(x, y, TCP, p.tcp(x, y, 5, 6)), 0, 0x75))
    error("icmp-quote-ipv6", lambda x, y: p.ipv6(h.v6("icmp-quoted-ipv6"), S6, TCP, p.tcp(C6, S6, 5, 6)) + x + y)
    for kind, code in ((4, 0), (11, 0), (12, 0), (3, 4)):
        error(f"icmp-{kind}-{code}", lambda x, y: h.tcp(x, y), kind, code)
    error("icmp-redirect", lambda x, y: h.tcp(x, y), 5, 1, h.v4("icmp-redirect,gateway"))
    # RFC 4884 with an interface's address (RFC 5837) behind the quote
    src, x = h.v4("icmp-extension,source"), h.v4("icmp-extension,sender")
    quoted = p.ipv4(x, S4, UDP, p.udp(x, S4, 5, 6, b"")).ljust(128, b"\0")
    extension = b"\x20\0\0\0" + struct.pack(">HBBHH", 12, 2, 0x04, 1, 0) + h.v4("icmp-extension")
    h.put(p.ipv4(src, S4, ICMP, p.icmp(11, 0, b"\0\x20\0\0", quoted + extension)))
    src, x = h.v4("icmp-router,source"), h.v4("icmp-router")
    h.put(p.ipv4(src, S4, ICMP, p.icmp(9, 0, b"\1\2\0\x1e", x + b"\0\0\0\1")))
    for kind in (30, 40, 200):
        src, x = h.v4(f"icmp-{kind},source"), h.v4(f"icmp-{kind}")
        h.put(p.ipv4(src, S4, ICMP, p.icmp(kind, 0, x, x)))
    src, x = h.v4("icmp-mask,source"), h.v4("icmp-mask")
    h.put(p.ipv4(src, S4, ICMP, p.icmp(17, 0, b"\0\1\0\1", x)))


def addressed_icmpv6(h):
    def put(label, kind, build, rest=b"\0\0\0\0"):
        src = h.v6(label + ",source")
        h.put(p.ipv6(src, S6, ICMPV6, p.icmpv6(src, S6, kind, 0, rest, build()), hops=255))

    for kind in (1, 2, 3, 4):
        put(f"icmpv6-error-{kind}", kind, lambda k=kind: h.tcp(h.v6(f"icmpv6-error-{k},sender"), h.v6(f"icmpv6-error-{k},target")))
    x = h.v6("icmpv6-quote-add-addr,sender")
    put("icmpv6-quote-add-addr", 1, lambda: h.tcp(x, S6, options=p.opt_add_addr(h.v6("icmpv6-quote-add-addr"))))
    for name, ext in (("routing", p.ext_routing), ("home", p.ext_home_address), ("unknown", p.ext_unknown_option)):
        put(f"icmpv6-quote-{name}", 1, lambda n=name, e=ext: h.tcp(h.v6(f"icmpv6-quoted-{n},sender"), S6, ip={"exts": [e(h.v6(f"icmpv6-quoted-{n}"))]}))
    put("icmpv6-quote-ipip", 3, lambda: p.ipv6(h.v6("icmpv6-quoted-ipip,sender"), S6, IPIP, inner(h.v4("icmpv6-quoted-ipip"), S4)))
    put("icmpv6-quote-short", 3, lambda: h.tcp(h.v6("icmpv6-quoted-short"), S6)[:30])
    put("solicitation", 135, lambda: h.v6("solicitation") + b"\1\1" + p.MAC_CLIENT)
    put("advertisement", 136, lambda: h.v6("advertisement") + b"\2\1" + p.MAC_CLIENT, b"\xe0\0\0\0")
    put("redirect", 137, lambda: h.v6("redirect,target") + h.v6("redirect,destination") + redirected(h.tcp(h.v6("redirect,quoted"), S6)))
    prefix = bytes((3, 4, 64, 0xC0)) + b"\0\0\1\0\0\0\1\0\0\0\0\0"
    put("router", 134, lambda: b"\0" * 8 + prefix + h.v6("router,prefix") + b"\x19\3\0\0\0\0\0\1" + h.v6("router,dns"), b"\x40\0\7\x08")
    put("listener", 131, lambda: h.v6("listener"))
    put("listener-2", 143, lambda: b"\4\0\0\1" + h.v6("listener-2,group") + h.v6("listener-2,source-of-group"), b"\0\0\0\1")
    put("node", 139, lambda: b"12345678" + h.v6("node"), b"\0\3\0\0")
    for kind in (145, 155, 200):
        put(f"icmpv6-{kind}", kind, lambda k=kind: b"\0" * 4 + h.v6(f"icmpv6-{k}"))


def redirected(packet):
    """The Redirected Header option, RFC 4861 section 4.6.3."""
    packet += b"\0" * (-len(packet) % 8)
    return bytes((4, 1 + len(packet) // 8)) + b"\0" * 6 + packet


def sctp_parameter(a):
    return struct.pack(">HH", 5 if len(a) == 4 else 6, 4 + len(a)) + a


def sctp_init(a, kind=1):
    return p.sctp_chunk(kind, b"\0\0\0\1\0\1\0\0\0\1\0\1\0\0\0\1" + sctp_parameter(a))


def addressed_sctp(h):
    for v, secret, s in ((4, h.v4, S4), (6, h.v6, S6)):
        for name, chunks in (
            ("init", lambda a: [sctp_init(a)]),
            ("init-ack", lambda a: [sctp_init(a, 2)]),
            ("asconf", lambda a: [p.sctp_chunk(0xC1, b"\0\0\0\1" + sctp_parameter(a) + b"\xc0\1" + struct.pack(">HI", 12 + len(a), 1) + sctp_parameter(a))]),
            ("heartbeat", lambda a: [p.sctp_chunk(4, struct.pack(">HH", 1, 4 + len(a)) + a)]),
            ("heartbeat-ack", lambda a: [p.sctp_chunk(5, struct.pack(">HH", 1, 4 + len(a)) + a)]),
            ("error", lambda a: [p.sctp_chunk(9, struct.pack(">HH", 5, 8 + len(a)) + sctp_parameter(a))]),
            ("abort", lambda a: [p.sctp_chunk(6, struct.pack(">HH", 11, 8 + len(a)) + sctp_parameter(a))]),
            ("cookie", lambda a: [p.sctp_chunk(10, b"cookie" + a)]),
            ("unknown", lambda a: [p.sctp_chunk(0x3F, b"what" + a)]),
            ("data-then-init", lambda a: [p.sctp_data(b"harmless"), sctp_init(a)]),
            ("bad-length", lambda a: [lie(lie(sctp_init(a), 2, 0xFF), 3, 0xFF)]),
            ("short-length", lambda a: [lie(p.sctp_data(a), 3, 2)]),
        ):
            label = f"sctp{v}-{name}"
            src = secret(label + ",source")
            h.put(p.ip(src, s, SCTP, p.sctp(h.next_port(), 36412, chunks=chunks(secret(label)))))


def tunnels(a, b):
    """(name, protocol, what it carries); then (name, UDP port, what it carries)."""
    packet, frame = inner(a, b), p.ethernet(inner(a, b))
    one, ethertype = (IPIP, b"\x08\0") if len(a) == 4 else (IPV6, b"\x86\xdd")
    return [
        ("ip", one, packet),
        ("gre", GRE, b"\0\0" + ethertype + packet),
        ("gre-key", GRE, b"\x20\0" + ethertype + b"keyy" + packet),
        ("gre-ethernet", GRE, b"\0\0\x65\x58" + frame),
        ("ethernet", 97, b"\x30\0" + frame),
        ("mpls", 137, b"\0\1\1\x40" + packet),
        ("l2tp3", 115, b"\0\0\0\1" + frame),
        ("experiment", 253, packet),
    ], [
        ("vxlan", 4789, vxlan(frame)),
        ("vxlan-linux", 8472, vxlan(frame)),
        ("geneve", 6081, b"\0\0\x65\x58\0\0\x2a\0" + frame),
        ("geneve-options", 6081, b"\1\0\x65\x58\0\0\x2a\0" + b"\1\1\1\0" + frame),
        ("gtp-user", 2152, struct.pack(">BBHI", 0x30, 255, len(packet), 1) + packet),
        ("gtp-control", 2123, struct.pack(">BBHI", 0x48, 32, 12, 0) + b"\0\0\1\0\x57\0\x0d\0\x8a\0\0\0\1" + a),
        ("teredo", 3544, packet),
        ("l2tp", 1701, b"\0\2\0\1\0\1\xff\3\0\x21" + packet),
    ]  # fmt: skip


def addressed_tunnels(h):
    for v, secret, s in ((4, h.v4, S4), (6, h.v6, S6)):
        for w, within in ((4, h.v4), (6, h.v6)):
            for over, which in enumerate(("ip", "udp")):
                for name, *_ in tunnels(p.address(S4), p.address(S4))[over]:
                    label = f"{name}-{w}-in-{which}{v}"
                    src, x = secret(label + ",source"), within(label + ",inner")
                    y = x if name == "gtp-control" else within(label + ",inner-target")
                    _, number, body = next(t for t in tunnels(x, y)[over] if t[0] == name)
                    h.put(p.ip(src, s, number, body) if which == "ip" else h.udp(src, s, body, to=number))
                    if which == "udp":  # and back
                        src, x = secret(label + ",back"), within(label + ",back-inner")
                        _, number, body = next(t for t in tunnels(x, x)[over] if t[0] == name)
                        h.put(p.ip(src, s, UDP, p.udp(src, s, number, h.next_port(), body)))
        # Fragments, of which the later ones hold the inner header; in order, and not
        for order in (1, -1):
            label = f"vxlan{v}-fragments-{order}"
            src, x = secret(label + ",source"), h.v4(label)
            datagram = p.udp(src, s, h.next_port(), 4789, vxlan(p.ethernet(inner(x, S4))))
            h.put(*p.fragments(src, s, UDP, datagram, 32, ident=len(h.needles))[::order])
            label = f"gre{v}-fragments-{order}"
            src, x = secret(label + ",source"), h.v4(label)
            h.put(*p.fragments(src, s, GRE, b"\0\0\x08\0" + inner(x, S4), 8, ident=len(h.needles))[::order])
            label = f"sctp{v}-fragments-{order}"
            src, x = secret(label + ",source"), h.v4(label)
            h.put(*p.fragments(src, s, SCTP, p.sctp(h.next_port(), 5, chunks=[sctp_init(x)]), 16, ident=len(h.needles))[::order])
        for order in (1, -1):
            label = f"icmp{v}-fragments-{order}"
            src, x = secret(label + ",source"), secret(label)
            error = p.unreachable(src, s, inner(x, p.address(s)))
            h.put(*p.fragments(src, s, ICMP if v == 4 else ICMPV6, error, 16, ident=len(h.needles))[::order])


def dhcp(a):
    return struct.pack(">BBBBIHH", 2, 1, 6, 0, 7, 0, 0) + a * 4 + p.MAC_CLIENT + b"\0" * 202 + b"\x63\x82\x53\x63" + b"\x32\4" + a + b"\xff"


def addressed_others(h):
    for sport, dport in ((68, 67), (67, 68)):
        src, x = h.v4(f"dhcp-{sport},source"), h.v4(f"dhcp-{sport}")
        h.put(p.ipv4(src, S4, UDP, p.udp(src, S4, sport, dport, dhcp(x))))
    for sport, dport in ((546, 547), (547, 546)):
        src, x = h.v6(f"dhcpv6-{sport},source"), h.v6(f"dhcpv6-{sport}")
        body = b"\7\0\0\1" + struct.pack(">HHIIIHH", 3, 40, 1, 2, 3, 5, 24) + x + b"\0" * 8
        h.put(p.ipv6(src, S6, UDP, p.udp(src, S6, sport, dport, body)))
    for proto, name in ((2, "igmp"), (89, "ospf"), (103, "pim"), (112, "vrrp"), (46, "rsvp"), (88, "eigrp"), (ESP, "esp")):
        src, x = h.v4(f"{name},source"), h.v4(name)
        h.put(p.ipv4(src, S4, proto, b"\x16\0\0\0" + x + x))
    src = h.v4("ah,source")
    segment = p.tcp(src, S4, h.next_port(), 443, options=bytes((254, 8, 0, 1)) + h.v4("ah"))
    h.put(p.ipv4(src, S4, AH, struct.pack(">BBHII", TCP, 4, 0, 1, 1) + b"digest-of-12" + segment))
    src = h.v4("dccp,source")
    h.put(p.ipv4(src, S4, 33, struct.pack(">HHBBHBBHII", h.next_port(), 9, 6, 0, 0, 5, 0, 1, 1, 1) + h.v4("dccp")))
    src, x = h.v4("arp,sender", stored=False), h.v4("arp,target", stored=False)
    h.put_frames(p.ethernet(p.arp(1, p.MAC_CLIENT, src, b"\0" * 6, x), ethertype=0x0806))
    h.put_frames(p.ethernet(p.arp(2, p.MAC_CLIENT, src, p.MAC_SERVER, x), ethertype=0x0806))
    # Trailers and headers that cannot be followed
    h.put_frames(p.ethernet(h.tcp(h.v4("trailer,source"), S4)) + h.v4("trailer") * 3)
    h.put(lie(h.tcp(h.v4("malformed", stored=False), S4), 0, 0x44), lie(h.tcp(h.v4("malformed-long", stored=False), S4), 0, 0x4F))
    h.put(p.fragments(h.v4("orphan", stored=False), S4, TCP, b"x" * 64, 32, ident=3)[1])
    h.put_frames((p.ethernet(h.tcp(h.v4("truncated", stored=False), S4))[:35], 54))
    # Links whose addresses are IP addresses: tunnel devices, as if_arp.h numbers them
    for linktype, link in ((SLL, sll), (SLL2, sll2)):
        for arphrd in (768, 776, 778):
            src, x = h.v4(f"link-{linktype}-{arphrd},source"), h.v4(f"link-{linktype}-{arphrd}")
            h.put_frames(link(h.tcp(src, S4), arphrd, x), linktype=linktype)
    for linktype, link in ((NULL, null), (RAW, raw)):
        h.put_frames(link(h.tcp(h.v4(f"link-{linktype}"), S4)), link(h.udp(h.v6(f"link-{linktype}-6"), S6, b"harmless")), linktype=linktype)
    h.put_frames(p.ethernet(h.tcp(h.v4("vlan"), S4), vlan=9), p.ethernet(b"\0\1\1\x40" + h.tcp(h.v4("mpls"), S4), ethertype=0x8847))


def addresses():
    h = Hidden()
    for part in (addressed_ip, addressed_tcp, addressed_icmp, addressed_icmpv6, addressed_sctp, addressed_tunnels, addressed_others):
        part(h)
    return h


# -- hardware addresses ---------------------------------------------------------------------------


def macs():
    h = Hidden()
    one, two = h.mac("one"), h.mac("two")
    for number in range(3):
        port = h.next_port()
        h.put_frames(p.ethernet(p.ipv4(C4, S4, TCP, p.tcp(C4, S4, port, 443, "S")), one, two))
        h.put_frames(p.ethernet(p.ipv4(S4, C4, TCP, p.tcp(S4, C4, 443, port, "SA")), two, one, vlan=number or None))
    h.put_frames(p.ethernet(h.udp(C4, S4, b"harmless"), one, b"\xff" * 6), p.ethernet(h.udp(C6, S6, b"harmless"), one, b"\x33\x33\0\0\0\1"))
    solicitation = p.icmpv6(C6, S6, 135, 0, b"\0\0\0\0", p.address(S6) + b"\1\1" + h.mac("solicitation"))
    h.put_frames(p.ethernet(p.ipv6(C6, S6, ICMPV6, solicitation), one, b"\x33\x33\xff\0\0\1"))
    advertisement = p.icmpv6(S6, C6, 136, 0, b"\xe0\0\0\0", p.address(S6) + b"\2\1" + h.mac("advertisement"))
    h.put_frames(p.ethernet(p.ipv6(S6, C6, ICMPV6, advertisement), two, one))
    router = p.icmpv6(S6, C6, 134, 0, b"\x40\0\7\x08", b"\0" * 8 + b"\1\1" + h.mac("router"))
    h.put_frames(p.ethernet(p.ipv6(S6, C6, ICMPV6, router), two, one))
    h.put_frames(p.ethernet(h.udp(C4, S4, vxlan(p.ethernet(inner(C4, S4), h.mac("vxlan,source"), h.mac("vxlan,target"))), to=4789), one, two))
    h.put_frames(p.ethernet(p.ipv4(C4, S4, GRE, b"\0\0\x65\x58" + p.ethernet(inner(C4, S4), h.mac("gre,source"), h.mac("gre,target"))), one, two))
    h.put_frames(p.ethernet(p.ipv4(C4, S4, UDP, p.udp(C4, S4, 68, 67, dhcp(p.address(C4)).replace(p.MAC_CLIENT, h.mac("dhcp")))), one, two))
    for linktype, link in ((SLL, sll), (SLL2, sll2)):
        h.put_frames(link(h.tcp(C4, S4), 1, h.mac(f"link-{linktype}")), link(h.udp(C6, S6, b""), 1, one), linktype=linktype)
    return h


def main():
    what, folder = sys.argv[1:]
    {"markers": markers, "addresses": addresses, "macs": macs}[what]().write(folder)


if __name__ == "__main__":
    main()
