# SPDX-License-Identifier: BSD-2-Clause
"""Asks tshark what each frame of a capture carries: IP or not, which protocol, which fragment."""
import os
import struct
import subprocess
from dataclasses import dataclass

FIELDS = ("frame.number", "frame.protocols", "ip.proto", "ip.frag_offset", "ip.flags.mf", "ip.src",
          "ip.dst", "ip.id", "ipv6.fraghdr.offset", "ipv6.fraghdr.more", "ipv6.src", "ipv6.dst",
          "ipv6.fraghdr.ident")

# As the oracle tables were made: each frame for itself.
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")

IP = ("ip", "ipv6")


@dataclass
class Dissection:
    number: int
    network: str  # "ip" or "ipv6", whichever is the outermost; "" for neither
    protocol: str  # of the outermost IPv4 header; "" where there is none
    datagram: tuple  # what fragments of one datagram have in common; () if it is no fragment
    offset: int  # of the fragment in its datagram

    @property
    def is_fragment(self):
        return bool(self.datagram)


def _dissection(row):
    value = dict(zip(FIELDS, row))
    chain = value["frame.protocols"].split(":")
    network = next((layer for layer in chain if layer in IP), "")
    datagram, offset = (), 0
    if network == "ip":
        offset = int(value["ip.frag_offset"] or 0)
        if offset or value["ip.flags.mf"] in ("1", "True"):
            datagram = (value["ip.src"], value["ip.dst"], value["ip.proto"], value["ip.id"])
    elif network == "ipv6" and "ipv6.fraghdr" in chain:
        inner = [n for n, layer in enumerate(chain) if layer in IP][1:2]
        if not inner or chain.index("ipv6.fraghdr") < inner[0]:
            offset = int(value["ipv6.fraghdr.offset"] or 0)
            if offset or value["ipv6.fraghdr.more"] in ("1", "True"):
                datagram = (value["ipv6.src"], value["ipv6.dst"], value["ipv6.fraghdr.ident"])
    protocol = value["ip.proto"] if network == "ip" else ""
    return Dissection(int(value["frame.number"]), network, protocol, datagram, offset)


def _cut_after_addresses(data):
    return data[:12] + data[16:]


# Ethernet with a switch's tag: tshark 4.0 does not know these link types, but knows what is left
# when the tag is taken out. https://www.tcpdump.org/linktypes.html
UNTAG = {
    281: _cut_after_addresses,  # DSA_TAG_BRCM: 4 bytes behind the addresses
    282: lambda data: data[4:],  # DSA_TAG_BRCM_PREPEND: 4 bytes before all
    284: _cut_after_addresses,  # DSA_TAG_DSA
    285: lambda data: data[:12] + data[20:],  # DSA_TAG_EDSA: 8 bytes behind the addresses
}


def _untagged(capture, folder):
    path = os.path.join(folder, "untagged.pcap")
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for frame in capture.frames:
            data = UNTAG[frame.linktype](frame.data)
            gone = frame.caplen - len(data)
            f.write(struct.pack("<IIII", *divmod(frame.ts_ns, 10**9), len(data),
                                frame.origlen - gone))
            f.write(data)
    return path


def dissect(path, capture, folder):
    """Frame number to Dissection. Frames of a file that tshark cannot read at all are missing."""
    if capture.frames and all(frame.linktype in UNTAG for frame in capture.frames):
        path = _untagged(capture, folder)
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for name in FIELDS:
        command += ["-e", name]
    # A cut file is read up to the cut and ends with a complaint, as it should.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    rows = (line.split("\t") for line in done.stdout.decode(errors="replace").splitlines())
    return {d.number: d for d in map(_dissection, rows)}
