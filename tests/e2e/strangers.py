#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What strangers may put before flowkeep, and whether it gets through. Without flowkeep's help.

    strangers.py capture FILE           a pcapng whose interfaces have hostile names
    strangers.py outside DIR            a directory that is nobody's business: canaries
    strangers.py watch DIR STATUSES COMMAND...   runs a command and complains of whatever it touches
                                        below DIR, of what it prints to drive a terminal, and of its
                                        exit status, if that is none of these
    strangers.py archives FLOWKEEP DIR CAPTURE [STEP]   the same of all that one may do to copies of
                                        an archive that hold hostile things of each kind; or of
                                        every STEP-th case. Prints a line for each: "fine", or what
                                        is not
"""
import ctypes
import gzip
import os
import shutil
import sqlite3
import struct
import subprocess
import sys

CANARY = b"CANARY"  # must never be seen

# Escape sequences, line breaks, quotes, C1 controls, a right-to-left override, no UTF-8.
NAMES = [
    b"\x1b[31mred\x1b]0;title\x07",
    b"line\nflowkeep: archive: error: forged",
    b"quote\"comma,back\\slash'",
    b"\xff\xfe\x80",
    b"\xc2\x9b31m",
    b"\xe2\x80\xaertl",
    b"\x7f\x08\r\t",
    b"%s%n%99999d",
    b"=cmd()",
]


# ---- captures ----


def frame(n):
    payload = b"data"
    tcp = struct.pack(">HHIIBBHHH", 40000 + n, 80, 1000, 0, 0x50, 2, 8192, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0,
                     bytes([192, 0, 2, 1 + n]), bytes([198, 51, 100, 1]))
    return b"\x02" * 12 + b"\x08\x00" + ip + tcp


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcapng(names):
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for name in names:
        options = option(2, name) + option(3, b"\x1b[2J") + struct.pack("<HH", 0, 0)
        out += block(1, struct.pack("<HHI", 1, 0, 0) + options)
    for n in range(len(names)):
        data = frame(n)
        time = 1767323045000000 + n
        out += block(6, struct.pack("<IIIII", n, time >> 32, time & 0xFFFFFFFF, len(data),
                                    len(data)) + data)
    # A block that contradicts itself: it is told where it stands, not what stands in it.
    return out + block(6, struct.pack("<IIIII", 999, 0, 0, 4, 4) + b"\x1b[2J")


# ---- archives ----


def days(archive):
    for path, dirs, names in os.walk(archive):
        if "flows.sqlite" in names and "/." not in path:
            yield path


def write(path, data, mode="xb"):
    with open(path, mode) as f:
        f.write(data)


def a_flow_file(day):
    """The bytes of some flow file: of a file, or of a member of a segment."""
    for name in sorted(os.listdir(day)):
        if name.endswith(".pcap.gz"):
            with open(os.path.join(day, name), "rb") as f:
                return f.read()
    with open(os.path.join(day, "flows-1.tar"), "rb") as f:
        header = f.read(512)
        return f.read(int(header[124:135], 8))


def spoil_names(archive, outside):
    """Files, directories, FIFOs and links with names that are none of ours, or look as if."""
    for day in days(archive):
        data = a_flow_file(day)
        for n, name in enumerate(NAMES):
            name = name.replace(b"/", b"")
            for ending in (b"", b".pcap.gz", b"~1.pcap.gz"):
                write(os.fsencode(day) + b"/" + name + ending, data)
            os.mkdir(os.fsencode(day) + b"/dir" + name)
            os.symlink(os.fsencode(outside) + b"/canary.pcap.gz",
                       os.fsencode(day) + b"/link" + name + b".pcap.gz")
            os.makedirs(os.fsencode(archive) + b"/" + name, exist_ok=True)
            os.makedirs(os.fsencode(archive) + b"/2026" + name, exist_ok=True)
        for name in ("..pcap.gz", "-.pcap.gz", "a" * 140 + ".pcap.gz", "flows-0.tar",
                     "flows-99999999999.tar", "flows-2.tar.gz", ".flows-3.tar.tmp"):
            write(f"{day}/{name}", data)
        os.mkfifo(f"{day}/fifo.pcap.gz")
        os.mkfifo(f"{day}/flows-8.tar")
        os.mkdir(f"{day}/directory.pcap.gz")
        write(f"{day}/misnamed.pcap.gz", data)


def spoil_links(archive, outside):
    """Links with names of ours, to what lies outside."""
    for day in days(archive):
        os.symlink(f"{outside}/canary.pcap.gz", f"{day}/canary.pcap.gz")
        os.symlink("../../../../outside/canary.pcap.gz", f"{day}/canary2.pcap.gz")
        os.symlink(f"{outside}/flows-7.tar", f"{day}/flows-7.tar")
        os.symlink(f"{outside}/made.pcap.gz", f"{day}/dangling.pcap.gz")
        for name in sorted(os.listdir(day)):
            path = f"{day}/{name}"
            if name.endswith(".pcap.gz") and not os.path.islink(path):
                os.unlink(path)  # a part that has a row
                os.symlink(f"{outside}/canary.pcap.gz", path)
                break


def spoil_index_link(archive, outside):
    """The index, its filter and its journals are links."""
    for day in days(archive):
        for name in ("flows.sqlite", "flows.sqlite-names"):
            if os.path.exists(f"{day}/{name}"):
                os.unlink(f"{day}/{name}")
            os.symlink(f"{outside}/{name}", f"{day}/{name}")


def spoil_journal_links(archive, outside):
    for day in days(archive):
        for name in ("flows.sqlite-wal", "flows.sqlite-journal", "flows.sqlite-shm"):
            os.symlink(f"{outside}/victim", f"{day}/{name}")


def spoil_own_links(archive, outside):
    """Whatever flowkeep has beside the days is a link."""
    for name in (".staging", ".trash", "damaged", "pinned"):
        if os.path.isdir(f"{archive}/{name}"):
            shutil.rmtree(f"{archive}/{name}")
        os.symlink(f"{outside}/dir", f"{archive}/{name}")
    for name in (".dirty", ".dirty.tmp", ".reserve"):
        os.symlink(f"{outside}/victim", f"{archive}/{name}")


def spoil_damaged_link(archive, outside):
    """What is damaged is moved away, but not there."""
    os.symlink(f"{outside}/dir", f"{archive}/damaged")
    for day in days(archive):
        for name in sorted(os.listdir(day)):
            if name.endswith((".pcap.gz", ".tar")):
                with open(f"{day}/{name}", "r+b") as f:
                    f.seek(700)
                    f.write(b"x" * 20)
                break


def spoil_lock_link(archive, outside):
    if os.path.exists(f"{archive}/.lock"):
        os.unlink(f"{archive}/.lock")
    os.symlink(f"{outside}/victim", f"{archive}/.lock")


def spoil_fifos(archive, outside):
    """What flowkeep replaces is a FIFO, that nobody reads."""
    os.mkfifo(f"{archive}/.dirty.tmp")
    for day in days(archive):
        os.mkfifo(f"{day}/.flows-1.tar.tmp")


def spoil_staging(archive, outside):
    staging = f"{archive}/.staging"
    os.makedirs(staging, exist_ok=True)
    for n, name in enumerate(NAMES):
        write(os.fsencode(staging) + b"/%016x." % n + name.replace(b"/", b""), b"\x1f\x8b\x1b[2J")
        write(os.fsencode(staging) + b"/" + name.replace(b"/", b""), b"")
    os.symlink(f"{outside}/canary.pcap.gz", f"{staging}/00000000000000aa.canary")
    os.mkfifo(f"{staging}/00000000000000bb.fifo")
    os.mkdir(f"{staging}/00000000000000cc.directory")
    write(f"{staging}/00000000000000dd.escape", gzip.compress(b"\x1b[2J" * 100))
    write(f"{staging}/00000000000000ee.-", b"")


def spoil_dirty(archive, outside):
    days_of = [os.path.relpath(day, archive).encode() for day in days(archive)]
    lines = NAMES + [b"../../../outside", b"2026/../..", b"/etc/passwd", b"9999/12/31", b"x" * 9999]
    write(f"{archive}/.dirty", b"\n".join(lines + days_of) + b"\n")


def spoil_rows(archive, outside):
    """Texts of the index that no writer of ours makes; and such as one may make."""
    for day in days(archive):
        db = sqlite3.connect(f"{day}/flows.sqlite")
        db.text_factory = bytes
        rows = [r[0] for r in db.execute("SELECT rowid FROM flow ORDER BY rowid")]
        hostile = NAMES + [b"../../../../outside/canary", os.fsencode(outside) + b"/canary",
                           b"..", b"a/b", b"x" * 100000]
        for n, text in enumerate(hostile):
            value = text.decode("latin-1")
            row = rows[n % len(rows)]
            copy = [c[1].decode() for c in db.execute("PRAGMA table_info(flow)")]
            for column in ("uuid", "end_reason", "uuid_source", "policy", "segment", "part"):
                names = ",".join(c for c in copy if c not in (column, "uuid"))
                values = [value] if column == "uuid" else [value, b"stranger%d-%s" %
                                                           (n, column.encode())]
                extra = "uuid" if column == "uuid" else f"{column},uuid"
                db.execute(f"INSERT OR REPLACE INTO flow ({extra},{names}) SELECT "
                           f"{','.join('?' * len(values))},{names} FROM flow WHERE rowid = ?",
                           [v.decode() if isinstance(v, bytes) else v for v in values] + [row])
            db.execute("UPDATE flow SET interface = CAST(? AS TEXT) WHERE rowid = ?", (text, row))
        db.commit()
        db.close()


def spoil_interfaces(archive, outside):
    """Rows are sound, but for the names of interfaces: those are printed."""
    for day in days(archive):
        db = sqlite3.connect(f"{day}/flows.sqlite")
        for n, (row,) in enumerate(db.execute("SELECT rowid FROM flow").fetchall()):
            db.execute("UPDATE flow SET interface = CAST(? AS TEXT) WHERE rowid = ?",
                       (NAMES[n % len(NAMES)], row))
        db.commit()
        db.close()


def spoil_journal(archive, outside):
    """
    A hot journal whose last words name a file outside: SQLite takes it for the journal of a larger
    transaction, and deletes it when all is rolled back.
    """
    magic = bytes.fromhex("d9d505f920a163d7")
    name = os.fsencode(f"{outside}/victim")
    for day in days(archive):
        with open(f"{day}/flows.sqlite", "rb") as f:
            data = f.read()
        size = struct.unpack(">H", data[16:18])[0]
        page, nonce = data[:size], 12345
        total = nonce + sum(page[i] for i in range(size - 200, 0, -200))
        journal = magic + struct.pack(">IIIII", 1, nonce, len(data) // size, 512, size)
        journal = journal.ljust(512, b"\0") + struct.pack(">I", 1) + page + struct.pack(">I", total)
        journal += struct.pack(">I", 0x40000000 // size + 1) + name
        journal += struct.pack(">II", len(name), sum(name)) + magic
        write(f"{day}/flows.sqlite-journal", journal)


def header(name, size, kind=b"0"):
    h = name[:100].ljust(100, b"\0") + b"0000640\0" + b"0000000\0" * 2
    h += b"%011o\0" % size + b"%011o\0" % 1767323045 + b" " * 8 + kind
    h += b"\0" * 100 + b"ustar\0" + b"00" + b"\0" * 64 + b"0000000\0" * 2
    h = h.ljust(512, b"\0")
    return h[:148] + b"%06o\0 " % sum(h) + h[156:]


def member(name, data):
    out = b""
    if len(name) > 100 or b"\n" in name:
        record = b"%d path=%s\n" % (len(name) + 10, name)
        out = header(b"PaxHeader", len(record), b"x") + record.ljust(512, b"\0")
    return out + header(name, len(data)) + data + b"\0" * (-len(data) % 512)


def spoil_members(archive, outside):
    names = [n + b".pcap.gz" for n in NAMES]
    names += [b"../../../../outside/evil.pcap.gz", os.fsencode(outside) + b"/evil.pcap.gz",
              b"sub/evil.pcap.gz", b"..", b"\x1b" * 140 + b".pcap.gz", b"evil.pcap.gz"]
    for day in days(archive):
        data = a_flow_file(day)
        tar = b"".join(member(n, data) for n in names)
        tar += header(b"link.pcap.gz", 0, b"2") + header(b"hard.pcap.gz", 0, b"1")
        tar += b"\x1b[2J" * 512
        tar += member(b"last.pcap.gz", data) + header(b"huge.pcap.gz", 0o77777777777)
        write(f"{day}/flows-5.tar", tar)


def spoil_days(archive, outside):
    for day in list(days(archive)):
        shutil.rmtree(day)
        os.symlink(f"{outside}/days/{os.path.relpath(day, archive)}", day)


def spoil_months(archive, outside):
    for day in list(days(archive)):
        month = os.path.dirname(day)
        if not os.path.islink(month):
            shutil.rmtree(month)
            os.symlink(f"{outside}/days/{os.path.relpath(month, archive)}", month)


def spoil_years(archive, outside):
    listed = b""
    for day in list(days(archive)):
        listed += os.path.relpath(day, archive).encode() + b"\n"
        year = os.path.dirname(os.path.dirname(day))
        if not os.path.islink(year):
            shutil.rmtree(year)
            os.symlink(f"{outside}/days/{os.path.relpath(year, archive)}", year)
    write(f"{archive}/.dirty", listed)


KINDS = {f.removeprefix("spoil_"): v for f, v in list(globals().items()) if f.startswith("spoil_")}


def make_outside(outside):
    os.makedirs(f"{outside}/dir/2026/01/02")
    for name in ("victim", "flows-7.tar", "flows.sqlite", "flows.sqlite-names",
                 "dir/00000000000000ff.canary", "dir/2026/01/02/canary.pcap.gz"):
        write(f"{outside}/{name}", CANARY)
    write(f"{outside}/canary.pcap.gz", gzip.compress(CANARY))


# ---- watching ----

IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN = 0x1, 0x2, 0x4, 0x20
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
WATCHED = {IN_ACCESS: "read", IN_MODIFY: "written", IN_ATTRIB: "changed", IN_OPEN: "opened",
           IN_MOVED_FROM: "moved", IN_MOVED_TO: "moved", IN_CREATE: "made", IN_DELETE: "removed"}


class Watch:
    """Who opens or changes anything below a directory, inotify(7). Looking at names is no event."""

    def __init__(self, top):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.paths = {}
        for path in [path for path, _, _ in os.walk(top)]:  # walking opens directories itself
            wd = libc.inotify_add_watch(self.fd, os.fsencode(path), sum(WATCHED))
            if wd < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
            self.paths[wd] = path

    def events(self):
        try:
            data = os.read(self.fd, 1 << 20)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            wd, mask, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + length].rstrip(b"\0").decode(errors="replace")
            at += 16 + length
            for bit, word in WATCHED.items():
                if mask & bit:
                    yield f"{word}: {self.paths.get(wd, '?')}/{name}"


def hostile_bytes(data):
    """What a terminal would not just print: anything but ASCII, line feeds, and tabs in tables."""
    return sorted({b for b in data if not 0x20 <= b < 0x7F and b not in b"\n\t"})


def watch(top, statuses, command):
    watcher = Watch(top)
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
        status, out, err = p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired:
        return ["does not end"]
    finally:
        faults = list(dict.fromkeys(watcher.events()))[:5]
        os.close(watcher.fd)
    binary = os.path.basename(command[0]).startswith("flowkeep") and command[1] == "fetch"
    for name, data in (("standard output", b"" if binary else out), ("standard error", err)):
        bad = hostile_bytes(data)
        if bad:
            at = next(i for i, b in enumerate(data) if b in bad)
            faults.append(f"{name} has bytes {bad}: {data[max(0, at - 60):at + 40]!r}")
    if any(line.startswith(b"flowkeep: archive: error: forged") for line in err.splitlines()):
        faults.append("a name forges a message")
    if CANARY in out + err or b"canary-" in out:
        faults.append("shows what lies outside")
    if str(status) not in statuses.split(","):
        faults.append(f"exit status {status}: {err[-300:]!r}")
    if b"Sanitizer" in err or b"runtime error:" in err:
        faults.append(f"sanitizer: {err[:3000]!r}")
    return faults


# ---- archives of strangers ----

COMMANDS = [
    "find -v", "find --format json", "find --format csv", "find --format uuid", "du", "verify",
    "fetch -e tcp --format pcapng -w fetched", "fetch --raw -e tcp -w fetched",
    "fetch 0 1 2 3 canary stranger evil -w fetched", "pin canary", "pin UUIDS", "pin --remove UUIDS",
    "pack --older-than 1ms", "prune --max-age 1ms", "prune --max-disk 16MiB", "verify --repair",
    "reindex", "split --store files CAPTURE", "split --store segments CAPTURE"]


def snapshot(top):
    """All that there is, but for times: reading a directory sets one."""
    for path, dirs, names in sorted(os.walk(top)):
        for name in sorted(dirs + names):
            whole = os.path.join(path, name)
            link = os.path.islink(whole)
            data = None
            if os.path.isfile(whole) and not link:
                with open(whole, "rb") as f:
                    data = f.read()
            yield whole, os.lstat(whole).st_mode, os.readlink(whole) if link else None, data


def remove(*paths):
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def try_archive(flowkeep, archive, kind, command):
    remove("outside", "copy", "fetched")
    make_outside("outside")
    shutil.copytree(archive, "copy", symlinks=True)
    os.mkdir("outside/days")
    for name in os.listdir(archive):
        if name.startswith("20"):
            shutil.copytree(f"{archive}/{name}", f"outside/days/{name}")
    KINDS[kind](os.path.abspath("copy"), os.path.abspath("outside"))
    before = list(snapshot("outside"))
    faults = watch("outside", "0,1,2,3", [flowkeep, *command.split(), "-d", "copy"])
    after = list(snapshot("outside"))
    if before != after:
        changed = sorted({e[0] for e in before} ^ {e[0] for e in after})
        faults.append(f"outside is not as it was: {changed[:5] or 'contents'}")
    if os.path.isfile("fetched"):
        with open("fetched", "rb") as f:
            if CANARY in f.read():
                faults.append("fetches what lies outside")
    return faults


def archives(flowkeep, archive, capture, step):
    listed = subprocess.run([flowkeep, "find", "-d", archive, "--format", "uuid"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    cases = [(kind, command) for kind in KINDS for command in COMMANDS]
    for kind, command in cases[::step]:
        words = command.replace("CAPTURE", capture).replace("UUIDS", listed)
        faults = try_archive(flowkeep, archive, kind, words)
        print(f"{kind} in {archive}: {command}: {'; '.join(faults)}" if faults else "fine")


def main():
    command, args = sys.argv[1], sys.argv[2:]
    if command == "capture":
        write(args[0], pcapng(NAMES))
    elif command == "outside":
        make_outside(args[0])
    elif command == "archives":
        archives(*args[:3], int(args[3]) if len(args) > 3 else 1)
    elif command == "watch":
        faults = watch(args[0], args[1], args[2:])
        print("\n".join(faults))
        return 1 if faults else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
