# SPDX-License-Identifier: BSD-2-Clause
"""Expressions for reference_find.py: random ones about given flows, awkward ones, and malformed ones.

Values of random expressions are those of the flows, and their neighbours: what lies at a border is
what goes wrong.
"""
import ipaddress
import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND = 10**9
DAY = 86400 * SECOND
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
NUMBERS = ("packets client_packets server_packets lost_packets truncated parts client_port server_port"
           " vlan linktype").split()
SIZES = "bytes client_bytes server_bytes captured_bytes".split()
OPERATORS = ["=", "==", "!=", "<", "<=", ">", ">="]


class Maker:
    def __init__(self, rng, flows):
        self.rng, self.flows = rng, flows
        self.kinds = [self.host, self.net, self.net, self.port, self.portrange, self.version, self.proto,
                      self.time, self.time, self.time, self.uuid, self.number, self.number, self.size,
                      self.duration, self.name, self.name]

    def flow(self):
        return self.rng.choice(self.flows)

    def expression(self):
        return self.joined(self.rng.choice([0, 0, 1, 1, 2, 2, 3, 4, 5, 6]))

    def joined(self, depth):
        pick = self.rng.choice
        if depth == 0:
            return pick(self.kinds)()
        how = self.rng.random()
        if how < 0.2:
            inner = self.joined(depth - 1)
            return pick([f"not ({inner})", f"!({inner})", f"! ( {inner} )", f"not {inner}", f"!{inner}",
                         f"not not {inner}"])
        if how < 0.35:
            return pick(["({})", "( {} )", "(({}))"]).format(self.joined(depth - 1))
        words = pick(["and", "and", "&&", "or", "||"])
        left, right = self.joined(depth - 1), self.joined(self.rng.randrange(depth))
        text = pick([f"{left} {words} {right}", f"({left}) {words} {right}", f"{left} {words} ({right})"])
        return text if self.rng.random() < 0.9 else text.replace(" ", "  ")

    # Terms

    def side(self):
        return self.rng.choice(["", "", "src ", "dst ", "client ", "server "])

    def address(self):
        """Of a flow, or one next to it; in one of its spellings."""
        address = self.rng.choice(self.flow()["ends"])[0]
        if self.rng.random() < 0.1:
            address = type(address)(int(address) ^ 1)
        return address

    def host(self):
        address, pick = self.address(), self.rng.choice
        texts = [str(address)]
        if address.version == 4:
            texts += [str(address), f"::ffff:{address}", "::FFFF:{:x}:{:x}".format(*divmod(int(address), 65536))]
        else:
            texts += [address.exploded, str(address).upper()]
        side = self.side()
        return f"{side}{pick(['host ', '']) if side else 'host '}{pick(texts)}"

    def net(self):
        address = self.address()
        length = self.rng.randint(0, address.max_prefixlen)
        if self.rng.random() < 0.3:
            length = self.rng.choice([0, 1, address.max_prefixlen - 1, address.max_prefixlen])
        net = ipaddress.ip_network((address, length), strict=False)
        if address.version == 4 and self.rng.random() < 0.1:
            net = f"::ffff:{net.network_address}/{length + 96}"
        return f"{self.side()}net {net}"

    def a_port(self):
        port = self.rng.choice(self.flow()["ends"])[1]
        return min(max(port + self.rng.choice([0, 0, 0, 0, -1, 1]), 0), 65535)

    def port(self):
        return f"{self.side()}port {self.a_port()}"

    def portrange(self):
        return self.side() + "portrange {}-{}".format(*sorted([self.a_port(), self.a_port()]))

    def version(self):
        return self.rng.choice(["ip", "ip6"])

    def proto(self):
        protocol, pick = self.flow()["protocol"], self.rng.choice
        if pick([True, False]) and protocol in PROTOCOLS:
            return PROTOCOLS[protocol]
        text = PROTOCOLS[protocol] if protocol in PROTOCOLS and pick([True, False]) else str(protocol)
        return pick(["proto ", "proto = ", "proto != ", "proto=", "proto!="]) + text

    def time(self):
        flow, pick = self.flow(), self.rng.choice
        word = pick(["after", "before"])
        if self.rng.random() < 0.15:
            return f"{word} {self.ago()}"
        ns = pick([flow["start_ns"], flow["end_ns"], flow["end_ns"]]) + pick([0, 0, -1, 1])
        if self.rng.random() < 0.25:
            ns = ns // DAY * DAY + pick([0, 0, DAY, -1, 1])
        return f"{word} {self.time_text(max(ns, 0))}"

    def time_text(self, ns):
        seconds, fraction = divmod(ns, SECOND)
        fraction = f".{fraction:09d}"
        if self.rng.random() < 0.5:
            fraction = fraction.rstrip("0").rstrip(".")
        if ns % DAY == 0 and self.rng.random() < 0.5:
            return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d}"
        minutes = self.rng.choice([0, 0, 60, -60, 330, -210, 840, -720])
        if minutes == 0 or seconds < DAY // SECOND:
            zone = self.rng.choice(["Z", "+00:00"])
            minutes = 0
        else:
            zone = "{}{:02}:{:02}".format("-" if minutes < 0 else "+", *divmod(abs(minutes), 60))
        local = EPOCH + timedelta(seconds=seconds, minutes=minutes)
        return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"

    def ago(self):
        """A time on which nothing depends that happens within minutes of it: the clock goes on."""
        now = time.time_ns()
        moments = {f[name] for f in self.flows for name in ("start_ns", "end_ns")}
        for _ in range(50):
            ago = now - self.flow()["end_ns"] + self.rng.randint(-4 * 3600, 4 * 3600) * SECOND
            then = now - ago
            if ago > 0 and min(then % DAY, -then % DAY) > 300 * SECOND and \
                    all(abs(then - moment) > 300 * SECOND for moment in moments):
                break
        else:
            return "now"
        seconds = ago // SECOND
        texts = [f"{seconds}s", str(seconds), f"{seconds // 3600}h{seconds % 3600}s", f"{seconds * 1000}ms",
                 f"{seconds // 86400}d{seconds % 86400 // 60}m{seconds % 60}s", f"{ago}ns"]
        return f"{self.rng.choice(texts)} ago"

    def uuid(self):
        name = self.flow()["uuid"]
        text = name[: self.rng.choice([1, 1, 2, 3, 8, 9, 20, 128])]
        return f"uuid {text if self.rng.random() < 0.9 else text.upper()}"

    def operator(self):
        blank = self.rng.choice(["", " "])
        return blank + self.rng.choice(OPERATORS) + self.rng.choice(["", blank])

    def near(self, value):
        return max(value + self.rng.choice([0, 0, 0, -1, 1]), 0)

    def number(self):
        name = self.rng.choice(NUMBERS)
        largest = {"client_port": 65535, "server_port": 65535, "vlan": 4095}.get(name, 1 << 62)
        return f"{name}{self.operator()}{min(self.near(self.flow()[name]), largest)}"

    def size(self):
        name = self.rng.choice(SIZES)
        value = self.flow()[name]
        units = {"": 1, "k": 1000, "kB": 1000, "KiB": 1024, "M": 10**6, "MB": 10**6, "MiB": 1 << 20,
                 "G": 10**9, "GiB": 1 << 30, "T": 10**12, "TiB": 1 << 40}
        unit = self.rng.choice([u for u in units if value >= units[u]] + ["", "k"])
        return f"{name}{self.operator()}{self.near(value // units[unit])}{unit}"

    def duration(self):
        ns = max(self.flow()["duration"], 0)
        texts = [f"{self.near(ns)}ns", f"{ns // SECOND}s{ns % SECOND}ns", f"{self.near(ns // 1000)}us",
                 f"{self.near(ns // 10**6)}ms", f"{self.near(ns // SECOND)}", f"{self.near(ns // SECOND)}s",
                 f"{ns // SECOND // 60}m{ns // SECOND % 60}s", f"{self.near(ns // DAY)}d"]
        return f"duration{self.operator()}{self.rng.choice(texts)}"

    def name(self):
        name = self.rng.choice(["end_reason", "uuid_source", "interface"])
        value = self.flow()[name] or "eth0"
        if self.rng.random() < 0.2:
            value = {"end_reason": "evicted", "uuid_source": "event", "interface": "ETH0"}[name]
        return name + self.rng.choice([" ", " = ", " != ", "=", "!="]) + value


