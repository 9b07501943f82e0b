#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Frames built by hand, for the scenarios that ask what a policy lets through.

A library first: addresses are text ("192.0.2.7", "2001:db8::7") or bytes, a frame is bytes, each
layer takes what lies in it as `payload`, from the inside out:

    ethernet(ipv4(a, b, TCP, tcp(a, b, 50000, 443, 'S')))

`checksum` is one of
    right     what it should be
    partial   the sum of the pseudo-header alone, as a sender leaves it that offloads the rest
    partial0  the same without the length, as some senders leave it that offload segmentation
    wrong     neither of those, but still a function of the address
    zero      0
    a number  itself

privacy.py mix [--client A] [--server A] [--checksum KIND] [--marker TEXT] [--start SECONDS] [--rough] FILE
    one capture of traffic() between two hosts, or of rough(); IPv4 or IPv6 as the addresses are
privacy.py family [--checksum KIND] [--values N] 4|6 DIR
    DIR/000.pcap and so on, that differ in nothing but the bits of the client's address that the
    default of --anonymize netblock hides: 256 values of the octet behind /24; N of those behind /48
"""
import argparse
import ipaddress
import os
import random
import struct
import sys

TCP, UDP, ICMP, ICMPV6, SCTP, GRE, UNKNOWN = 6, 17, 1, 58, 132, 47, 253
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60  # IPv6 extension headers
MAC_CLIENT, MAC_SERVER = b'\x02\0\0\0\0\x01', b'\x02\0\0\0\0\x02'


def address(a):
    return a if isinstance(a, bytes) else ipaddress.ip_address(a).packed


# -- checksums ------------------------------------------------------------------------------------

def fold(data):
    """The ones' complement sum of RFC 1071."""
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(src, dst, proto, length):
    src, dst = address(src), address(dst)
    if len(src) == 4:
        return src + dst + struct.pack('>BBH', 0, proto, length & 0xffff)
    return src + dst + struct.pack('>IHBB', length, 0, 0, proto)


def with_checksum(header, payload, at, kind, pseudo_header=b'', proto=0):
    """header + payload with the checksum of that kind at `at`, where header has zeros."""
    right = ~fold(pseudo_header + header + payload) & 0xffff
    if proto == UDP and right == 0:
        right = 0xffff  # RFC 768: 0 says that there is none
    if isinstance(kind, int):
        value = kind
    elif kind == 'right':
        value = right
    elif kind in ('partial', 'partial0') and pseudo_header:
        length = len(header) + len(payload) if kind == 'partial0' else 0
        value = (fold(pseudo_header) - length) % 0xffff or 0xffff
        if value == right:
            raise ValueError('the partial checksum is the right one by chance: change the payload')
    elif kind in ('partial', 'partial0'):
        value = right  # without a pseudo-header nothing is left to others
    elif kind == 'wrong':
        value = right ^ 0x1234 or 0x4321
    elif kind == 'zero':
        value = 0
    else:
        raise ValueError('checksum: ' + str(kind))
    return header[:at] + struct.pack('>H', value) + header[at + 2:] + payload


def even_out(build, payload, at):
    """The payload with two more bytes, such that build(payload)'s checksum at `at` computes to 0."""
    if len(payload) % 2:
        payload += b'.'
    segment = build(payload + b'\0\0')
    return payload + segment[at:at + 2]


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


# -- transport ------------------------------------------------------------------------------------

def padded(options, to, fill=b'\0'):
    return options + fill * (-len(options) % to)


def tcp(src, dst, sport, dport, flags='A', seq=1, ack=1, options=b'', payload=b'', window=64240,
        checksum='right', offset=None):
    """flags: of FSRPAUEC. options are padded to words; offset overrides the header's length."""
    options = padded(options, 4)
    bits = sum(1 << 'FSRPAUEC'.index(f) for f in flags)
    words = 5 + len(options) // 4 if offset is None else offset
    header = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, words << 4, bits, window, 0, 0) + options
    return with_checksum(header, payload, 16, checksum,
                         pseudo(src, dst, TCP, len(header) + len(payload)), TCP)


