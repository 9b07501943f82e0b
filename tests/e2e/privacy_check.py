#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What archives made under a privacy policy are asked. tshark is the oracle of what a packet holds.

privacy_check.py same DIR OPTION...           every DIR/*.pcap, each archived alone with these options
                                              of split, gives the same names and bytes
privacy_check.py checksums PLAIN ARCHIVE=POLICY...    checksums of archives of one input
privacy_check.py lengths PLAIN ARCHIVE=POLICY...      what was left of its packets
privacy_check.py replay ARCHIVE FILE          writes what an archive holds as one capture
privacy_check.py again LIST OPTIONS...        every capture of the list: what its archive holds, archived
                                              again with the same options (each one word), adds nothing

PLAIN is the archive without policy; POLICY is the value of --payload. Each prints what it has found
wrong, then a line "N checks".
"""
import collections
import concurrent.futures
import gzip
import hashlib
import heapq
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

import privacy

FLOWKEEP = os.environ['FLOWKEEP']
JOBS = 2
checks = collections.Counter()


def wrong(words, limit=[20]):
    checks['wrong'] += 1
    limit[0] -= 1
    if limit[0] >= 0:
        print('WRONG: ' + words)


# -- archives -------------------------------------------------------------------------------------

def flow_files(archive):
    found = []
    for root, folders, names in os.walk(archive):
        folders[:] = sorted(f for f in folders if f != '.staging')
        found += [os.path.join(root, name) for name in sorted(names) if name.endswith('.pcap.gz')]
    return found


def tree(archive):
    """{name: digest} of the flow files."""
    digests = {}
    for path in flow_files(archive):
        with open(path, 'rb') as f:
            digests[os.path.relpath(path, archive)] = hashlib.sha256(f.read()).hexdigest()
    return digests


Frame = collections.namedtuple('Frame', 'time length data linktype interface')


def read_flow(path):
    """The frames of a flow file, as flowkeep-archive(5) tells."""
    with open(path, 'rb') as f:
        packed = f.read()
    record = packed[packed.rindex(b'{"v":'):]
    record = json.loads(record[:record.index(b'}\n') + 1])
    plain = gzip.decompress(packed)
    linktype = struct.unpack_from('<I', plain, 20)[0]
    return [Frame(*packet, linktype, record.get('interface')) for packet in privacy.read_pcap(plain)]


def read_archive(archive):
    """All frames, in order of time as far as each flow has it."""
    return list(heapq.merge(*(read_flow(path) for path in flow_files(archive)), key=lambda frame: frame.time))


def block(kind, body):
    body += b'\0' * (-len(body) % 4)
    size = struct.pack('<I', len(body) + 12)
    return struct.pack('<I', kind) + size + body + size


def option(code, value):
    return struct.pack('<HH', code, len(value)) + value + b'\0' * (-len(value) % 4)


def write_pcapng(path, frames):
    """One interface for each link type and name; nanoseconds."""
    interfaces, blocks = {}, []
    for frame in frames:
        number = interfaces.setdefault((frame.linktype, frame.interface), len(interfaces))
        body = struct.pack('<IIIII', number, frame.time >> 32, frame.time & 0xffffffff, len(frame.data), frame.length)
        blocks.append(block(6, body + frame.data))
    with open(path, 'wb') as f:
        f.write(block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1)))
        for linktype, name in interfaces:
            options = option(9, b'\x09') + (option(2, name.encode()) if name else b'') + option(0, b'')
            f.write(block(1, struct.pack('<HHI', linktype & 0xffff, 0, 262144) + options))
        f.writelines(blocks)


def split(archive, *more):
    """(exit status, ledger)"""
    done = subprocess.run([FLOWKEEP, 'split', '-q', '--json', '--sync', 'none', '--protocols', 'all', '-d', archive,
                           *more], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if 'Sanitizer' in done.stderr or 'runtime error:' in done.stderr:
        wrong(done.stderr[:2000])
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, None


# -- the same names and bytes ---------------------------------------------------------------------

def archive_alone(path, options):
    archive = path[:-len('.pcap')] + '.archive'
    status, ledger = split(archive, *options, path)
    digests = tree(archive)
    shutil.rmtree(archive, ignore_errors=True)
    return os.path.basename(path), status, ledger, digests


def same(folder, *options):
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.pcap'))
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(lambda path: archive_alone(path, options), paths))
    first = results[0]
    for name, status, ledger, digests in results:
        checks['done'] += 1
        if status != 0 or ledger is None or ledger['packets_archived'] != ledger['packets_read'] or not digests:
            wrong('%s: exit status %d, %s' % (name, status, ledger))
        elif digests != first[3]:
            names = set(digests) ^ set(first[3])
            bytes_of = sorted(n for n in set(digests) & set(first[3]) if digests[n] != first[3][n])
            wrong('%s is not %s: %d names, bytes of %s' % (name, first[0], len(names), bytes_of[:5]))
    if len(results) < 2:
        wrong('%d inputs' % len(results))


# -- frames of two archives, side by side ---------------------------------------------------------

KNOWN_TO_TSHARK = {0, 1, 12, 14, 101, 113, 228, 229, 276}


def signature(frame):
    """What tells a frame from others of its time, and stays under every policy."""
    told = (frame.time, frame.length, frame.linktype, frame.interface)
    data, at = frame.data, 12
    if frame.linktype != 1:
        return told
    while data[at:at + 2] in (b'\x81\x00', b'\x88\xa8'):
        at += 4
    version = data[at + 2] >> 4 if len(data) > at + 2 else 0
    at += 2
    if version == 4 and len(data) >= at + 20:
        l4 = at + (data[at] & 15) * 4
        proto, ident, part = data[at + 9], data[at + 4:at + 6], data[at + 6:at + 8]
        size = at + struct.unpack_from('>H', data, at + 2)[0] - l4
    elif version == 6 and len(data) >= at + 40:
        l4, proto, ident, part = at + 40, data[at + 6], data[at + 3], b'\0\0'
        size = struct.unpack_from('>H', data, at + 4)[0]
    else:
        return told
    told += (proto, ident, part)
    whole = size >= {privacy.TCP: 20, privacy.UDP: 8}.get(proto, 1 << 16)
    if struct.unpack('>H', part)[0] & 0x1fff or not whole:
        return told
    return told + (data[l4:l4 + 4], data[l4 + 4:l4 + 8] if proto == privacy.TCP else b'')


def pairs(plain, other):
    """[(index, index)] of the same frame in two archives.

    Left out are those that nothing tells apart, and flows that the policy has made equal: duplicates.
    """
    groups = collections.defaultdict(lambda: ([], []))
    for side, frames in enumerate((plain, other)):
        for at, frame in enumerate(frames):
            groups[signature(frame)][side].append(at)
    found = []
    for told, (a, b) in groups.items():
        if not a or len(b) > len(a):
            wrong('%d frames of time %d and length %d became %d' % (len(a), told[0], told[1], len(b)))
        elif len(a) == 1 and len(b) == 1:
            found.append((a[0], b[0]))
    if len(found) < 0.9 * len(plain):
        wrong('only %d of %d frames can be told apart' % (len(found), len(plain)))
    return found


def tshark(frames, fields):
    """[{field: first value}] of each frame; nothing of frames whose link type it does not know."""
    told = [dict() for _ in frames]
    known = [n for n, frame in enumerate(frames) if frame.linktype in KNOWN_TO_TSHARK]
    with tempfile.TemporaryDirectory(dir='.') as folder:
        path = os.path.join(folder, 'frames.pcapng')
        write_pcapng(path, [frames[n] for n in known])
        command = ['tshark', '-n', '-r', path, '-T', 'fields', '-E', 'occurrence=f']
        for name in ('ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'):
            command += ['-o', name + ':TRUE']
        for name in ('ip.defragment', 'ipv6.defragment', 'tcp.desegment_tcp_streams', 'tcp.analyze_sequence_numbers',
                     'tcp.calculate_timestamps', 'udp.process_info'):
            command += ['-o', name + ':FALSE']
        for name in ('frame.number', 'frame.protocols') + fields:
            command += ['-e', name]
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for line in out.decode('utf-8', 'replace').splitlines():
        number, *values = line.split('\t')
        told[known[int(number) - 1]] = dict(zip(('protocols',) + fields, values))
    return told


def protocols(told):
    """Names of the layers from IP on, options and extension headers aside: the first is IP, the second its."""
    names = [n for n in told.get('protocols', '').split(':') if not n.startswith('ipv6.')]
    for at, name in enumerate(names):
        if name in ('ip', 'ipv6'):
            return names[at:]
    return []


def number(told, field):
    try:
        return int(told.get(field) or 'none', 0)
    except ValueError:
        return None


# -- checksums ------------------------------------------------------------------------------------

GOOD = 1
LAYERS = ('ip', 'tcp', 'udp', 'icmp', 'icmpv6')
# A source route changes which destination a checksum covers: tshark 4.0 sees it otherwise than RFC 1122.
FIELDS = tuple(layer + end for layer in LAYERS for end in ('.checksum', '.checksum.status')) + (
    'ip.len', 'ip.opt.type', 'ipv6.routing.type')


def routed(told):
    return bool(told['ipv6.routing.type']) or told['ip.opt.type'] in ('131', '137')


def check_checksum(policy, layer, before, after, cut):
    """before, after: what tshark tells of one frame; cut: is the stored one shorter?"""
    was, status = number(before, layer + '.checksum.status'), number(after, layer + '.checksum.status')
    value = number(after, layer + '.checksum')
    if value is None or number(before, layer + '.checksum') is None:
        return None if cut or value == number(before, layer + '.checksum') else 'is missing'
    if was == GOOD and status == GOOD:
        checks['good ' + layer] += 1
    elif was == GOOD and not cut:
        return 'was good, now it is of status %s: %#x' % (status, value)
    elif layer == 'icmp' and policy == 'full' and value == number(before, 'icmp.checksum'):
        checks['untouched icmp'] += 1  # it covers no address of IP
    elif value != 0:
        return 'was of status %s, now it is of status %s, and not 0: %#x' % (was, status, value)
    else:
        checks['zero ' + layer] += 1
    return None


def check_checksums(policy, a, b, was, now):
    layers = [layer for layer in protocols(was)[:2] if layer in LAYERS]
    if not layers or routed(was):
        return
    # A datagram that says that it is longer than its frame counts as cut, too.
    cut = len(b.data) < len(a.data) or (number(was, 'ip.len') or 0) > a.length
    # What lies behind the datagram is no part of any checksum.
    if cut and was['protocols'].startswith('eth:ethertype:ip:') and number(was, 'ip.len'):
        cut = len(b.data) < 14 + number(was, 'ip.len')
    if cut and policy in ('full', 'zero') and layers[1:] == ['tcp'] and GOOD == number(was, 'tcp.checksum.status'):
        wrong('%s, time %d: a TCP packet whose checksum is right was cut' % (policy, a.time))
    for layer in layers:
        checks['done'] += 1
        words = check_checksum(policy, layer, was, now, cut and layer != 'ip')
        if words:
            wrong('%s, time %d, %s: the checksum of %s %s' % (policy, a.time, was['protocols'], layer, words))


def checksums(plain, *others):
    frames = [read_archive(archive) for archive in [plain] + [other.split('=')[0] for other in others]]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        before, *after = pool.map(lambda some: tshark(some, FIELDS), frames)
    for other, hidden, told in zip(others, frames[1:], after):
        for a, b in pairs(frames[0], hidden):
            check_checksums(other.split('=')[1], frames[0][a], hidden[b], before[a], told[b])
    print(', '.join('%d %s' % (n, kind) for kind, n in sorted(checks.items())))


# -- lengths --------------------------------------------------------------------------------------

LENGTHS = ('ip.hdr_len', 'ip.len', 'ipv6.plen', 'tcp.hdr_len', 'udp.length', 'ip.frag_offset', 'ip.flags.mf')


def plain_layers(told):
    """Is it TCP or UDP over IP without extension headers, on Ethernet, whole, and does tshark read its header?"""
    return (told.get('protocols', '').startswith(('eth:ethertype:ip:', 'eth:ethertype:ipv6:'))
            and 'ipv6.' not in told['protocols'] and protocols(told)[1:2] in (['tcp'], ['udp'])
            and told['ip.flags.mf'] not in ('1', 'True') and not number(told, 'ip.frag_offset')
            and (told['tcp.hdr_len'] or told['udp.length']))


def options_sound(options):
    """Do options of TCP lead from one to the next, to the end?"""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2 or at + options[at + 1] > len(options):
            return False
        at += options[at + 1]
    return True


def header_end(frame, told):
    """(end of the transport header, end of the payload, are both beyond doubt?) of what is plain."""
    version, transport = protocols(told)[:2]
    network = 14 + (number(told, 'ip.hdr_len') or 0 if version == 'ip' else 40)
    total = number(told, 'ip.len' if version == 'ip' else 'ipv6.plen')  # 0: offloaded, or a jumbogram
    end = min(frame.length, 14 + total + (40 if version == 'ipv6' else 0)) if total else frame.length
    if transport == 'tcp':
        header = network + (number(told, 'tcp.hdr_len') or 0)
        sound = header >= network + 20 and options_sound(frame.data[network + 20:header])
        header = max(header, network + 20)
    else:
        size = number(told, 'udp.length') or 0
        header = network + 8
        sound = 8 <= size <= end - network
        end = min(end, network + size) if sound else end
    return header, end, sound and header <= min(end, len(frame.data))


def check_lengths(policy, a, b, told):
    if len(b.data) > len(a.data):
        return 'has grown'
    if not plain_layers(told):
        return None
    header, end, sound = header_end(a, told)
    if policy == 'zero':
        left = b.data[header:].strip(b'\0') != b''
        return 'has payload left' if left else 'has not kept its length' if sound and len(b.data) != len(a.data) else None
    want = min(len(a.data), end, header + (0 if policy == 'headers' else int(policy)))
    if not sound:
        checks['not sound'] += 1
        return 'is %d bytes, %d at most' % (len(b.data), want) if len(b.data) > max(want, header) else None
    checks['plain'] += 1
    checks['padding left out'] += want < len(a.data) and end < len(a.data)
    if len(b.data) != want:
        return 'is %d bytes, wanted %d' % (len(b.data), want)
    return None if b.data[header:] == a.data[header:want] else 'has another payload'


def lengths(plain, *others):
    frames = read_archive(plain)
    told = tshark(frames, LENGTHS)
    for archive, policy in (other.split('=') for other in others):
        kept = read_archive(archive)
        for a, b in pairs(frames, kept):
            checks['done'] += 1
            words = check_lengths(policy, frames[a], kept[b], told[a])
            if words:
                wrong('%s, time %d, %d bytes, %s: %s' % (
                    archive, frames[a].time, len(frames[a].data), told[a].get('protocols'), words))
    print(', '.join('%d %s' % (n, kind) for kind, n in sorted(checks.items())))


# -- a fixed point --------------------------------------------------------------------------------

def write_replay(path, frames):
    """A pcap file where one can hold them: the upper half of its link type may tell the length of an FCS."""
    kinds = {(frame.linktype, frame.interface) for frame in frames}
    if kinds != {(frames[0].linktype, None)}:
        write_pcapng(path, frames)
        return
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, frames[0].linktype))
        for frame in frames:
            f.write(struct.pack('<IIII', *divmod(frame.time, 10**9), len(frame.data), frame.length) + frame.data)


def archive_again(name, capture, options):
    """Archives a capture, then what that gave, into the same archive.

    Returns (exit status, files, pairs of ends, what is wrong) of the first.
    """
    archive, path = name + '.again', name + '.again.pcapng'
    first_status, _ = split(archive, *options, capture)
    once, words = tree(archive), None
    if once:
        frames = read_archive(archive)
        write_replay(path, frames)
        status, ledger = split(archive, *options, path)
        twice = tree(archive)
        if ledger is None or status != 0:
            words = 'exit status %d' % status
        elif ledger['skipped']['duplicate'] != len(frames) or ledger['files'] or twice != once:
            words = '%d of %d packets are duplicates, %d new files, %s' % (
                ledger['skipped']['duplicate'], len(frames), ledger['files'], sorted(set(twice) - set(once))[:3])
        os.unlink(path)
    pairs_of_ends = ends(archive)
    shutil.rmtree(archive, ignore_errors=True)
    return first_status, len(once), pairs_of_ends, words


def packets_again(name, capture, options):
    """The same into another archive, which has to hold the same packets: what is wrong."""
    one, two, path = name + '.one', name + '.two', name + '.packets.pcapng'
    split(one, *options, capture)
    frames = read_archive(one)
    write_replay(path, frames)
    split(two, *options, path)
    good = {frame[:4] for frame in frames} == {frame[:4] for frame in read_archive(two)}
    os.unlink(path)
    shutil.rmtree(one)
    shutil.rmtree(two)
    return None if good else 'other packets'


def ends(archive):
    """How many pairs of ends have flows?"""
    found = set()
    for path in {os.path.join(os.path.dirname(path), 'flows.sqlite') for path in flow_files(archive)}:
        with sqlite3.connect('file:%s?mode=ro' % path, uri=True) as index:
            for row in index.execute('select proto, linktype, client_ip, client_port, server_ip, server_port from flow'):
                found.add(row[:2] + tuple(sorted((row[2:4], row[4:]))))
    return len(found)


def packets_only(name, capture, policy):
    """Is it known why the archive of a capture, archived again, may have other names?

    Times that run backwards and packets that are not archived move the clock of a capture, and are
    not in what is read again: an end may then have another reason, also without any policy. And a
    policy may have made hosts one, whose flows nobody can tell apart again.
    """
    _, _, plain_ends, plain_words = archive_again(name, capture, [])
    return plain_words is not None or archive_again(name, capture, policy)[2] < plain_ends


def capture_again(name, capture, policies):
    """What is wrong, of each policy."""
    found = []
    for policy in policies:
        options = policy.split()
        status, files, _, words = archive_again(name, capture, options)
        if found and (status, bool(files)) != (found[0][0], bool(found[0][1])):
            words = 'exit status %d, %d files, but with %s %d, %d' % (status, files, policies[0], *found[0][:2])
        elif words is not None and packets_only(name, capture, options):
            words = packets_again(name, capture, options)
            checks['packets only'] += 1
        found.append((status, files, policy, words))
        if not files:
            break
    return found


def again(listed, *policies):
    with open(listed) as f:
        captures = f.read().splitlines()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(lambda n: capture_again(str(n[0]), n[1], policies), enumerate(captures)))
    for capture, found in zip(captures, results):
        for _, files, policy, words in found:
            checks['done'] += bool(files)
            if words:
                wrong('%s: %s: %s' % (capture, policy, words))
    if checks['packets only'] > checks['done'] / 5:
        wrong('too few archives could be compared by name')
    print('%d captures; of %d archives packets alone were compared' % (len(captures), checks['packets only']))


def main():
    commands = {'same': same, 'checksums': checksums, 'lengths': lengths, 'again': again}
    if sys.argv[1:2] == ['replay'] and len(sys.argv) == 4:
        write_replay(sys.argv[3], read_archive(sys.argv[2]))
        return
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
    print('%d checks' % checks['done'])
    sys.exit(1 if checks['wrong'] or not checks['done'] else 0)


if __name__ == '__main__':
    main()