# Words that mean something, although one may wonder

LISTED = [
    "", "tcp", "udp", "icmp", "icmp6", "sctp", "proto 0", "proto 255", "proto = 47", "proto != tcp",
    "proto 6 and proto tcp", "ip", "ip6", "not ip and not ip6", "ip or ip6",
    "tcp or udp and ip6", "(tcp or udp) and ip6", "not tcp and udp", "not (tcp and udp)",
    "not tcp or udp", "!tcp&&!udp", "tcp||udp", "(tcp)", "((((tcp))))", "not not tcp", "!!tcp", "! ! tcp",
    "!(!(tcp))", "tcp and udp or ip", "ip or tcp and udp", "tcp\tand\tip", "  tcp  ", "not(tcp)or(udp)",
    "(tcp)and(ip)", "tcp and tcp and tcp", " or ".join(["tcp"] * 999 + ["udp"]),
    " and ".join(["ip"] * 1000), "(" * 100 + "tcp" + ")" * 100, "!" * 100 + "tcp", "not " * 99 + "tcp",
    "tcp" + " " * 65533,
    "net 0.0.0.0/0", "net ::/0", "not net ::/0", "not net 0.0.0.0/0", "src net ::/0 and dst net 0.0.0.0/0",
    "net ::ffff:0:0/96", "net ::ffff:0.0.0.0/96", "net ::fffe:0:0/95",
    "net ::ffff:192.0.2.0/120", "net ::ffff:192.0.2.1/128", "src net ::ffff:c000:0/98", "net 128.0.0.0/1", "net 0.0.0.0/1", "net ::/1",
    "net 8000::/1", "net ::/96", "net ::1/128", "net 255.255.255.255/32", "host 0.0.0.0", "host ::",
    "host ::1", "host 255.255.255.255", "host ::ffff:192.0.2.1", "host ::ffff:c000:201",
    "src ::ffff:192.0.2.1", "host ::192.0.2.1", "host 0:0:0:0:0:FFFF:192.0.2.1",
    "host ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "net 2001:db8::/32", "net 2001:DB8::/32",
    "port 0", "port 65535", "portrange 0-65535", "portrange 0-0", "portrange 65535-65535",
    "src port 0 and dst port 0", "client port 443", "server port 443", "client_port=443 or server_port = 443",
    "not portrange 1-65535",
    "after 1970-01-01", "before 1970-01-01", "before 1970-01-01T00:00:00.000000001Z",
    "before 1970-01-01T00:00:00.000000002Z", "after 2106-02-07", "before 2106-02-07", "after now",
    "before now", "after 0s ago", "before 0 ago", "after 1ns ago", "before 100000d ago", "after 10000d ago",
    "after 2026-01-03T00:00:00Z", "after 2026-01-03T00:00:00.000000001Z",
    "before 2026-01-03T00:00:00Z", "before 2026-01-03T00:00:00.000000001Z",
    "before 2026-01-02T23:59:59.999999999Z", "after 2026-01-02T23:59:59.999999999Z",
    "after 2026-01-03T14:00:00+14:00", "before 2026-01-02T12:00:00-12:00", "after 2026-01-03T05:30:00.0+05:30",
    "not after 2026-01-03", "not before 2026-01-03", "not (after 2026-01-03 and before 2026-01-04)",
    "after 2026-01-03 or before 2026-01-03", "after 2026-01-03 or tcp", "before 2026-01-03 or udp",
    "after 2026-01-04 and before 2026-01-03", "after 2026-01-03 and after 2026-01-04",
    "before 2026-01-03 and before 2026-01-04",
    "(after 2026-01-02 and before 2026-01-03) or (after 2026-01-04 and before 2026-01-05)",
    "not (before 2026-01-03 or after 2026-01-05)", "not not after 2026-01-04", "not not before 2026-01-03",
    "not (not after 2026-01-04 or not before 2026-01-05)", "not (not after 2026-01-04 and not tcp)",
    "not (not not not after 2026-01-04)",
    "tcp and (after 2026-01-04 or before 2026-01-03 and udp)",
    "after 2024-02-29", "before 2028-02-29T23:59:59Z", "after 2026-12-31T23:59:59.9Z",
    "bytes>0", "bytes >0", "bytes> 0", "bytes=0k", "bytes<1k", "bytes<1kB", "bytes<1KiB", "bytes <1T",
    "bytes <1TiB", "bytes<9223372036854775807", "packets<9223372036854775807", "packets != 0", "packets == 1",
    "bytes >= 1G", "captured_bytes<1M and bytes>1M", "truncated>0", "truncated=0", "lost_packets>0",
    "parts>1", "parts=1", "vlan=0", "vlan!=0", "vlan=4095", "linktype=1", "linktype != 1", "linktype=101",
    "duration=0", "duration=0ns", "duration>0", "duration>=0", "duration<1ns", "duration<=1ns",
    "duration < 1h30m", "duration > 1d", "duration>=9223372036854775807ns", "duration < 9223372036854775807ns",
    "duration=1s500ms", "duration<1h1h",
    "end_reason fin", "end_reason = rst", "end_reason != idle", "end_reason reused", "end_reason evicted",
    "end_reason eof", "end_reason stop", "end_reason crash", "end_reason continued", "end_reason=fin",
    "uuid_source generated", "uuid_source != event", "uuid_source event", "interface eth0", "interface != eth0",
    "interface = eth0", "interface eth0.100", "interface ETH0", "interface fin", "interface tun0",
    "interface br-lan", "uuid a", "uuid A", "uuid 0", "uuid _", "uuid h", "uuid " + "a" * 128,
]