def udp(src, dst, sport, dport, payload=b'', checksum='right', length=None):
    size = 8 + len(payload)
    header = struct.pack('>HHHH', sport, dport, size if length is None else length, 0)
    return with_checksum(header, payload, 6, checksum, pseudo(src, dst, UDP, size), UDP)


def icmp(kind, code=0, rest=b'\0\0\0\0', payload=b'', checksum='right'):
    return with_checksum(struct.pack('>BBH', kind, code, 0) + rest, payload, 2, checksum)


def icmpv6(src, dst, kind, code=0, rest=b'\0\0\0\0', payload=b'', checksum='right'):
    header = struct.pack('>BBH', kind, code, 0) + rest
    return with_checksum(header, payload, 2, checksum,
                         pseudo(src, dst, ICMPV6, len(header) + len(payload)), ICMPV6)


def echo(src, dst, ident, seq=1, reply=False, payload=b'', checksum='right'):
    """An echo request or reply, of ICMP or ICMPv6 as the addresses are."""
    rest = struct.pack('>HH', ident, seq)
    if len(address(src)) == 4:
        return icmp(0 if reply else 8, 0, rest, payload, checksum)
    return icmpv6(src, dst, 129 if reply else 128, 0, rest, payload, checksum)


def unreachable(src, dst, quoted, checksum='right'):
    """Port unreachable, that quotes the packet."""
    if len(address(src)) == 4:
        return icmp(3, 3, b'\0\0\0\0', quoted, checksum)
    return icmpv6(src, dst, 1, 4, b'\0\0\0\0', quoted, checksum)


def sctp_chunk(kind, value=b'', flags=0):
    return padded(struct.pack('>BBH', kind, flags, 4 + len(value)) + value, 4)


def sctp_data(payload, tsn=1):
    return sctp_chunk(0, struct.pack('>IHHI', tsn, 0, 0, 0) + payload, flags=3)


def sctp(sport, dport, tag=1, chunks=(), checksum='right'):
    header = struct.pack('>HHI', sport, dport, tag)
    body = b''.join(chunks)
    value = crc32c(header + b'\0\0\0\0' + body)
    value = {'wrong': value ^ 0x1234, 'zero': 0}.get(checksum, value)
    return header + struct.pack('<I', value) + body


def sctp_init(tag, *addresses):
    """A chunk that asks for an association, and tells addresses of its sender (RFC 9260, 3.3.2)."""
    body = struct.pack('>IIHHI', tag, 65535, 1, 1, 1)
    for a in map(address, addresses):
        body += struct.pack('>HH', 5 if len(a) == 4 else 6, 4 + len(a)) + a
    return sctp_chunk(1, body)


# Options of TCP; addresses stand in MPTCP's ADD_ADDR alone.

def opt_mss(mss=1460):
    return struct.pack('>BBH', 2, 4, mss)


def opt_timestamps(value=1, echoed=0):
    return b'\1\1' + struct.pack('>BBII', 8, 10, value, echoed)


def opt_add_addr(a, ident=1, port=None, hmac=None):
    """MPTCP ADD_ADDR: of RFC 6824 (its IPVer is 4 or 6) without hmac, of RFC 8684 with 8 bytes of it."""
    a = address(a)
    version = 4 if len(a) == 4 else 6
    body = bytes([3 << 4 | (0 if hmac is not None else version), ident]) + a
    body += struct.pack('>H', port) if port is not None else b''
    body += hmac or b''
    return bytes([30, 2 + len(body)]) + body


# -- network --------------------------------------------------------------------------------------

