#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Print what tshark finds in a capture: flows.py CAPTURE

One line per TCP connection and UDP conversation, in the order of their first packets, tab separated
as in the lists of flowgen: proto client_ip client_port server_ip server_port packets captured_bytes
original_bytes first_ns last_ns end. Later fragments belong to the flow of their first one. A tuple
that is used again makes a new line, as tshark begins a new tcp.stream there.
"""
import subprocess, sys

FIELDS = ["frame.time_epoch", "frame.cap_len", "frame.len", "ip.src", "ip.dst", "ipv6.src",
          "ipv6.dst", "ip.id", "ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.ident",
          "ipv6.fraghdr.more", "ipv6.fraghdr.offset", "tcp.stream", "tcp.srcport", "tcp.dstport",
          "udp.stream", "udp.srcport", "udp.dstport", "tcp.flags.fin", "tcp.flags.reset",
          "icmp.type", "icmpv6.type"]


def frames(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f",
               "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                         text=True).stdout
    return [dict(zip(FIELDS, line.split("\t"))) for line in out.splitlines()]


def ns(text):
    seconds, fraction = text.split(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def flows(path):
    found, fragments = {}, {}
    for f in frames(path):
        source, target = f["ip.src"] or f["ipv6.src"], f["ip.dst"] or f["ipv6.dst"]
        ident = (source, target, f["ipv6.fraghdr.ident"] or f["ip.id"])
        if f["icmp.type"] or f["icmpv6.type"]:
            continue # what errors quote is nobody's packet
        if int(f["ipv6.fraghdr.offset"] or f["ip.frag_offset"] or "0") > 0:
            key = fragments.get(ident)
        elif f["tcp.stream"]:
            key = ("tcp", f["tcp.stream"])
        elif f["udp.stream"]:
            key = ("udp", f["udp.stream"])
        else:
            key = None
        if key is None:
            continue
        if f["ipv6.fraghdr.more"] == "1" or f["ip.flags.mf"] == "1":
            fragments[ident] = key
        if key not in found: # the recordings see every beginning: the first sender is the client
            ports = [f[key[0] + ".srcport"], f[key[0] + ".dstport"]]
            found[key] = [key[0], source, ports[0], target, ports[1], 0, 0, 0,
                          ns(f["frame.time_epoch"]), 0, "none"]
        flow = found[key]
        flow[5] += 1
        flow[6] += int(f["frame.cap_len"])
        flow[7] += int(f["frame.len"])
        flow[9] = ns(f["frame.time_epoch"])
        if f["tcp.flags.reset"] == "1":
            flow[10] = "rst"
        elif f["tcp.flags.fin"] == "1" and flow[10] == "none":
            flow[10] = "fin"
    return found.values()


if len(sys.argv) != 2:
    sys.exit("usage: flows.py CAPTURE")
for flow in flows(sys.argv[1]):
    print(*flow, sep="\t")
