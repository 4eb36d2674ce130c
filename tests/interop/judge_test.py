"""The judge before the judged: each comparison accepts what is right and notices one planted fault."""

import contextlib
import io
import pathlib
import random
import shutil
import socket
import struct
import tempfile
import unittest
from collections import Counter, defaultdict

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import descriptors
import plan as plans
import players
import scenario_bytes
import scenario_clients
import wire
from cells import Cell
from checks import Checks
from dns_server import DnsServer

PROTO_DIR = pathlib.Path(__file__).resolve().parents[2] / "proto"


def split(body):
    """A plain splitter by the trace ID's first byte, all extras kept: the faithful router."""
    def shard(span):
        return next(payload for number, _, payload in wire.fields(span) if number == 1)[0] % 3

    shards = sorted({shard(span) for span, *_ in wire.raw_spans(body)})
    if len(shards) == 1:
        return [body]

    def keep(data, level, wanted):
        out, kept = b"", False
        for number, raw, payload in wire.fields(data):
            if number != (1 if level == 0 else 2):
                out += raw if level or wanted == shards[0] else b""
            elif level == 2:
                out, kept = (out + raw, True) if shard(payload) == wanted else (out, kept)
            else:
                inner, any_kept = keep(payload, level + 1, wanted)
                out, kept = (out + wire.length_delimited(number, inner), True) if any_kept else (out, kept)
        return out, kept

    return [keep(body, 0, wanted)[0] for wanted in shards]


def tally_of(change=lambda parts: parts):
    rng, tally = random.Random(5), Counter()
    for number in range(40):
        single = number % 4 == 0
        body = scenario_bytes.make_request(rng, 1 if single else 12, groups=True)
        scenario_bytes.count(body, change(split(body)), single, tally)
    return tally


class BytesTest(unittest.TestCase):
    # Scenario: a faithful splitter. Guarantees: every comparison is whole, so a failure means something.
    def test_accepts_a_faithful_split(self):
        tally = tally_of()
        self.assertEqual(tally["spans equal"], tally["spans"])
        self.assertEqual((tally["extras equal"], tally["single equal"]), (40, 10))
        self.assertGreater(tally["split"], 20)

    # Scenario: requests decoded and encoded again. Guarantees: the changed field order is noticed.
    def test_notices_re_encoding(self):
        tally = tally_of(lambda parts: [
            ExportTraceServiceRequest.FromString(part).SerializeToString() for part in parts])
        self.assertLess(tally["spans equal"], tally["spans"])
        self.assertLess(tally["single equal"], 10)

    # Scenario: a shard lost, a shard doubled, an unknown field of the request doubled. Guarantees: noticed.
    def test_notices_loss_and_doubling(self):
        for change in (lambda parts: parts[1:], lambda parts: parts + parts[-1:]):
            tally = tally_of(change)
            self.assertLess(tally["spans equal"], tally["spans"])
        tally = tally_of(lambda parts: [part + wire.tag(950, 0) + b"\x01" for part in parts])
        self.assertEqual(tally["extras equal"], 0)


class CanonicalTest(unittest.TestCase):
    # Scenario: one attribute deep in a list changes. Guarantees: the canonical forms differ.
    def test_notices_a_changed_nested_value(self):
        trace = plans.make_plan("t", 1, 0)[0]
        request = ExportTraceServiceRequest()
        span = request.resource_spans.add().scope_spans.add().spans.add()
        span.trace_id, span.span_id = trace.trace_id.to_bytes(16, "big"), b"12345678"
        for key, value in wire.any_values().items():
            span.attributes.add(key=key).value.CopyFrom(value)
        before = wire.canonical_spans(request.SerializeToString(), {})
        next(a for a in span.attributes if a.key == "array").value.array_value.values[1].int_value += 1
        self.assertNotEqual(before, wire.canonical_spans(request.SerializeToString(), {}))


