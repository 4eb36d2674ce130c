"""Scenario: hand-made requests with unknown fields of every wire type at every level go through the router, over gRPC
and HTTP, plain and compressed, to backends that keep the bytes (a Collector would drop unknown fields itself).
Guarantees: GS-01 all these ways give identical bytes at the backends; GS-19 and CP-3 each span and everything
round it arrives as it was sent; CP-6 a request with one owner arrives byte-identical.
"""

import random
from collections import Counter

import wire
from routers import Face, HttpSender, RawSender
from sinks import Sinks

HOSTS = ("127.77.1.1", "127.77.1.2", "127.77.1.3")
REQUESTS = 60
LARGE_SPANS = 3000  # of 8 kB
BACKEND_LIMIT_BYTES = 4 << 20  # what a Collector takes by default


def run(rig, router, checks):
    sinks = Sinks(HOSTS)
    try:
        front = router.start("router-bytes", HOSTS, face=Face(has_http=True))
        sinks.await_all(front)
        with RawSender(front.endpoint) as sender, HttpSender(front.http_endpoint) as http_sender:
            _compare(sender, http_sender, sinks, router, checks)
            if router.name == "spanring":
                _send_large(sender, sinks, checks)
        code = front.process.stop()
        checks.that(f"{front.process.name} ends cleanly", code == 0, f"exit {code}")
    finally:
        sinks.close()


