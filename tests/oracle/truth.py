# SPDX-License-Identifier: BSD-2-Clause
"""What tshark saw: the oracle tables beside the captures (their README.md explains the columns)."""
import csv
import gzip
import os
from dataclasses import dataclass


@dataclass
class FrameTruth:
    number: int
    ts_ns: int
    caplen: int
    origlen: int
    strict: str  # id of the flow of the first IP header, if that carries TCP; else ""
    stream: str  # tshark's tcp.stream
    fragment_of: str  # strict flow of a later fragment; "?" where its first one is absent

    @property
    def is_tcp(self):
        return bool(self.strict) or self.fragment_of not in ("", "?")


@dataclass
class FlowTruth:
    name: str  # "S1", or "S1.2": the strict flow, and the number of the connection on its tuple
    ends: tuple  # ((address, port), (address, port)), the lower one first
    packets: int = 0
    captured_bytes: int = 0
    original_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def add(self, frame):
        if self.packets == 0:
            self.first_ns = frame.ts_ns
        self.last_ns = frame.ts_ns
        self.packets += 1
        self.captured_bytes += frame.caplen
        self.original_bytes += frame.origlen

    def facts(self):
        return (self.ends, self.packets, self.captured_bytes, self.original_bytes, self.first_ns,
                self.last_ns)


def _path(captures, name, suffix):
    return os.path.join(captures, "oracle", name + suffix)


def frames(captures, name):
    path = _path(captures, name, ".frames.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return [FrameTruth(int(r["frame"]), int(r["ts_ns"] or 0), int(r["cap_len"]),
                           int(r["orig_len"]), r["strict"], r["tcp_stream"], r["frag_of"])
                for r in csv.DictReader(f, delimiter="\t")]


def _strict_ends(captures, name):
    path = _path(captures, name, ".flows.tsv")
    with open(path, encoding="utf-8") as f:
        return {r["flow_id"]: ((r["a_ip"], int(r["a_port"])), (r["b_ip"], int(r["b_port"])))
                for r in csv.DictReader(f, delimiter="\t") if r["kind"] == "strict"}


def flows(captures, name):
    """The strict flows of a capture, divided where tshark starts a new tcp.stream.

    A packet whose TCP header is too short for a stream, and a later fragment, have no stream number:
    they go with the connection that their tuple is in at that moment.
    """
    seen = frames(captures, name)
    streams = {}  # strict flow: stream numbers in order of appearance
    for frame in seen:
        known = streams.setdefault(frame.strict, [])
        if frame.strict and frame.stream and frame.stream not in known:
            known.append(frame.stream)
    current, found = {}, {}
    ends = _strict_ends(captures, name)
    for frame in seen:
        if not frame.is_tcp:
            continue
        strict = frame.strict or frame.fragment_of
        known = streams.get(strict, [])
        stream = frame.stream if frame.strict else ""
        stream = stream or current.get(strict) or (known[0] if known else "")
        current[strict] = stream
        flow_name = strict
        if len(known) > 1:
            flow_name += ".%d" % (known.index(stream) + 1)
        flow = found.setdefault(flow_name, FlowTruth(flow_name, ends[strict]))
        flow.add(frame)
    return list(found.values())