class CellTest(unittest.TestCase):
    CELL = Cell("curl", "curl", "http/json")

    def verdict(self, change=lambda bodies: bodies, cell=CELL, outcome="ok"):
        """What is said of a cell whose requests were split by a faithful router, and then `change`d."""
        bodies = defaultdict(list)
        for body in players.request_bodies(cell, 10**18):
            for part in split(body):
                bodies[wire.raw_spans(part)[0][0][2] % 3].append(part)
        checks = Checks()
        with contextlib.redirect_stdout(io.StringIO()):
            scenario_clients.judge(cell, outcome, scenario_clients.Arrived(change(bodies)), 10**18, checks)
        return not checks.failed

    # Scenario: a faithful router. Guarantees: the cell passes, so a failure means something.
    def test_accepts_a_faithful_split(self):
        self.assertTrue(self.verdict())

    # Scenario: a part lost, doubled, at another backend; a name altered; the client saw an error. Guarantees: noticed.
    def test_notices_faults(self):
        def first(change):
            return lambda bodies: {**bodies, 0: change(bodies[0])}

        def at_another(bodies):
            return {0: bodies[0][1:], 1: [*bodies[1], bodies[0][0]], 2: bodies[2]}

        self.assertFalse(self.verdict(first(lambda parts: parts[1:])))
        self.assertFalse(self.verdict(first(lambda parts: [*parts, parts[0]])))
        self.assertFalse(self.verdict(first(lambda parts: [part.replace(b"render", b"Render") for part in parts])))
        self.assertFalse(self.verdict(at_another))
        self.assertFalse(self.verdict(outcome="failed: 503"))

    # Scenario: a client that must be refused. Guarantees: neither an OK nor a span that arrived goes unnoticed.
    def test_notices_what_was_not_refused(self):
        wrong = Cell("curl", "curl", "http/json", auth="wrong basic")
        self.assertTrue(self.verdict(lambda _: {}, wrong, "failed: 401"))
        self.assertFalse(self.verdict(lambda _: {}, wrong, "ok"))
        self.assertFalse(self.verdict(cell=wrong, outcome="failed: 401"))


class PlanTest(unittest.TestCase):
    # Scenario: the plan's traces by fate. Guarantees: no service alone is slow, the whole slow trace is.
    def test_slow_only_as_a_whole(self):
        for trace in plans.make_plan("t", 40, 10**18):
            ends = defaultdict(list)
            for span in trace.spans:
                for key in (span.service, "whole"):
                    ends[key] += [span.start_ns, span.end_ns]
            durations = {key: max(times) - min(times) for key, times in ends.items()}
            self.assertEqual(durations.pop("whole") >= plans.SLOW_NS, trace.fate == "slow")
            self.assertTrue(all(d < plans.SLOW_NS for d in durations.values()))


class DescriptorsTest(unittest.TestCase):
    # Scenario: our schemas as they are, and with a field renamed, renumbered, retyped.
    # Guarantees: equal, then one difference each.
    def test_notices_each_kind_of_difference(self):
        field = "bytes span_id = 2;"
        for wrong, at_least in ((field, 0), ("bytes spanid = 2;", 1), ("bytes span_id = 20;", 1),
                                ("string span_id = 2;", 1)):
            with tempfile.TemporaryDirectory() as scratch:
                copy = pathlib.Path(scratch) / "proto"
                shutil.copytree(PROTO_DIR, copy)
                path = copy / "opentelemetry/proto/trace/v1/trace.proto"
                text = path.read_text()
                self.assertIn(field, text)
                path.write_text(text.replace(field, wrong, 1))
                differences, _, counts = descriptors.compare(descriptors.compile_ours(copy, pathlib.Path(scratch)))
                self.assertEqual(len(differences), at_least, differences)
                self.assertGreater(counts["fields"], 50)


class DnsServerTest(unittest.TestCase):
    def ask(self, server, name, qtype):
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        host, port = server.address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + question + struct.pack("!HH", qtype, 1),
                          (host, int(port)))
            return client.recv(512)

    # Scenario: A, AAAA and an unknown name. Guarantees: addresses, an empty answer, NXDOMAIN.
    def test_answers_a_aaaa_and_nxdomain(self):
        server = DnsServer()
        self.addCleanup(server.close)
        server.set_records({"b.test": ["127.0.0.9", "127.0.0.8"]})
        a = self.ask(server, "B.test", 1)
        self.assertEqual((a[:2], a[3] & 15, a[7]), (b"\0\7", 0, 2))
        self.assertIn(socket.inet_aton("127.0.0.8"), a)
        aaaa = self.ask(server, "b.test", 28)
        self.assertEqual((aaaa[3] & 15, aaaa[7]), (0, 0))
        self.assertEqual(self.ask(server, "c.test", 1)[3] & 15, 3)


if __name__ == "__main__":
    unittest.main()