def _compare(sender, http_sender, sinks, router, checks):
    rng = random.Random(5)
    tally = Counter()
    for number in range(REQUESTS):
        traces = 1 if number % 4 == 0 else 12
        body = make_request(rng, traces, groups=router.keeps_unknown_fields)
        sender.send(body)
        plain = sinks.take()
        sender.send(body, gzip=True)
        tally["zipped equal"] += plain == sinks.take()
        for encoding in HttpSender.ENCODERS:
            http_sender.send(body, encoding)
            tally[f"HTTP {encoding} equal"] += plain == sinks.take()
        count(body, [b for bodies in plain.values() for b in bodies], traces == 1, tally)

    def equal(name, part, whole):
        checks.that(name, part == whole > 0, f"{part} of {whole}")

    for encoding in HttpSender.ENCODERS:
        same = tally[f"HTTP {encoding} equal"]
        equal(f"HS-03, HS-06 OTLP/HTTP, {encoding}: the bytes of gRPC arrive", same, REQUESTS)
    if not router.keeps_unknown_fields:
        print(f"  (stand-in, drops unknown fields: {tally['spans equal']} of {tally['spans']} spans byte-equal)")
        split = tally["split"]
        checks.that("GS-01 gzip and plain reach the same backends", split > 0, f"{split} requests split")
        return

    checks.that("requests were really split", tally["split"] > REQUESTS // 2, f"{tally['split']} of {REQUESTS}")
    equal("GS-01 plain and gzip arrive as identical bytes", tally["zipped equal"], REQUESTS)
    equal("GS-19, CP-3 spans with scope and resource byte-equal, unknown fields too", tally["spans equal"], tally["spans"])
    equal("GS-19, CP-3 unknown fields of the request itself arrive once", tally["extras equal"], REQUESTS)
    equal("CP-6 requests with one owner byte-identical", tally["single equal"], tally["single"])
    checks.row("hand-made bytes, unknown fields", "gRPC = HTTP", "none = gzip = deflate", REQUESTS, "–", "–",
               tally["spans"], tally["spans equal"])


def _send_large(sender, sinks, checks):
    """One request that no backend would take in one piece, a third of it one trace's."""
    rng = random.Random(6)
    ids = [rng.randbytes(16) for _ in range(20)]
    spans = [
        wire.length_delimited(1, ids[0] if n % 3 == 0 else rng.choice(ids)) + wire.length_delimited(2, rng.randbytes(8))
        + wire.length_delimited(778, rng.randbytes(8000)) for n in range(LARGE_SPANS)
    ]
    body = wire.length_delimited(1, wire.length_delimited(2, b"".join(wire.length_delimited(2, s) for s in spans)))
    sender.send(body)
    arrived = [b for bodies in sinks.take().values() for b in bodies]
    missing, extra = wire.multiset_difference(
        wire.raw_spans(body), [entry for b in arrived for entry in wire.raw_spans(b)])
    largest = max(map(len, arrived), default=0)
    checks.that("GC-01 a request of many MiB arrives in pieces a Collector takes",
               missing + extra == 0 and largest <= BACKEND_LIMIT_BYTES,
               f"{len(body) >> 20} MiB in {len(arrived)} bodies, the largest {largest} bytes")
    checks.that("every span of a request of many MiB arrives once", missing + extra == 0,
                f"{missing} missing, {extra} extra")


def count(body, arrived, is_single, tally):
    wanted = wire.raw_spans(body)
    missing, extra = wire.multiset_difference(wanted, [entry for b in arrived for entry in wire.raw_spans(b)])
    tally["spans"] += len(wanted)
    tally["spans equal"] += len(wanted) - max(missing, extra)
    missing, extra = wire.multiset_difference(
        wire.request_extras(body), [field for b in arrived for field in wire.request_extras(b)])
    tally["extras equal"] += missing + extra == 0
    tally["split"] += len(arrived) > 1
    tally["single"] += is_single
    tally["single equal"] += is_single and arrived == [body]


def make_request(rng, traces, groups):
    return _Maker(rng, groups).request([rng.randbytes(16) for _ in range(traces)])


class _Maker:
    """Makes requests with a field that no schema has before, between and after the known ones of every message."""

    def __init__(self, rng, groups):
        self._rng, self._kinds = rng, 5 if groups else 4

    def request(self, ids):
        return self._mixed([self._resource_spans(ids) for _ in range(self._rng.randrange(1, 4))])

    def _resource_spans(self, ids):
        resource = wire.length_delimited(1, self._mixed([wire.length_delimited(1, self._attribute())]))
        parts = [resource, wire.length_delimited(3, b"https://schema/resource")]
        parts += [self._scope_spans(ids) for _ in range(self._rng.randrange(1, 4))]
        self._rng.shuffle(parts)  # the resource may come after its scopes
        return wire.length_delimited(1, self._mixed(parts))

    def _scope_spans(self, ids):
        scope = self._mixed([wire.length_delimited(1, b"scope"), wire.length_delimited(3, self._attribute())])
        parts = [wire.length_delimited(1, scope), wire.length_delimited(3, b"https://schema/scope")]
        parts += [self._span(self._rng.choice(ids)) for _ in range(self._rng.randrange(1, 9))]
        self._rng.shuffle(parts)  # scope and schema URL may come after spans
        return wire.length_delimited(2, self._mixed(parts))

    def _span(self, trace_id):
        attribute = self._attribute()
        event = self._mixed([wire.length_delimited(2, b"event"), wire.length_delimited(3, attribute)])
        link = self._mixed([wire.length_delimited(1, b"\x11" * 16), wire.length_delimited(4, attribute)])
        status = self._mixed([wire.length_delimited(2, b"message"), wire.tag(3, 0) + b"\x02"])
        parts = [
            wire.length_delimited(1, trace_id), wire.length_delimited(2, self._rng.randbytes(8)),
            wire.length_delimited(5, b"op"), wire.length_delimited(9, attribute), wire.length_delimited(11, event),
            wire.length_delimited(13, link), wire.length_delimited(15, status), wire.tag(7, 1) + self._rng.randbytes(8),
        ]
        self._rng.shuffle(parts)
        return wire.length_delimited(2, self._mixed(parts))

    def _attribute(self):
        value = self._mixed([wire.length_delimited(1, b"value")])
        return self._mixed([wire.length_delimited(1, b"key"), wire.length_delimited(2, value)])

    def _mixed(self, parts):
        return b"".join(self._unknown() + part for part in parts) + self._unknown()

    def _unknown(self):
        rng, number = self._rng, self._rng.randrange(900, 990)
        kind = rng.randrange(self._kinds)
        if kind == 0:
            return wire.tag(number, 0) + wire.varint(rng.getrandbits(64))
        if kind == 1:
            return wire.tag(number, 1) + rng.randbytes(8)
        if kind == 2:
            return wire.tag(number, 5) + rng.randbytes(4)
        if kind == 3:
            return wire.length_delimited(number, rng.randbytes(rng.randrange(40)))
        nested = wire.tag(5, 3) + wire.length_delimited(6, rng.randbytes(3)) + wire.tag(5, 4)
        return wire.tag(number, 3) + nested + wire.tag(7, 0) + b"\x01" + wire.tag(number, 4)
