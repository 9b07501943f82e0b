#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_format.py ARCHIVE: reads every flow file and every index row as flowkeep-archive(5) tells.

Written from the manual: shares no code with flowkeep, and asks the program nothing.
"""
import datetime
import ipaddress
import json
import os
import re
import sqlite3
import struct
import sys
import tarfile
import tempfile
import uuid
import zlib

NAMESPACE = uuid.UUID('7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca')
NAME = re.compile(r'^([A-Za-z0-9_-][A-Za-z0-9._-]{0,127}?)(?:~([1-9][0-9]*))?\.pcap\.gz$')
SEGMENT = re.compile(r'^flows-([1-9]\d*)\.tar$')
MEMBER_MAX = 65520


class Bad(Exception):
    pass


def need(good, words):
    if not good:
        raise Bad(words)


def members(data):
    """Yields (flags, extra, inflated) of each gzip member."""
    at = 0
    while at < len(data):
        need(data[at:at + 3] == b'\x1f\x8b\x08', 'offset %d: not a member' % at)
        flags = data[at + 3]
        need(flags in (0, 4), 'offset %d: flags %d' % (at, flags))
        need(data[at + 4:at + 10] == b'\0\0\0\0\0\xff', 'offset %d: time, extra flags or system' % at)
        at += 10
        extra = b''
        if flags == 4:
            length = struct.unpack_from('<H', data, at)[0]
            extra = data[at + 2:at + 2 + length]
            at += 2 + length
        inflater = zlib.decompressobj(-15)
        inflated = inflater.decompress(data[at:])
        need(inflater.eof, 'a member without end')
        at = len(data) - len(inflater.unused_data)
        crc, size = struct.unpack_from('<II', data, at)
        need(crc == zlib.crc32(inflated) and size == len(inflated), 'CRC or length')
        at += 8
        yield flags, extra, inflated


def records(block):
    at = 0
    while at < len(block):
        sec, nsec, caplen, origlen = struct.unpack_from('<IIII', block, at)
        need(nsec < 10**9 and at + 16 + caplen <= len(block), 'a record is not whole in its member')
        yield sec * 10**9 + nsec, origlen, block[at + 16:at + 16 + caplen]
        at += 16 + caplen


def read_record(extra):
    need(extra[:2] == b'FK', 'subfield id %r' % extra[:2])
    length = struct.unpack_from('<H', extra, 2)[0]
    need(length == len(extra) - 4, 'subfield length')
    text = extra[4:].decode('ascii')
    need(text.endswith('}\n') and text.count('\n') == 1, 'not one line')
    return json.loads(text)


KEYS = {'v', 'uuid', 'uuid_source', 'end_reason', 'packets', 'bytes', 'captured_bytes', 'first_ns', 'last_ns',
        'client', 'vlan_key', 'lost_packets', 'cut_duration', 'cut_bytes', 'snaplen', 'interface',
        'payload', 'anonymize', 'anonymize_mac', 'exempt'}
ENDS = {'fin', 'rst', 'idle', 'reused', 'evicted', 'eof', 'stop', 'crash', 'continued'}


def check_file(path, day, row):
    with open(path, 'rb') as f:
        parts = list(members(f.read()))
    need(len(parts) >= 3, '%d members' % len(parts))
    need([p[0] for p in parts] == [0] * (len(parts) - 1) + [4], 'the last member alone has a subfield')
    head = parts[0][2]
    need(len(head) == 24, 'file header of %d bytes' % len(head))
    magic, major, minor, zone, sigfigs, snaplen, linktype = struct.unpack('<IHHiIII', head)
    need((magic, major, minor, zone, sigfigs, snaplen) == (0xa1b23c4d, 2, 4, 0, 0, 262144), 'file header')
    need(parts[-1][2] == b'', 'the last member holds something')
    packets = []
    for _, _, block in parts[1:-1]:
        inside = list(records(block))
        need(inside and (len(block) <= MEMBER_MAX or len(inside) == 1), 'member of %d bytes' % len(block))
        packets += inside
    rec = read_record(parts[-1][1])
    name, part = NAME.match(os.path.basename(path)).groups()
    need(set(rec) <= KEYS, 'keys %s' % sorted(set(rec) - KEYS))
    need(rec['v'] == 1 and rec['uuid'] == name and rec['end_reason'] in ENDS, 'record')
    need(rec['packets'] == len(packets), 'packets')
    need(rec['bytes'] == sum(p[1] for p in packets), 'bytes')
    captured = sum(len(p[2]) for p in packets)
    need(rec.get('captured_bytes', rec['bytes']) == captured, 'captured_bytes')
    need((rec['first_ns'], rec['last_ns']) == (packets[0][0], packets[-1][0]), 'times')
    need(all(len(p[2]) <= rec.get('snaplen', 262144) for p in packets), 'snaplen')
    cut = {'lost_packets', 'cut_duration', 'cut_bytes', 'snaplen'} & set(rec)
    need(part is not None or ('client' in rec) == bool(cut), 'client')
    need(datetime.datetime.fromtimestamp(packets[0][0] // 10**9, datetime.timezone.utc).strftime('%Y/%m/%d') == day, 'day')
    check_row(row, rec, path, linktype, captured)
    if part is None:
        check_uuid(name, row, rec, packets[0])


def check_row(row, rec, path, linktype, captured):
    need(row is not None, 'no row')
    for column, want in (('linktype', linktype), ('start_ns', rec['first_ns']), ('end_ns', rec['last_ns']),
                         ('captured_bytes', captured), ('end_reason', rec['end_reason']),
                         ('uuid_source', rec.get('uuid_source', 'generated')), ('interface', rec.get('interface')),
                         ('snaplen', rec.get('snaplen', 262144)), ('lost_packets', rec.get('lost_packets', 0)),
                         ('cut_duration', rec.get('cut_duration', 0)), ('cut_bytes', rec.get('cut_bytes', 0)),
                         ('length', os.path.getsize(path))):
        need(row[column] == want, 'row: %s is %r, not %r' % (column, row[column], want))
    need(row['client_packets'] + row['server_packets'] == rec['packets'], 'row: packets')
    need(row['client_bytes'] + row['server_bytes'] == rec['bytes'], 'row: bytes')
    outer, inner = rec.get('vlan_key', [0, 0])
    need(row['vlan_key'] == outer * 4096 + inner, 'row: vlan_key')
    check_policy(row, rec)


def first_seq(packet, proto):
    """TCP sequence number of an Ethernet frame: ends of IP headers found the plain way."""
    if proto != 6:
        return 0
    at = 12
    while packet[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
        at += 4
    at += 2
    if packet[at] >> 4 == 4:
        at += (packet[at] & 15) * 4
    else:
        need(packet[at + 6] == 6, None)
        at += 40
    return struct.unpack_from('>I', packet, at + 4)[0]


def check_uuid(name, row, rec, first):
    """A generated name is the hash that the manual describes."""
    if row['uuid_source'] != 'generated' or row['linktype'] != 1:
        return
    try:
        seq = first_seq(first[2], row['proto'])
    except (Bad, IndexError, struct.error):
        return  # extension headers: other files of the set show the rule
    ends = []
    for who in ('client', 'server'):
        address = ipaddress.IPv6Address(row[who + '_ip'])
        packed = address.ipv4_mapped.packed if address.ipv4_mapped else address.packed
        ends.append((packed, row[who + '_port']))
    ends.sort()
    family = 4 if len(ends[0][0]) == 4 else 6
    text = struct.pack('>IBB', row['linktype'], row['proto'], family)
    text += b''.join(a + struct.pack('>H', p) for a, p in ends)
    if row['vlan_key']:
        text += struct.pack('>HH', row['vlan_key'] >> 12, row['vlan_key'] & 4095)
    text += struct.pack('>qI', first[0], seq)
    # uuid.uuid5 takes text; the name here is bytes.
    import hashlib
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + text).digest()[:16])
    digest[6] = digest[6] & 0x0f | 0x50
    digest[8] = digest[8] & 0x3f | 0x80
    need(str(uuid.UUID(bytes=bytes(digest))) == name, 'the UUID is not what the manual says')
    check_uuid.checked += 1


check_uuid.checked = 0


def rows_of(folder):
    db = sqlite3.connect('file:%s?mode=ro' % os.path.join(folder, 'flows.sqlite'), uri=True)
    need(db.execute('pragma application_id').fetchone()[0] == 0x666c6f77, 'application_id')
    need(db.execute('pragma user_version').fetchone()[0] == 2, 'user_version')
    db.row_factory = sqlite3.Row
    rows = {}
    for row in db.execute('select * from flow'):
        name = str(uuid.UUID(bytes=row['uuid'])) if isinstance(row['uuid'], bytes) else row['uuid']
        rows[name + ('~%d' % row['part'] if row['part'] else '') + '.pcap.gz'] = row
    return rows


def check_policy(row, rec):
    words = ['payload=' + rec['payload']] if 'payload' in rec else []
    words += ['anonymize=' + rec['anonymize']] if 'anonymize' in rec else []
    words += ['mac'] if rec.get('anonymize_mac') else []
    words += ['exempt=' + rec['exempt']] if 'exempt' in rec else []
    need(row['policy'] == (' '.join(words) or None), 'row: policy')
    need(row['state'] == ('open' if rec['end_reason'] == 'continued' else 'closed'), 'row: state')


def check_segment(path, day, rows):
    """Every member is a flow file, and lies where its row says. Returns how many there are."""
    number = int(SEGMENT.match(os.path.basename(path)).group(1))
    count = 0
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path, 'r:') as tar:
        for member in tar:
            need(NAME.match(member.name) and member.isreg(), 'member ' + member.name)
            need((member.mode, member.uid, member.gid) == (0o640, 0, 0), 'owner and mode')
            row = rows.pop(member.name)
            need((row['segment'], row['offset']) == (number, member.offset_data), 'row: place')
            copy = os.path.join(folder, member.name)
            with open(copy, 'wb') as f:
                f.write(tar.extractfile(member).read())
            check_file(copy, day, row)
            count += 1
    with open(path, 'rb') as f:
        f.seek(-1024, os.SEEK_END)
        need(f.read() == bytes(1024), 'the end of the segment')
    return count


def main():
    good = bad = 0
    for root, _, names in sorted(os.walk(sys.argv[1])):
        day = os.path.relpath(root, sys.argv[1])
        if not re.match(r'^\d{4}/\d\d/\d\d$', day):
            continue
        rows = rows_of(root)
        for name in sorted(names):
            try:
                if SEGMENT.match(name):
                    good += check_segment(os.path.join(root, name), day, rows)
                elif NAME.match(name):
                    row = rows.pop(name, None)
                    need(row is None or (row['segment'], row['offset']) == (None, 0), 'row: place')
                    check_file(os.path.join(root, name), day, row)
                    good += 1
            except (tarfile.TarError, Bad, KeyError, ValueError, struct.error, zlib.error) as error:
                bad += 1
                print('%s/%s: %s' % (day, name, error))
        for name in rows:
            bad += 1
            print('%s/%s: a row without file' % (day, name))
    print('%d UUIDs recomputed' % check_uuid.checked)
    print('%d files are as the manual says' % good)
    sys.exit(0 if good and not bad and check_uuid.checked > good / 2 else 1)


main()