def about(flows):
    """Awkward ones about flows that are there."""
    found = []
    for flow in flows[:3] + [f for f in flows if f["parts"] > 1][:5]:
        name = flow["uuid"]
        found += [f"uuid {name}", f"uuid {name[:-1]}", f"uuid {name}a", f"uuid {name.upper()}",
                  f"not uuid {name}", f"uuid {name} and parts > 1", f"uuid {name} or uuid {flows[-1]['uuid']}",
                  f"uuid {name} and not uuid {name}"]
        start, end = (text_of(flow[n]) for n in ("start_ns", "end_ns"))
        found += [f"uuid {name} and before {start}", f"uuid {name} and not before {start}",
                  f"uuid {name} and after {end}", f"uuid {name} and not after {end}",
                  f"after {start} and before {end}", f"not (after {start} and before {end})"]
        (a, p), (b, q) = flow["ends"]
        found += [f"src {a} and dst {b} and src port {p} and dst port {q}", f"src {b} and dst {a}",
                  f"host {a} and host {b}", f"host {a} or host {b}", f"client {a} and not server {b}",
                  f"net {a}/{a.max_prefixlen}"]
    return found


def text_of(ns):
    return f"{EPOCH + timedelta(seconds=ns // SECOND):%Y-%m-%dT%H:%M:%S}.{ns % SECOND:09d}Z"


