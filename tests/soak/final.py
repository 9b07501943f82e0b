# SPDX-License-Identifier: BSD-2-Clause
"""What an archive must be when a round is over: whole, in order, and what find tells of it."""
import json
import random
import subprocess
import tarfile
import uuid

import look
import rig

SAMPLES = 8
SHOWN = 5


def told(round_, *words, good=(0,)):
    """What flowkeep says; a complaint where its status is another one."""
    command = [round_.arguments.flowkeep, words[0], "-d", round_.archive, *words[1:]]
    done = subprocess.run(command, env=rig.ENVIRONMENT, text=True, capture_output=True)
    if done.returncode not in good:
        round_.complain(f"{' '.join(words)}: exit status {done.returncode}: {done.stdout[-600:]} "
                        f"{done.stderr[-600:]}")
    return done.stdout


def judge(round_):
    archive = look.Archive(round_.archive)
    for words in archive.wrong[:SHOWN]:
        round_.complain(words)
    if (damage := told(round_, "verify", "-q")):
        round_.complain(f"verify says: {damage[-600:]}")
    if (left := archive.unfinished()):
        round_.complain(f"left over: {left[:SHOWN]}")
    for name in sorted(round_.must_stay.keys() - archive.parts.keys())[:SHOWN]:
        round_.complain(f"{name} was published, and is not there any more")
    compare_find(round_, archive)
    other_readers(round_, archive)
    packets(round_, archive)
    round_.counts["parts"] += len(archive.parts)
    round_.counts["adopted"] += sum(part.crash for part in archive.parts.values())
    round_.counts["sent"] += round_.traffic.sent()
    for words in round_.traffic.failures[:SHOWN]:
        round_.complain(words)
    if (left := rig.processes_left()):
        round_.complain(f"processes are left: {left}")


def compare_find(round_, archive):
    flows = [json.loads(line) for line in told(round_, "find", "--format", "json").splitlines()]
    count = told(round_, "find", "--count").strip()
    if count != str(len(flows)):
        round_.complain(f"find --count says {count}, find lists {len(flows)}")
    parts = sum(flow["parts"] for flow in flows)
    if parts != len(archive.parts):
        round_.complain(f"find tells of {parts} parts, {len(archive.parts)} files and members are "
                        "there")
    there = {part.uuid for part in archive.parts.values()}
    if {flow["uuid"] for flow in flows} != there:
        round_.complain(f"find tells other names than there are: "
                        f"{sorted({flow['uuid'] for flow in flows} ^ there)[:SHOWN]}")
    stored = sum(flow["packets"] for flow in flows)
    if stored != archive.packets():
        round_.complain(f"find tells of {stored} packets, {archive.packets()} are there")
    compare_names(round_, flows)


def looks_generated(name):
    """Where a full disk cost a flow its beginning, and a kill its end, nothing tells who named it."""
    try:
        return uuid.UUID(name).version == 5
    except ValueError:
        return False


def compare_names(round_, flows):
    """A name that came from the event server is that of a connection with these ends."""
    never_told = []
    for flow in flows:
        if flow["uuid_source"] != "event":
            continue
        ends = round_.server.told.get(flow["uuid"])
        round_.counts["flows named"] += 1
        if ends is None and not (round_.counts["full disks"] and looks_generated(flow["uuid"])):
            never_told.append(flow["uuid"])
        elif ends and (not flow["policy"] or "anonymize" not in flow["policy"]):
            found = {(flow["client_ip"], flow["client_port"]), (flow["server_ip"], flow["server_port"])}
            if found != {ends[:2], ends[2:]}:
                round_.complain(f"{flow['uuid']} was told to be {ends}, and is {sorted(found)}")
    if never_told:
        round_.complain(f"{len(never_told)} names are said to be of events, and were never told by "
                        f"the event server: {never_told[:SHOWN]}")


def other_readers(round_, archive):
    """gzip and tar think so too."""
    draw = random.Random(f"{round_.name}/samples")
    names = sorted(archive.parts)
    for name in draw.sample(names, min(SAMPLES, len(names))):
        part = archive.parts[name]
        if part.where.endswith(".tar"):
            with tarfile.open(part.where) as tar:
                data = tar.extractfile(name.rsplit("/", 1)[1]).read()
        else:
            with open(part.where, "rb") as f:
                data = f.read()
        if subprocess.run(["gzip", "-t"], input=data, stderr=subprocess.DEVNULL).returncode != 0:
            round_.complain(f"gzip -t: {name}")
    for segment in archive.segments:
        done = subprocess.run(["tar", "tf", segment], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0 or done.stderr:
            round_.complain(f"tar tf {segment}: {done.stderr[-200:]}")


def packets(round_, archive):
    """Each run, by its ledger, its log, and the times of the packets that are there."""
    clock = archive.clock()
    for run in round_.runs:
        run.judge_always()
        sent = run.judge_packets(clock, look.between, round_.traffic.marks, bool(round_.retention))
        if sent is not None:
            round_.counts["kills with packets to be there"] += 1
            round_.counts["packets to be there after kills"] += sent
        if run.ledger is None:
            continue
        for name in ("packets_read", "packets_archived"):
            round_.counts[name] += run.ledger[name]
        for kind in ("skipped", "dropped"):
            for reason, n in run.ledger[kind].items():
                round_.counts[f"{kind} {reason}"] += n
        round_.counts["dropped by the kernel"] += sum(run.ledger["kernel_drops"].values())
