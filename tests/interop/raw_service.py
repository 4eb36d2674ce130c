"""The sender of own bytes: requests made with the official schemas, every AnyValue kind in them, fields that no
schema knows put between the known ones, several resources and scopes per request.
"""

import pathlib

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import plan as plans
import wire
from routers import RawSender

HERE = pathlib.Path(__file__).resolve().parent
SPANS_PER_REQUEST = 150
UNKNOWN = wire.tag(777, 0) + b"\x2a" + wire.length_delimited(778, b"from a later version") + wire.tag(779, 1) + b"12345678"


class RawService:
    """One service's spans of the plan as ready-made requests, also kept in `sent_path`."""

    def __init__(self, plan, variant, service, seed, sent_path):
        spans = plans.of_service(plan, service, seed)
        self._gzip = variant.endswith("gzip")
        self._bodies = [
            _request(variant, service, spans[at : at + SPANS_PER_REQUEST])
            for at in range(0, len(spans), SPANS_PER_REQUEST)
        ]
        with sent_path.open("wb") as sent:
            for body in self._bodies:
                wire.write_frame(sent, body)

    def send(self, endpoint):
        """Raises RunFailed on any answer but OK."""
        with RawSender(endpoint) as sender:
            for body in self._bodies:
                sender.send(body, gzip=self._gzip)


def _request(variant, service, spans):
    request = ExportTraceServiceRequest()
    for part in range(3):
        resource_spans = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.28.0")
        resource_spans.resource.dropped_attributes_count = part
        _attribute(resource_spans.resource, "service.name").string_value = f"{variant}-{service}"
        _attribute(resource_spans.resource, "part").int_value = part
        for scope in ("http", "db"):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name, scope_spans.scope.version = scope, "3"
            scope_spans.scope.dropped_attributes_count = 4
        for n, (trace, span) in enumerate(spans[part::3]):
            message = build_span(trace, span)
            message.MergeFromString(UNKNOWN)
            resource_spans.scope_spans[n % 2].spans.append(message)
    request.MergeFromString(UNKNOWN)
    return request.SerializeToString()


def _attribute(holder, key):
    return holder.attributes.add(key=key).value


def build_span(trace, planned):
    """One planned span with every field of the schema set."""
    span = Span(
        trace_id=trace.trace_id.to_bytes(16, "big"),
        span_id=planned.span_id.to_bytes(8, "big"),
        parent_span_id=planned.parent_id.to_bytes(8, "big") if planned.parent_id else b"",
        trace_state="vendor=t61rcWkgMzE,other=1",
        flags=0x101,
        name=planned.name,
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=planned.start_ns,
        end_time_unix_nano=planned.end_ns,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
    )
    if planned.is_error:
        span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "out of stock"
    event = span.events.add(time_unix_nano=planned.start_ns + 5, name="tried", dropped_attributes_count=6)
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="a=b", flags=0x301)
    link.dropped_attributes_count = 7
    for key, value in wire.any_values().items():
        for holder in (span, event, link):
            _attribute(holder, key).CopyFrom(value)
    return span
