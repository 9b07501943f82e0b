#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check flowgen against an independent reader: flowgen_check.py FLOWGEN

Makes small captures with flowgen (the program at FLOWGEN) and lets tshark read them: every checksum
must be right, every flow of the list must be found as listed and no other, and the analysis of TCP
must find nothing except what the options asked for. Prints one line per case. Exit: 0 all right;
1 not; 77 tshark is not there (make check then says SKIP).
"""
import collections, hashlib, os, resource, shutil, subprocess, sys, tempfile

# options, and the complaints of tshark's TCP analysis that they ask for
CASES = [
    ("--flows 400", ""),
    ("--flows 400 --seed 2 --format nspcap --payload text", ""),
    ("--flows 400 --seed 3 --format pcapng --payload random --v6-fraction 1", ""),
    ("--flows 600 --packets 1:30 --interleave 600 --vlan-fraction 0.5", ""),
    ("--flows 600 --packets 1:10 --ends 0:0:1 --udp-fraction 0.3", ""),
    ("--flows 300 --packets 1:40 --fragment-fraction 1 --format nspcap", ""),
    ("--flows 200 --mean-bytes 60k --fragment-fraction 0.5 --udp-fraction 0.3", ""),
    ("--flows 600 --packets 2:20 --reuse-fraction 0.4 --udp-fraction 0", "reused_ports"),
    ("--flows 300 --mean-bytes 30k --out-of-order-fraction 0.05", "out_of_order lost_segment"),
    ("--flows 300 --syn-only-fraction 0.3 --syn-retransmit-fraction 0.3", "retransmission rto"),
    ("--flows 300 --packets 1:12 --midstream-fraction 1", ""),
    ("--flows 300 --headers --format pcapng", ""),
    ("--flows 300 --mean-bytes 60k --small-segment-fraction 0.5 --fragment-fraction 0.1", ""),
    ("--flows 4 --bytes 12M --duration 5s", ""),
    ("--preset concurrent --flows 2000", ""),
    ("--flows 800 --udp-fraction 0.2 --vlan-fraction 0.2 --fragment-fraction 0.1 --seed 7"
     " --reuse-fraction 0.2 --midstream-fraction 0.1 --format pcapng", "reused_ports"),
]
PREFERENCES = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE",
               "ip.defragment:FALSE", "ipv6.defragment:FALSE", "http.desegment_body:FALSE"]
FLAGS = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order",
         "reused_ports", "lost_segment", "ack_lost_segment", "duplicate_ack", "keep_alive",
         "keep_alive_ack", "zero_window", "zero_window_probe", "window_update", "window_full",
         "rto", "tfo_syn"]
FIELDS = ["frame.time_epoch", "frame.cap_len", "frame.len", "ip.src", "ip.dst", "ipv6.src",
          "ipv6.dst", "ip.id", "ip.flags.mf", "ip.frag_offset", "ipv6.fraghdr.ident",
          "ipv6.fraghdr.more", "ipv6.fraghdr.offset", "tcp.stream", "tcp.srcport", "tcp.dstport",
          "udp.stream", "udp.srcport", "udp.dstport", "ip.checksum.status", "tcp.checksum.status",
          "udp.checksum.status", "_ws.malformed", "tcp.flags.fin", "tcp.flags.reset"]


def tshark(path, fields, *more):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in fields:
        command += ["-e", field]
    out = subprocess.run(command + list(more), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         check=True, text=True).stdout
    return [dict(zip(fields, line.split("\t"))) for line in out.splitlines()]


def ns(text):
    seconds, fraction = text.split(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def flows_seen(frames, wrong):
    """tshark's conversations in the form of flowgen's list."""
    flows, fragments = {}, {}
    for f in frames:
        proto = "tcp" if f["tcp.stream"] else "udp"
        source, target = f["ip.src"] or f["ipv6.src"], f["ip.dst"] or f["ipv6.dst"]
        ident = (source, target, f["ipv6.fraghdr.ident"] or f["ip.id"])
        more = f["ipv6.fraghdr.more"] == "1" or f["ip.flags.mf"] == "1"
        later = int(f["ipv6.fraghdr.offset"] or f["ip.frag_offset"] or "0") > 0
        if later:
            key = fragments.get(ident)
            if key is None:
                wrong.append("a fragment without a first one")
                continue
        else:
            key = (proto, f[proto + ".stream"])
            if more:
                fragments[ident] = key
        if f["ip.checksum.status"] not in ("", "1"):
            wrong.append("an IPv4 checksum")
        cut = f["frame.cap_len"] != f["frame.len"]
        if not later and not more and not cut and f[proto + ".checksum.status"] != "1":
            wrong.append("a checksum of " + proto)
        if f["_ws.malformed"]:
            wrong.append("a malformed packet")
        flow = flows.get(key)
        if flow is None:
            flow = flows[key] = [proto, source, f[proto + ".srcport"], target,
                                 f[proto + ".dstport"], 0, 0, 0, ns(f["frame.time_epoch"]), 0,
                                 "none"]
        flow[5] += 1
        flow[6] += int(f["frame.cap_len"])
        flow[7] += int(f["frame.len"])
        flow[9] = ns(f["frame.time_epoch"])
        if f["tcp.flags.reset"] == "1":
            flow[10] = "rst"
        elif f["tcp.flags.fin"] == "1":
            flow[10] = "fin"
    return collections.Counter(tuple(map(str, flow)) for flow in flows.values())


def check(flowgen, options, expected, folder):
    path, listed = os.path.join(folder, "capture"), os.path.join(folder, "list")
    wrong, digests = [], set()
    for _ in range(2):
        if subprocess.run([flowgen, *options.split(), "--list", listed, path]).returncode != 0:
            print("FAIL %s: flowgen failed" % options, flush=True)
            return False
        digests.add(hashlib.sha256(open(path, "rb").read()).hexdigest())
    if len(digests) != 1:
        wrong.append("not the same twice")
    truth = [line.rstrip("\n").split("\t") for line in open(listed)]
    frames = tshark(path, FIELDS)
    seen = flows_seen(frames, wrong)
    want = collections.Counter(tuple(row) for row in truth)
    for row in list((want - seen).elements())[:3]:
        wrong.append("not found: " + " ".join(row))
    for row in list((seen - want).elements())[:3]:
        wrong.append("not listed: " + " ".join(row))
    # Defragmented, every datagram shows its checksum, and the analysis sees every segment.
    whole = ["-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE"]
    fields = ["tcp.analysis." + flag for flag in FLAGS]
    for f in tshark(path, fields + ["tcp.checksum.status", "udp.checksum.status"], *whole):
        wrong += [field for field in fields if f[field] and field[13:] not in expected.split()]
        wrong += [name for name in ("tcp", "udp") if f[name + ".checksum.status"] == "0"]
    for flag in expected.split():
        if not tshark(path, ["frame.number"], *whole, "-Y", "tcp.analysis." + flag):
            wrong.append("no " + flag)
    if not truth:
        wrong.append("no flows")
    count = "%d flows, %d packets" % (len(truth), len(frames))
    print("%-4s %s: %s" % ("FAIL" if wrong else "ok", options, count), flush=True)
    for what, times in collections.Counter(wrong).items():
        print("     %s (%d)" % (what, times))
    return not wrong


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: flowgen_check.py FLOWGEN")
    if shutil.which("tshark") is None:
        print("SKIP: tshark is not there")
        sys.exit(77)
    # A generator gone wild must not fill the disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 2**20, 256 * 2**20))
    with tempfile.TemporaryDirectory() as folder:
        results = [check(sys.argv[1], *case, folder) for case in CASES]
    print("%d of %d cases right" % (sum(results), len(results)))
    sys.exit(0 if all(results) else 1)


main()
