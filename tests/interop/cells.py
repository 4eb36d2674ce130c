"""The cells of the clients' table: who sends, how, over what; the traces of each; and what has to arrive.

A cell's name is the service name of its spans, so all cells can be under way at once and be told apart in what the
backends got. SDK programs (clients/README.md) and this module agree on the content of a span: expected_span().
"""

import random
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import plan as plans

TRACES = 40
SECRET = "s3cret-of-the-interop-run"
USER, PASSWORD = "interop", "pass:word"


@dataclass(frozen=True)
class Cell:
    client: str  # as in the table
    program: str  # what plays it
    protocol: str  # grpc, http/protobuf, http/json
    compression: str = "none"
    security: str = "–"  # –, TLS, mTLS
    auth: str = "–"  # –, bearer, basic, cors, and "no …", "wrong …": to be refused
    variant: str = ""  # further option of the player

    @property
    def name(self):
        words = (self.program, self.protocol, self.compression, self.security, self.auth, self.variant)
        return "-".join(w.replace(",", "").replace("/", "-").replace(" ", "-") for w in words if w not in ("", "–"))

    @property
    def front(self):
        """The router that it talks to."""
        if self.security != "–":
            return self.security.split()[-1].lower()
        return "plain" if self.auth in ("–", "no cors") else self.auth.split()[-1]

    @property
    def must_be_refused(self):
        return self.security.startswith(("no ", "wrong ")) or self.auth.startswith(("no ", "wrong "))

    def plan(self, base_ns):
        return plans.make_plan(self.name, TRACES, base_ns)


def shuffled_spans(cell, base_ns):
    """(trace, span) of all traces in a mixed order: every batch has a part of many traces."""
    spans = [(trace, span) for trace in cell.plan(base_ns) for span in trace.spans]
    random.Random(f"order/{cell.name}").shuffle(spans)
    return spans


def write_plan(cell, base_ns, path):
    """The file that the SDK programs read (clients/README.md)."""
    lines = []
    for trace, span in shuffled_spans(cell, base_ns):
        parent = f"{span.parent_id:016x}" if span.parent_id else "-"
        kind = "server" if span.name.startswith("GET") else "client"
        lines.append("\t".join((f"{trace.trace_id:032x}", f"{span.span_id:016x}", parent, kind, str(span.start_ns),
                                str(span.end_ns), "1" if span.is_error else "0", span.name)))
    path.write_text("\n".join(lines) + "\n")


def expected_spans(cell, base_ns):
    """{(trace ID, span ID): content} as the SDK programs make it."""
    return {
        (trace.trace_id.to_bytes(16, "big"), span.span_id.to_bytes(8, "big")): expected_span(cell, n, trace, span)
        for n, (trace, span) in enumerate(shuffled_spans(cell, base_ns))
    }


def expected_span(cell, number, trace, span):
    parent = span.parent_id.to_bytes(8, "big") if span.parent_id else b""
    attributes = {"string": "grüße ✓", "int": number, "double": 0.25, "bool": True, "strings": ["a", "b"]}
    event = (span.start_ns + 1000, "tried", {"key": "sku-17"})
    status = (2, "out of stock") if span.is_error else (0, "")
    return {
        "parent": parent, "name": span.name, "kind": 2 if span.name.startswith("GET") else 3, "start": span.start_ns,
        "end": span.end_ns, "status": status, "attributes": attributes, "events": [event],
        "scope": ("interop", "1"), "service": cell.name,
    }


def seen_spans(request_bytes):
    """Yields (service name, (trace ID, span ID), content in the form of expected_span())."""
    request = ExportTraceServiceRequest.FromString(request_bytes)
    for resource_spans in request.resource_spans:
        service = _attributes(resource_spans.resource).get("service.name", "")
        for scope_spans in resource_spans.scope_spans:
            scope = (scope_spans.scope.name, scope_spans.scope.version)
            for s in scope_spans.spans:
                yield service, (s.trace_id, s.span_id), {
                    "parent": s.parent_span_id, "name": s.name, "kind": s.kind, "start": s.start_time_unix_nano,
                    "end": s.end_time_unix_nano, "status": (s.status.code, s.status.message),
                    "attributes": _attributes(s), "scope": scope, "service": service,
                    "events": [(e.time_unix_nano, e.name, _attributes(e)) for e in s.events],
                }


def _attributes(holder):
    return {attribute.key: _value(attribute.value) for attribute in holder.attributes}


def _value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _value(item.value) for item in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)
