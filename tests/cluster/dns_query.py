"""One question to a name server, as a client sees the answer: code, truncation, records. UDP and TCP."""
import dataclasses
import os
import socket
import struct

TYPE_A, TYPE_OPT = 1, 41
NOERROR, NXDOMAIN = 0, 3
TIMEOUT_S = 3


@dataclasses.dataclass
class Answer:
    code: int
    is_cut: bool
    records: list  # [(type, ttl)] of the answer section
    bytes: int


def ask(server, name, kind=TYPE_A, over_tcp=False, buffer_bytes=1232):
    """`server` is (host, port). OSError when nothing is heard in time."""
    query = _query(name, kind, buffer_bytes)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM) as channel:
        channel.settimeout(TIMEOUT_S)
        channel.connect(server)
        if not over_tcp:
            channel.send(query)
            return _read(channel.recv(65535))
        channel.sendall(struct.pack("!H", len(query)) + query)
        with channel.makefile("rb") as stream:
            (size,) = struct.unpack("!H", stream.read(2))
            return _read(stream.read(size))


def _query(name, kind, buffer_bytes):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    header = os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1)
    options = struct.pack("!BHHIH", 0, TYPE_OPT, buffer_bytes, 0, 0)
    return header + labels + b"\0" + struct.pack("!HH", kind, 1) + options


def _read(answer):
    flags, questions, answers = struct.unpack("!HHH", answer[2:8])
    at = 12
    for _ in range(questions):
        at = _after_name(answer, at) + 4
    records = []
    for _ in range(answers):
        at = _after_name(answer, at)
        kind, _, ttl, size = struct.unpack("!HHIH", answer[at:at + 10])
        records.append((kind, ttl))
        at += 10 + size
    return Answer(flags & 15, bool(flags & 0x0200), records, len(answer))


def _after_name(answer, at):
    while answer[at]:
        if answer[at] >= 0xc0:
            return at + 2
        at += 1 + answer[at]
    return at + 1