def ipv4(src, dst, proto, payload=b'', options=b'', ident=1, ttl=64, fragment=0, more=False,
         total_length=None, checksum='right', tos=0):
    """fragment: offset in bytes. options are padded to words; total_length overrides the true one."""
    options = padded(options, 4)
    total = 20 + len(options) + len(payload) if total_length is None else total_length
    header = struct.pack('>BBHHHBBH', 0x45 + len(options) // 4, tos, total & 0xffff, ident,
                         fragment // 8 | more << 13, ttl, proto, 0)
    header += address(src) + address(dst) + options
    return with_checksum(header, b'', 10, checksum) + payload


def ipv6(src, dst, proto, payload=b'', exts=(), hops=64, payload_length=None):
    """exts: (number, bytes behind "next header" and "length") of each; padded with zeros to 8 bytes."""
    chain = b''
    numbers = [number for number, _ in exts] + [proto]
    for (number, body), following in zip(exts, numbers[1:]):
        if number == FRAGMENT:  # its second byte is reserved
            chain += bytes([following, 0]) + body
        else:
            body = body + b'\0' * (-(2 + len(body)) % 8)
            chain += bytes([following, (2 + len(body)) // 8 - 1]) + body
    length = len(chain) + len(payload) if payload_length is None else payload_length
    return (struct.pack('>IHBB', 6 << 28, length, numbers[0], hops) + address(src) + address(dst)
            + chain + payload)


def ip(src, dst, proto, payload=b'', checksum='right', **more):
    """IPv4 or IPv6, as the addresses are; the latter has no checksum."""
    if len(address(src)) == 4:
        return ipv4(src, dst, proto, payload, checksum=checksum, **more)
    return ipv6(src, dst, proto, payload, **more)


def ip_record_route(*addresses, empty=0):
    route = b''.join(address(a) for a in addresses)
    return bytes([7, 3 + len(route) + 4 * empty, 4 + len(route)]) + route + b'\0' * 4 * empty


def ip_source_route(*addresses, strict=False, pointer=4):
    route = b''.join(address(a) for a in addresses)
    return bytes([137 if strict else 131, 3 + len(route), pointer]) + route


def ip_timestamps(*addresses):
    """The timestamp option with addresses (flag 1)."""
    body = b''.join(address(a) + struct.pack('>I', 1000 + i) for i, a in enumerate(addresses))
    return bytes([68, 4 + len(body), 5 + len(body), 1]) + body


def ext_routing(*addresses, kind=0, left=0):
    return (ROUTING, bytes([kind, left, 0, 0, 0, 0]) + b''.join(address(a) for a in addresses))


def ext_home_address(a):
    """RFC 6275: a destination option, aligned as it wants to be."""
    return (DESTINATION, b'\1\2\0\0' + bytes([201, 16]) + address(a))


def ext_unknown_option(value, number=DESTINATION):
    return (number, bytes([0x1e, len(value)]) + value)  # RFC 4727: for experiments; skipped


def fragments(src, dst, proto, payload, size, ident=1, **more):
    """A datagram in parts of `size` bytes, a multiple of 8."""
    parts = []
    for at in range(0, len(payload), size):
        rest = at + size < len(payload)
        if len(address(src)) == 4:
            parts.append(ipv4(src, dst, proto, payload[at:at + size], ident=ident, fragment=at,
                              more=rest, **more))
        else:
            exts = [(FRAGMENT, struct.pack('>HI', at | rest, ident))]
            parts.append(ipv6(src, dst, proto, payload[at:at + size], exts=exts, **more))
    return parts


def arp(operation, sender_mac, sender, target_mac, target):
    return (struct.pack('>HHBBH', 1, 0x0800, 6, 4, operation) + sender_mac + address(sender)
            + target_mac + address(target))


# -- link and file --------------------------------------------------------------------------------

def ethernet(payload, src=MAC_CLIENT, dst=MAC_SERVER, ethertype=None, vlan=None, pad_to=0, padding=b'\0'):
    """The type is read off the IP version where none is given."""
    if ethertype is None:
        ethertype = 0x86dd if payload[0] >> 4 == 6 else 0x0800
    tag = b'' if vlan is None else struct.pack('>HH', 0x8100, vlan)
    frame = dst + src + tag + struct.pack('>H', ethertype) + payload
    return frame + (padding * pad_to)[:max(0, pad_to - len(frame))]


START = 1767323045  # in January 2026


def write_pcap(path, frames, linktype=1, start=START, step_ns=1000003):
    """frames: bytes, or (bytes, original length). One each step_ns, nanosecond resolution."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, linktype))
        now = start * 10**9
        for frame in frames:
            data, length = frame if isinstance(frame, tuple) else (frame, len(frame))
            f.write(struct.pack('<IIII', now // 10**9, now % 10**9, len(data), length) + data)
            now += step_ns


def read_pcap(path_or_bytes):
    """[(time in ns, original length, bytes)] of a nanosecond pcap as written here or by flowkeep."""
    data = path_or_bytes
    if not isinstance(data, bytes):
        with open(data, 'rb') as f:
            data = f.read()
    if struct.unpack_from('<I', data)[0] != 0xa1b23c4d:
        raise ValueError('not a little-endian nanosecond pcap')
    at, packets = 24, []
    while at < len(data):
        sec, nsec, caplen, length = struct.unpack_from('<IIII', data, at)
        packets.append((sec * 10**9 + nsec, length, data[at + 16:at + 16 + caplen]))
        at += 16 + caplen
    return packets


# -- traffic --------------------------------------------------------------------------------------

class Pair:
    """A client and a server, and frames between them."""

    def __init__(self, client, server, checksum='right', marker=b''):
        self.client, self.server, self.checksum = client, server, checksum
        self.header_checksum = 'wrong' if checksum == 'wrong' else 'right'
        self.marker = marker
        self.v4 = len(address(client)) == 4
        self.ident = 0

    def text(self, words, length):
        """A payload: the marker, words, and filling up to length."""
        return (self.marker + words + b'abcdefghijklmnopqrstuvwxyz' * (length // 26 + 1))[:length]

    def ends(self, back):
        return (self.server, self.client) if back else (self.client, self.server)

    def link(self, packet, back=False, **more):
        macs = (MAC_SERVER, MAC_CLIENT) if back else (MAC_CLIENT, MAC_SERVER)
        return ethernet(packet, *macs, **more)

    def packet(self, proto, payload, back=False, **more):
        self.ident += 1
        if self.v4:
            more.setdefault('ident', self.ident)
            more.setdefault('checksum', self.header_checksum)
            return ipv4(*self.ends(back), proto, payload, **more)
        return ipv6(*self.ends(back), proto, payload, **more)

    def tcp(self, port, flags, seq, ack, back=False, ip_more=None, link_more=None, final=None, **more):
        """A frame of the connection from client:port to server:443.

        ip_more: of the packet, or what makes them of its source and destination. final: where a
        source route leads, whose address the checksum covers.
        """
        ports = (443, port) if back else (port, 443)
        src, dst = self.ends(back)
        more.setdefault('checksum', self.checksum)
        segment = tcp(src, final or dst, *ports, flags, seq, ack, **more)
        if callable(ip_more):
            ip_more = ip_more(src, dst)
        return self.link(self.packet(TCP, segment, back, **(ip_more or {})), back, **(link_more or {}))

    def udp(self, port, to, payload, back=False, **more):
        ports = (to, port) if back else (port, to)
        more.setdefault('checksum', self.checksum)
        return self.link(self.packet(UDP, udp(*self.ends(back), *ports, payload, **more), back), back)

    def connection(self, port, syn_options=b'', options=b'', ip_more=None):
        """A whole connection with data both ways; ip_more as tcp() takes it."""
        more = {'ip_more': ip_more, 'options': options}
        ask, answer = self.text(b'ask', 100), self.text(b'answer', 333)
        a, b = 1000 + len(ask), 5000 + len(answer)
        return [
            self.tcp(port, 'S', 999, 0, ip_more=ip_more, options=opt_mss() + syn_options),
            self.tcp(port, 'SA', 4999, 1000, True, ip_more=ip_more, options=opt_mss() + syn_options),
            self.tcp(port, 'A', 1000, 5000, **more),
            self.tcp(port, 'PA', 1000, 5000, payload=ask, **more),
            self.tcp(port, 'PA', 5000, a, True, payload=answer, **more),
            self.tcp(port, 'FA', a, b, **more),
            self.tcp(port, 'FA', b, a + 1, True, **more),
            self.tcp(port, 'A', a + 1, b + 1, **more),
        ]


def traffic_errors(p, port):
    """ICMP errors from the server and from the client, that quote what the other has sent."""
    frames = []
    for number, back in enumerate((False, True, False, True)):
        quoted_checksum = 'right' if number < 2 else p.checksum
        ports = (port + number, 33434) if back else (33434, port + number)
        ends = p.ends(not back)
        segment = tcp(*ends, *ports, 'PA', 7, 8, opt_timestamps(), p.text(b'quoted', 40), checksum=quoted_checksum)
        datagram = udp(*ends, *ports, p.text(b'quoted', 24), checksum=quoted_checksum)
        for proto, inner in ((TCP, segment), (UDP, datagram)):
            # Whole, with 8 bytes behind the IP header as RFC 792 has it, and with a TCP checksum.
            for length in (None, 8, 20):
                quoted = p.packet(proto, inner[:length], not back,
                                  **({'total_length': 20 + len(inner)} if p.v4 else {'payload_length': len(inner)}))
                error = unreachable(*p.ends(back), quoted, checksum=p.checksum)
                frames.append(p.link(p.packet(ICMP if p.v4 else ICMPV6, error, back), back))
    return frames


def traffic_options(p, port):
    """Addresses in options of IP and TCP, and in IPv6 extension headers."""
    if p.v4:
        holders = [lambda src, dst: {'options': ip_record_route(p.client, p.server, empty=3)},
                   lambda src, dst: {'options': ip_source_route(p.server, p.client, pointer=12)},
                   lambda src, dst: {'options': ip_timestamps(p.client, p.server)},
                   lambda src, dst: {'options': b'\x94\x04\0\0' + ip_record_route(p.client, empty=6)},
                   lambda src, dst: {'options': bytes([0x5e, 8]) + address(p.client) + b'\0\0'}]
        under_way = {'options': ip_source_route(p.server, p.client)}
    else:
        holders = [lambda src, dst: {'exts': [ext_routing(p.client, p.server)]},
                   lambda src, dst: {'exts': [ext_home_address(src)]},
                   lambda src, dst: {'exts': [ext_unknown_option(address(p.client))]},
                   lambda src, dst: {'exts': [(HOP_BY_HOP, b'\5\2\0\0\1\0'), ext_routing(dst, kind=2)]}]
        under_way = {'exts': [ext_routing(p.server, p.client, left=2)]}
    frames = [p.tcp(port, 'PA', 1000, 5000, back, ip_more=more, options=options, payload=p.text(b'held', length))
              for more in holders for back in (False, True)
              for options, length in ((b'', 0), (opt_timestamps(), 50))]
    for option in (opt_add_addr(p.client), opt_add_addr(p.client, port=443), opt_add_addr(p.client, hmac=b'8 bytes!'),
                   bytes([253, 4 + len(address(p.client))]) + b'\xf9\x89' + address(p.client)):
        frames += [p.tcp(port + 1, 'PA', 1000, 5000, back, options=option, payload=p.text(b'told', length))
                   for back in (False, True) for length in (0, 50)]
    frames.append(p.tcp(port + 2, 'PA', 1, 1, ip_more=under_way, final=p.client, payload=p.text(b'routed', 30)))
    return frames


def traffic_fragments(p, port):
    """Datagrams in two parts, both ways."""
    more = {'checksum': p.header_checksum} if p.v4 else {}
    frames = []
    for number, back in enumerate((False, True)):
        ports = (port, 443)[::-1 if back else 1]
        whole = [(UDP, udp(*p.ends(back), *ports, p.text(b'parts', 120), p.checksum)),
                 (TCP, tcp(*p.ends(back), *ports, 'PA', 100, 200, opt_timestamps(), p.text(b'parts', 120),
                           checksum=p.checksum))]
        for proto, payload in whole:
            for part in fragments(*p.ends(back), proto, payload, 64, ident=9000 + number, **more):
                frames.append(p.link(part, back))
    return frames


def traffic_offloaded(p, port):
    """What a sender sees of a segment that its hardware is to cut: no total length."""
    none = {'total_length': 0} if p.v4 else {'payload_length': 0, 'exts': [(HOP_BY_HOP, b'\xc2\4' + b'\0\0\6\xa8')]}
    if not p.v4:
        none = {}  # a jumbo payload would have to be beyond 65,535 bytes
    kinds = [p.checksum, 'partial0'] if p.checksum == 'partial' else [p.checksum]
    return [p.tcp(port + n, 'PA', 1 + 1400 * back, 1, back, ip_more=none, checksum=kind, payload=p.text(b'big', 1400))
            for n, kind in enumerate(kinds) for back in (False, True)]


def traffic_evened(p, port, between):
    """Packets whose right checksum computes to 0 if the client's address is `between`."""
    if p.checksum != 'right':
        return []
    like = Pair(between, p.server)
    tail_tcp = even_out(lambda x: tcp(like.client, like.server, port, 443, 'PA', 5, 6, payload=x), p.text(b'tcp', 50), 16)
    # Where UDP's computes to 0 it is written as 0xffff: 0 is asked of the sum.
    tail_udp = even_out(lambda x: udp(like.client, like.server, port, 53, x), p.text(b'udp', 50), 6)
    frames = [p.tcp(port, 'PA', 5, 6, payload=tail_tcp), p.udp(port, 53, tail_udp)]
    if p.v4:
        header = ipv4(between, p.server, UDP, b'', ident=0, total_length=78)
        ident = struct.unpack('>H', header[10:12])[0]
        datagram = udp(p.client, p.server, port + 1, 53, p.text(b'ident', 50))
        frames.append(p.link(ipv4(p.client, p.server, UDP, datagram, ident=ident)))
    return frames


def traffic_others(p, port):
    """SCTP, tunnels, and a transport that nobody knows."""
    inner = p.packet(TCP, tcp(p.client, p.server, port, 80, 'PA', 1, 1, payload=p.text(b'inner', 60),
                              checksum=p.checksum))
    own = 4 if p.v4 else 41
    frames = [p.link(p.packet(SCTP, sctp(port, 443, 0, [sctp_init(9, p.client)], p.checksum))),
              p.link(p.packet(SCTP, sctp(443, port, 9, [sctp_data(p.text(b'data', 50))], p.checksum), True), True),
              p.link(p.packet(own, inner)),
              p.link(p.packet(GRE, struct.pack('>HH', 0, 0x0800 if p.v4 else 0x86dd) + inner)),
              p.udp(port, 4789, struct.pack('>II', 0x08000000, 77 << 8) + ethernet(inner)),
              p.link(p.packet(UNKNOWN, p.text(address(p.client), 60)))]
    if p.v4:
        lease = bytes([2, 1, 6, 0]) + b'\0\0\0\1' + b'\0' * 8 + address(p.client) + address(p.server) + b'\0' * 4
        frames.append(p.udp(68, 67, lease + MAC_CLIENT + b'\0' * 202 + b'\x63\x82\x53\x63\x35\1\5\xff', True))
    return frames


def rough(client, server, marker=b''):
    """Frames that are not what they claim: lengths, options and padding that lie, with the marker behind."""
    p = Pair(client, server, marker=marker)
    frames = [
        # Ethernet pads to 60 bytes; switches have been seen to pad with what they had at hand.
        p.tcp(40000, 'S', 1, 0, link_more={'pad_to': 60 if p.v4 else 80}),
        p.tcp(40001, 'S', 1, 0, link_more={'pad_to': 120, 'padding': marker or b'pad'}),
        p.tcp(40002, 'S', 1, 0, options=b'\2\4\5\xb4' + b'\xfd\2' + b'\x1e\0' + p.text(b'', 24)),  # length 0
        p.tcp(40003, 'S', 1, 0, options=b'\2\4\5\xb4' + b'\xfd\x28' + p.text(b'', 18)),  # beyond the header
        p.tcp(40004, 'S', 1, 0, options=b'\0\0' + p.text(b'', 30)),  # behind the end of options
        p.tcp(40005, 'PA', 1, 1, offset=15, payload=p.text(b'', 30)),  # a header beyond the datagram
        p.tcp(40006, 'PA', 1, 1, offset=4, payload=p.text(b'', 30)),  # a header that is too short
        p.udp(40007, 53, p.text(b'', 50), length=7),
        p.udp(40008, 53, p.text(b'', 50), length=500),
        p.udp(40009, 53, p.text(b'', 50), length=20),
    ]
    if p.v4:
        for options in (b'\x07\0' + p.text(b'', 30), b'\x07\x27\4' + p.text(b'', 21), b'\0' + p.text(b'', 31),
                        b'\x07\x0b\x06' + address(client) + p.text(b'', 25), b'\x1e\x20' + p.text(b'', 30)):
            frames += p.connection(40020 + len(frames), ip_more={'options': options})[:4]
        frames.append(p.tcp(40040, 'PA', 1, 1, ip_more={'total_length': 35}, payload=p.text(b'', 40)))
    return frames


def traffic(client, server, checksum='right', marker=b'', between=None):
    """Frames of many forms that hold the client's address, both ways, and the marker as payload."""
    p = Pair(client, server, checksum, marker)
    frames = p.connection(50000)
    frames += p.connection(50001, syn_options=opt_timestamps(), options=opt_timestamps(5, 6))
    frames += [p.udp(50002, 53, p.text(b'query', 31)), p.udp(50002, 53, p.text(b'response', 77), back=True)]
    frames += [p.udp(50003, 53, b''), p.udp(50003, 53, p.text(b'none', 31), checksum='zero' if p.v4 else checksum)]
    for back in (False, True):
        message = echo(*p.ends(back), 77, reply=back, payload=p.text(b'ping', 56), checksum=checksum)
        frames.append(p.link(p.packet(ICMP if p.v4 else ICMPV6, message, back), back))
    frames += traffic_errors(p, 50010) + traffic_options(p, 50020) + traffic_fragments(p, 50040)
    frames += traffic_offloaded(p, 50050) + traffic_evened(p, 50060, between or client)
    return frames + traffic_others(p, 50070)


def family(version, checksum, values):
    """(name, frames) of inputs that differ in the hidden bits of the client's address alone."""
    if version == 4:
        for octet in sorted({77, 255} | set(range(0, 256, max(1, 256 // values)))):
            yield '%03d' % octet, traffic('192.0.2.%d' % octet, '198.51.100.9', checksum, between='192.0.2.77')
        return
    luck = random.Random(4)
    hidden = [0, 1, 2**80 - 1, 2**64, 0xfffe << 24] + [luck.getrandbits(80) for _ in range(values)]
    base = int(ipaddress.ip_address('2001:db8:77::'))
    between = str(ipaddress.ip_address(base | hidden[7]))
    for number, low in enumerate(hidden[:values]):
        client = str(ipaddress.ip_address(base | low))
        yield '%03d' % number, traffic(client, '2001:db8:99::9', checksum, between=between)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    one = commands.add_parser('mix')
    one.add_argument('--client', default='192.0.2.7')
    one.add_argument('--server', default='198.51.100.9')
    one.add_argument('--checksum', default='right')
    one.add_argument('--marker', default='')
    one.add_argument('--start', type=int, default=START)
    one.add_argument('--rough', action='store_true')
    one.add_argument('file')
    many = commands.add_parser('family')
    many.add_argument('--checksum', default='right')
    many.add_argument('--values', type=int, default=256)
    many.add_argument('version', type=int, choices=(4, 6))
    many.add_argument('dir')
    o = parser.parse_args()
    if o.command == 'mix':
        marker = o.marker.encode()
        write_pcap(o.file, rough(o.client, o.server, marker) if o.rough
                   else traffic(o.client, o.server, o.checksum, marker), start=o.start)
        return
    os.makedirs(o.dir, exist_ok=True)
    for name, frames in family(o.version, o.checksum, o.values):
        write_pcap(os.path.join(o.dir, name + '.pcap'), frames)


if __name__ == '__main__':
    sys.exit(main())
