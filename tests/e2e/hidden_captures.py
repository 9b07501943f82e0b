#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Are addresses of real captures in an anonymized archive?

    hidden_captures.py CAPTURES ARCHIVE FILE...     IP addresses
    hidden_captures.py --macs PLAIN ARCHIVE         hardware addresses

The latter are those that tshark sees in an archive of the same captures without any policy. The former:
takes every address of every flow in the oracle's tables that `netblock` would change, and looks for it
in the index, in the IP headers that tshark finds in the flow files (however deep), in all IPv6
addresses' bytes, and in the FILEs as text. Exit status 1 if any is there.
"""
import csv
import glob
import ipaddress
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile

import find_bytes

FIELDS = """ip.src ip.dst ip.rec_rt ip.cur_rt ip.src_rt ip.opt.addr ip.opt.time_stamp_addr icmp.redir_gw sll.src.ipv4
    tcp.options.mptcp.ipv4 tcp.options.mptcp.ipv6 ipv6.src ipv6.dst ipv6.opt.mipv6.home_address ipv6.routing.src.addr
    ipv6.routing.mipv6.home_address ipv6.routing.srh.addr icmpv6.nd.ns.target_address icmpv6.nd.na.target_address""".split()
MAC_FIELDS = """eth.src eth.dst wlan.ra wlan.ta wlan.sa wlan.da wlan.bssid sll.src.eth fddi.src fddi.dst tr.src tr.dst
    icmpv6.opt.src_linkaddr icmpv6.opt.linkaddr""".split()
QUAD = re.compile(rb"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
COLONS = re.compile(rb"(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")


def would_change(address):
    host = 2 ** (8 if address.version == 4 else 80)
    return int(address) % host != 0


def originals(captures):
    found = set()
    for path in glob.glob(os.path.join(captures, "oracle", "**", "*.flows.tsv"), recursive=True):
        with open(path, encoding="utf-8") as f:
            for row in csv.DictReader(f, delimiter="\t"):
                for text in (row["a_ip"], row["b_ip"]):
                    address = ipaddress.ip_address(text)
                    mapped = address.ipv4_mapped if address.version == 6 else None
                    found.add(mapped or address)
    return {address for address in found if would_change(address)}


def pcapng_block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def join(paths, out):
    """All flow files as one pcapng, an interface per link type. Returns their bytes."""
    linktypes, everything, count = {}, [], 0
    out.write(pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
    for path in paths:
        with open(path, "rb") as f:
            data, _ = find_bytes.members(f.read())
        everything.append(data)
        linktype = struct.unpack_from("<I", data, 20)[0] & 0xFFFF
        if linktype not in linktypes:
            linktypes[linktype] = len(linktypes)
            out.write(pcapng_block(1, struct.pack("<HHI", linktype, 0, 0)))
        at = 24
        while at < len(data):
            _, _, caplen, length = struct.unpack_from("<IIII", data, at)
            packet = data[at + 16 : at + 16 + caplen]
            out.write(pcapng_block(6, struct.pack("<IIIII", linktypes[linktype], 0, 0, caplen, length) + packet))
            at += 16 + caplen
            count += 1
    return b"\n".join(everything), count


def dissected(path, fields, made_of):
    """Every address that tshark sees, with the number of the first frame; and how many frames it saw."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=a", "-e", "frame.number"]
    for preference in ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"):
        command += ["-o", preference]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    seen, lines = {}, 0
    for line in done.stdout.decode().splitlines():
        lines += 1
        number, *values = line.split("\t")
        for field, value in zip(fields, values):
            for text in filter(None, value.split(",")):
                seen.setdefault(made_of(text), f"frame {number}, {field}")
    return seen, lines


def indexed(archive):
    seen = {}
    for path in glob.glob(os.path.join(archive, "*", "*", "*", "flows.sqlite")):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for row in db.execute("select client_ip, server_ip from flow"):
            for blob in row:
                address = ipaddress.IPv6Address(blob)
                seen.setdefault(address.ipv4_mapped or address, path)
    return seen


def written(path):
    with open(path, "rb") as f:
        data = f.read()
    seen = {}
    for pattern in (QUAD, COLONS):
        for match in pattern.finditer(data):
            try:
                seen.setdefault(ipaddress.ip_address(match.group().decode()), path)
            except ValueError:
                pass
    return seen


def look(archive, fields, made_of):
    """(bytes of all flow files, packets, addresses in them)"""
    paths = sorted(glob.glob(os.path.join(archive, "*", "*", "*", "*.pcap.gz")))
    with tempfile.NamedTemporaryFile(suffix=".pcapng") as joined:
        data, count = join(paths, joined)
        joined.flush()
        stored, lines = dissected(joined.name, fields, made_of)
    if lines != count:
        sys.exit(f"  {archive}: tshark saw {lines} of {count} packets")
    return data, count, stored


def macs(plain, archive):
    """Groups and what is no address at all may stay."""
    before, after = ({mac: where for mac, where in look(tree, MAC_FIELDS, bytes_of)[2].items() if not mac[0] & 1 and any(mac)}
                     for tree in (plain, archive))  # fmt: skip
    wrong = [f"{mac.hex(':')}: {after[mac]}" for mac in sorted(before.keys() & after.keys())]
    print(f"{len(before)} hardware addresses, {len(after)} in {archive}")
    return wrong or ([] if before and after else ["none at all"])


def bytes_of(text):
    return bytes.fromhex(text.replace(":", ""))


def addresses(captures, archive, *texts):
    secrets = originals(captures)
    data, count, stored = look(archive, FIELDS, ipaddress.ip_address)
    index = indexed(archive)
    places = [stored, index, *map(written, texts)]
    wrong = []
    for seen in places:
        wrong += [f"{address}: {seen[address]}" for address in sorted(secrets & seen.keys(), key=str)]
    # Where nobody dissects: the first 8 bytes of the secrets are few.
    six = {address.packed for address in secrets if address.version == 6}
    starts = {packed[:8] for packed in six}
    for match in re.finditer(b"(?=(" + b"|".join(map(re.escape, sorted(starts))) + b"))", data):
        if data[match.start() : match.start() + 16] in six:
            wrong.append(f"{ipaddress.IPv6Address(data[match.start():match.start() + 16])}: in the flow files, at {match.start()}")
    print(f"{len(secrets)} addresses, {count} packets, {len(stored)} addresses stored, {len(index)} indexed")
    return wrong or ([] if stored and index else ["no address at all"])


def main():
    wrong = macs(*sys.argv[2:]) if sys.argv[1] == "--macs" else addresses(*sys.argv[1:])
    for line in wrong[:20]:
        print("  " + line)
    if len(wrong) > 20:
        print(f"  {len(wrong)} in all")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
