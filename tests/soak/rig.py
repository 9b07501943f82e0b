# SPDX-License-Identifier: BSD-2-Clause
"""
What a soak stands on: processes that are waited for and never outlive it, two network namespaces
that are joined by a veth pair, and a small disk of its own. All of it is gone when the soak is.
"""
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

CAPTURE_NS, SENDER_NS = f"fksoak{os.getpid()}c", f"fksoak{os.getpid()}s"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("FLOWKEEP_")}
ENVIRONMENT.update(LC_ALL="C", TZ="UTC")
CLONE_NEWNS = 0x20000  # <linux/sched.h>
MIB = 1 << 20
FULL_BYTES, FULL_INODES = MIB, 16  # a disk that has less is full


def say(text):
    print(text, flush=True)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


# ---- processes ------------------------------------------------------------------------------------


class Process:
    """A child that never outlives this program. log: a descriptor, or None for a file."""

    alive = []

    def __init__(self, words, base, environment=None, log=None):
        self.words, self.out, self.log = words, f"{base}.out", f"{base}.err"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        errors = ((os.POSIX_SPAWN_OPEN, 2, self.log, flags, 0o644) if log is None else
                  (os.POSIX_SPAWN_DUP2, log, 2))
        self.pid = os.posix_spawnp(
            words[0], words, {**ENVIRONMENT, **(environment or {})},
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 1, self.out, flags, 0o644), errors])
        Process.alive.append(self)
        self.fd = os.pidfd_open(self.pid)
        self.status = None  # as of a shell: -9 where SIGKILL ended it

    def ended(self, seconds=0):
        """Waits so long at most; whether the process has ended."""
        if self.status is None:
            end = select.poll()
            end.register(self.fd, select.POLLIN)
            if not end.poll(seconds * 1000):
                return False
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
            Process.alive.remove(self)
        return True

    def signal(self, number):
        if not self.ended():  # the id is ours until it was waited for
            os.kill(self.pid, number)

    def said(self):
        with open(self.out, errors="replace") as f:
            return f.read()

    def complaint(self):
        with open(self.log, errors="replace") as f:
            return " | ".join((f.read().strip() or self.said().strip())[-1000:].split("\n")[-3:])


def in_ns(ns, *words):
    return ["ip", "netns", "exec", ns, *words]  # becomes the program: no process in between


def quietly(*words):
    """Runs a command; what it complained of, None if it succeeded."""
    done = subprocess.run(words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return (done.stdout.strip().split("\n")[0] or "failed") if done.returncode else None


def must(*words):
    if (why := quietly(*words)) is not None:
        sys.exit(f"soak: {' '.join(words)}: {why}")


# ---- the network ----------------------------------------------------------------------------------


def own_mounts():
    """What is mounted from here on is seen by nobody else, and gone when the soak is."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        skip(f"cannot have mounts of its own here: {os.strerror(ctypes.get_errno())}")
    if (why := quietly("mount", "--make-rprivate", "/")) is not None:
        skip(f"cannot have mounts of its own here: {why}")


def make_network():
    for ns in (CAPTURE_NS, SENDER_NS):
        if (why := quietly("ip", "netns", "add", ns)) is not None:
            skip(f"cannot make network namespaces here: {why}")
        # On this wire is what the sender sends, and nothing else.
        for which in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6"
            must(*in_ns(ns, "sh", "-c", f"[ ! -e {path} ] || echo 1 >{path}"))
    why = quietly("ip", "link", "add", "name", "cap0", "mtu", "9000", "netns", CAPTURE_NS, "type",
                  "veth", "peer", "name", "send0", "mtu", "9000", "netns", SENDER_NS)
    if why is not None:
        skip(f"cannot join namespaces by veth: {why}")
    for ns, device in ((CAPTURE_NS, "cap0"), (SENDER_NS, "send0")):
        must(*in_ns(ns, "ethtool", "-K", device, "rx", "off", "tx", "off", "tso", "off", "gso",
                    "off", "gro", "off"))
        must("ip", "-n", ns, "link", "set", device, "up")


def wire_packets():
    """What a capture on cap0 could see since the pair was made."""
    words = ["ip", "-n", CAPTURE_NS, "-s", "-j", "link", "show", "cap0"]
    stats = json.loads(subprocess.check_output(words, env=ENVIRONMENT))[0]["stats64"]
    return stats["rx"]["packets"] + stats["tx"]["packets"] + stats["tx"]["dropped"]


def processes_left():
    """Processes that live in the namespaces: their ids."""
    left = []
    for ns in (CAPTURE_NS, SENDER_NS):
        done = subprocess.run(["ip", "netns", "pids", ns], env=ENVIRONMENT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        left += [int(pid) for pid in done.stdout.split()]
    return left


def clean_up(work):
    """Also after a signal, so that nothing stays: not even a second one ends this."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for process in list(Process.alive):
        process.signal(signal.SIGKILL)
        process.ended(60)
    for pid in processes_left():  # one that a signal came between is not in alive yet
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for ns in (CAPTURE_NS, SENDER_NS):
        quietly("ip", "netns", "del", ns)  # and the veth with it
    for disk in list(Disk.mounted):
        disk.unmount("-l")
    shutil.rmtree(work, ignore_errors=True)


# ---- the disk -------------------------------------------------------------------------------------


class Disk:
    """A small file system, in memory, that can be filled and can be given more room."""

    mounted = []

    def __init__(self, path, size, inodes):
        self.path, self.size, self.inodes = path, size, inodes  # inodes 0: not limited
        self.ballast, self.ballast_bytes = f"{path}/ballast", 0
        os.mkdir(path)
        if (why := quietly("mount", "-t", "tmpfs", "-o", self.options(), "tmpfs", path)) is not None:
            skip(f"cannot mount a tmpfs here: {why}")
        Disk.mounted.append(self)

    def options(self):
        return f"size={self.size},nr_inodes={self.inodes}"

    def unmount(self, *how):
        why = quietly("umount", *how, self.path)
        if why is None:
            Disk.mounted.remove(self)
        return why

    def grow(self, times):
        self.size, self.inodes = int(self.size * times), int(self.inodes * times)
        must("mount", "-o", f"remount,{self.options()}", self.path)

    def full(self):
        v = os.statvfs(self.path)
        return v.f_bavail * v.f_frsize < FULL_BYTES or 0 < v.f_files and v.f_favail < FULL_INODES

    def taken(self):
        """Bytes that are not ballast."""
        v = os.statvfs(self.path)
        return (v.f_blocks - v.f_bfree) * v.f_frsize - self.ballast_bytes

    def fill(self):
        """To the last byte."""
        try:
            fd = os.open(self.ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:  # no inode is left: it is full
            return
        try:
            for step in (16 * MIB, MIB, 65536, 4096):
                with contextlib.suppress(OSError):  # ENOSPC, see posix_fallocate(3)
                    while True:
                        os.posix_fallocate(fd, self.ballast_bytes, step)
                        self.ballast_bytes += step
        finally:
            os.close(fd)

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ballast)
        self.ballast_bytes = 0


def memory_and_descriptors(pid):
    """The most that was resident, in bytes, and how many descriptors are open; None: it has gone."""
    try:
        with open(f"/proc/{pid}/status") as f:
            lines = dict(line.split(":", 1) for line in f if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024, len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, KeyError):
        return None


def wall_ns():
    return time.time_ns()
