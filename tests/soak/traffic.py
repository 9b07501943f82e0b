# SPDX-License-Identifier: BSD-2-Clause
"""What is sent in a round: captures by flowgen, in volleys of tcpreplay at random rates."""
import random

import rig

INPUTS = 3  # of each round
TOLD_MAX = 200  # connections of a volley that the event server tells


def input_options(draw):
    """Any preset, and of each other kind of traffic some, or none."""
    preset = draw.choice(("mix", "short", "elephants", "concurrent", None))
    flows = draw.choice((5, 20) if preset == "elephants" else (30, 200, 1000))
    options = ["--seed", str(draw.randrange(1 << 30)), "--flows", str(flows), "--v6-fraction",
               f"{draw.choice((0, 0.2, 0.5))}", "--payload", draw.choice(("mix", "text", "random"))]
    if preset:
        options += ["--preset", preset]
    if preset == "concurrent":
        options += ["--interleave", str(flows), "--packets", "2:12"]
    elif preset != "short":
        options += ["--bytes", draw.choice(("300KiB", "1MiB", "3MiB"))]
    for name, most in (("udp", 0.3), ("vlan", 0.5), ("fragment", 0.3), ("reuse", 0.5),
                       ("midstream", 0.3), ("syn-only", 0.5), ("syn-retransmit", 0.3),
                       ("out-of-order", 0.2)):
        if draw.random() < 0.5:
            options += [f"--{name}-fraction", f"{draw.uniform(0, most):.3f}"]
    if draw.random() < 0.3:
        options += ["--headers"]
    options += ["--ends", draw.choice(("85:10:5", "1:0:0", "0:1:0", "1:1:1"))]
    return options


class Input:
    def __init__(self, flowgen, draw, base):
        self.options, self.path = input_options(draw), f"{base}.pcap"
        rig.must(flowgen, *self.options, "--list", f"{base}.list", self.path)
        with open(f"{base}.list") as f:
            rows = [line.split("\t") for line in f]
        self.connections = sorted({(row[1], int(row[2]), row[3], int(row[4]))
                                   for row in rows if row[0] == "tcp"})


class Traffic:
    """One volley after the other. marks: (wall clock, packets on the wire before it), exact."""

    def __init__(self, name, inputs, work):
        self.name, self.inputs, self.work = name, inputs, work
        self.number, self.process, self.held = 0, None, False
        self.marks, self.failures, self.pps = [], [], 0
        self.first = rig.wire_packets()
        self.mark()

    def mark(self):
        """Only while nobody sends."""
        packets = rig.wire_packets()
        self.marks.append((rig.wall_ns(), packets))
        return packets

    def draw(self):
        return random.Random(f"{self.name}/volley/{self.number}")

    def start(self):
        """The input that is sent."""
        draw = self.draw()
        source = draw.choice(self.inputs)
        self.pps = int(10 ** draw.uniform(2.3, 3.7))
        packets = max(1, int(self.pps * draw.uniform(0.1, 1)))
        self.process = rig.Process(
            rig.in_ns(rig.SENDER_NS, "tcpreplay", "--timer=nano", "-i", "send0", "--pps",
                      str(self.pps), "--limit", str(packets), "--loop",
                      str(draw.choice((1, 1, 3))), source.path), f"{self.work}/tcpreplay")
        self.number += 1
        return source

    def tend(self):
        """Whether a volley has ended just now."""
        if self.process is None or not self.process.ended():
            return False
        if self.process.status != 0:
            self.failures.append(f"tcpreplay: {self.process.complaint()}")
        self.process = None
        self.mark()
        return True

    def sending(self):
        return self.process is not None

    def sent(self):
        return self.marks[-1][1] - self.first
