# SPDX-License-Identifier: BSD-2-Clause
"""Lines that an event server should not send, by the outcome that flowkeep must count."""
import json

GOOD = '{"SPort":443,"DPort":50000,"SrcIP":"192.0.2.1","DstIP":"198.51.100.7","Interface":0,"Cookie":4779}'


def _open(uuid, identity=GOOD):
    return f'{{"Event":0,"Timestamp":"2026-01-02T03:04:05Z","UUID":{uuid},"ID":{identity}}}'.encode()


def _with(key, value):
    return _open('"fine"', json.dumps({**json.loads(GOOD), key: value}))


BAD_UUIDS = ["", ".hidden", "..", "a/b", "../../../etc/passwd", "a b", "tilde~1", "x" * 129, "\u00e9", "new\nline"]

LINES = {
    "blank": [b"", b""],
    "malformed": [b"not JSON", b"{", b'{"Event":0,', b"\x00\x01\xfe\xff", b"[" * 20000, b'{"Event":"' + b"a" * 100],
    "too_long": [b"x" * 70000, _open('"' + "x" * 70000 + '"'), b'{"a":"' + b"\\u0000" * 400000 + b'"}'],
    "unknown": [b'{"Event":2,"UUID":"fine"}', b'{"Event":-1,"UUID":"fine"}', b'{"Event":99,"UUID":"fine","ID":null}'],
    "bad_uuid": [_open(json.dumps(uuid)) for uuid in BAD_UUIDS],
    "no_tuple": [_open('"fine"', "null")],
}

# Wrong in a way that several outcomes would fit; one of them, not more, and none of those of good events.
OTHERS = [
    b'{"Event":0} and more', _open('"a\\u0000b"'), _open(json.dumps("x" * 5000)),
    b"[]", b"0", b"null", b'"text"', b"{}", b"   ", b"\t", b'{"UUID":"fine"}', b'{"Event":null}',
    b'{"Event":0}', b'{"Event":0,"UUID":"fine"}', b'{"Event":"0","UUID":"fine","ID":' + GOOD.encode() + b"}",
    _open("null"), _open("17"), _open("[]"), _open('"fine"', "{}"), _open('"fine"', "[]"), _open('"fine"', '"text"'),
    _with("SPort", 65536), _with("SPort", -1), _with("SPort", "443"), _with("DPort", 1e30),
    _with("SrcIP", "not an address"), _with("SrcIP", ""), _with("SrcIP", 7), _with("DstIP", "300.1.1.1"),
]  # fmt: skip


def send_all(server):
    """Sends them; returns {outcome: how many} and how many of the others."""
    for lines in (*LINES.values(), OTHERS):
        for line in lines:
            server.send(line + b"\n")
    return {outcome: len(lines) for outcome, lines in LINES.items()}, len(OTHERS)