# What is none. The place of the fault stands in braces where there can be but one.

MALFORMED = """
{bogus}
{TCP}
{Tcp} and udp
tcp {udp}
tcp {AND} udp
tcp and {an}
tcp and
tcp or
not
!
(
{)}
()
( {)}
(tcp
((tcp)
(tcp and udp
tcp{)}
(tcp){)}
(tcp) {(udp)}
tcp {(}udp)
tcp and ({)}
tcp and {and} udp
tcp or {or} udp
tcp && {&&} udp
{and} tcp
{or} tcp
{||} tcp
{&&} tcp
tcp {not} udp
tcp {!} udp
not {and} tcp
tcp & udp
tcp | udp
host
host and port 80
host {300.1.1.1} and port 80
host {1.2.3}
host {1.2.3.4.5}
host {01.2.3.4}
host {1.2.3.4/32}
host {1.2.3.256}
host {1:2:3:4:5:6:7}
host {1::2::3}
host {:::}
host {fe80::1%eth0}
host {example.org}
host {::ffff:1.2.3.400}
host {0x7f.0.0.1}
host {2130706433}
tcp and host {no}
src
src {tcp}
src {proto} 6
dst {and} tcp
src {src} host 1.2.3.4
src {dst} 1.2.3.4
src {10.0.0.0/8}
server {vlan}=5
client host {x}
net
net {10.0.0.0}
net {10.0.0.1/8}
net 10.0.0.0/{33}
net 10.0.0.0/{-1}
net 10.0.0.0/
net 10.0.0.0/{8/8}
net {10/8}
net 10.0.0.0/{255.0.0.0}
net {2001:db8::1/32}
net 2001:db8::/{129}
net ::/{x}
net {/8}
port
port {65536}
port {-1}
port {http}
port {80.0}
port {99999999999999999999}
port {0x50}
portrange
portrange {80}
portrange {90-80}
portrange {80-}
portrange {-80}
portrange {80-65536}
portrange {80-90-100}
portrange {80:90}
proto
proto {256}
proto {tcpp}
proto {TCP}
proto {-1}
proto < 6
after
before
after {yesterday}
after {2026-13-01}
after {2026-02-29}
after {2026-00-01}
after {2026-01-32}
after {2026-1-2}
after {2026-01-02T03:04}
after {2026-01-02T03:04:05}
after {2026-01-02T24:00:00Z}
after {2026-01-02T03:60:00Z}
after {2026-01-02T03:04:05.Z}
after {2026-01-02T03:04:05.1234567890Z}
after {2026-01-02T03:04:05+24:00}
after {2026-01-02T03:04:05+01:60}
after {2026-01-02T03:04:05+0100}
after {2026-01-02T03:04:05ZZ}
after 2026-01-02 {03:04:05}
before 3h
before {3x} ago
before {ago}
before {-3h} ago
after now {ago}
uuid
uuid {a/b}
uuid {.}
uuid {.a}
uuid {~1}
uuid {a*}
uuid {%}
bytes
bytes {5}
bytes >
bytes > {x}
bytes > {-1}
bytes > {1Q}
bytes > {1kk}
bytes > {k}
bytes > {9223372036854775808}
bytes > {99999999T}
bytes > {1e3}
bytes =< 5
bytes => 5
bytes <> 5
bytes ! = 5
bytes > > 5
bytes and tcp
packets > {5k}
packets > {1.5}
packets = {18446744073709551616}
packet{s}x > 1
vlan {5}
vlan = {x}
vlan = {-1}
client_port = {65536}
server_port < {65536}
parts ~ 1
duration
duration {5s}
duration > {5 apples}
duration > {-1s}
duration > {5y}
duration > {99999999999d}
duration > {s}
end_reason
end_reason {bogus}
end_reason {FIN}
end_reason > fin
end_reason != {nothing}
uuid_source
uuid_source {mine}
interface
interface < eth0
state = open
policy
"tcp"
'tcp'
tcp; udp
tcp, udp
$(tcp)
`tcp`
5
=
= 5
!= 5
%s%s%s%n
""".strip("\n").split("\n")


def malformed():
    texts = list(MALFORMED)
    # The brace of this one would be in the middle of a word, and the fault of that one has two words.
    texts = [t.replace("packet{s}x", "{packetsx}").replace("{5 apples}", "5 {apples}") for t in texts]
    return texts + [
        "(" * 101 + "tcp" + ")" * 101,
        "!" * 101 + "tcp",
        "not " * 101 + "tcp",
        "(" * 30000,
        "!" * 60000,
        " or ".join(["tcp"] * 1001),
        " " * 65534 + "tcp",
        "x" * 65536,
        "host " + "1" * 60000,
        "tcp and " * 900 + "bogus",
        "tcp and " * 900 + "bogus" + " and tcp" * 90,
        "uuid " + "a" * 129,
        "interface " + "e" * 60000 + " bogus",
        "host \x01\x02\x1b[31m",
        "tcp\nbogus",
        "bogus\ntcp",
        "\u00e4\u00f6\u00fc",
        "tcp and \u2713 and udp",
        "tcp\u00a0and\u00a0udp",
        b"host \xff\xfe".decode("utf-8", "surrogateescape"),
        b"\xc3".decode("utf-8", "surrogateescape"),
        "\u65e5\u672c" * 100,
        "\u202etcp",
    ]
