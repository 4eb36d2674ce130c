"""One service of the plan, played by the Python SDK as an application would: tracer, batch processor, exporter.

Says "ready" when its spans exist and lets nothing out before it reads a line. Writes what it hands to the
exporter, length-prefixed, to --sent. Exit 1 if an export was not answered with OK.
"""

import argparse
import pathlib
import sys
import threading

from grpc import Compression
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace import TraceState

import plan as plans
import wire


class PlannedIds(IdGenerator):
    trace_id = span_id = 0

    def generate_trace_id(self):
        return self.trace_id

    def generate_span_id(self):
        return self.span_id

    def is_trace_id_random(self):
        return False


class RecordingExporter(OTLPSpanExporter):
    def __init__(self, sent_path, **kwargs):
        super().__init__(**kwargs)
        self._sent = sent_path.open("wb")
        self.failures = 0
        self.may_export = threading.Event()

    def export(self, spans):
        self.may_export.wait()
        wire.write_frame(self._sent, encode_spans(spans).SerializeToString())
        result = super().export(spans)
        self.failures += result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self, *args, **kwargs):
        self._sent.close()
        super().shutdown(*args, **kwargs)


def play(tracer, ids, trace_, span):
    context = None
    if span.parent_id:
        parent = SpanContext(
            trace_.trace_id, span.parent_id, is_remote=True, trace_flags=TraceFlags(1),
            trace_state=TraceState([("vendor", "t61rcWkgMzE")]),
        )
        context = trace.set_span_in_context(NonRecordingSpan(parent))
    ids.trace_id, ids.span_id = trace_.trace_id, span.span_id
    linked = SpanContext(trace_.trace_id ^ 0xFF00, span.span_id, is_remote=True, trace_flags=TraceFlags(1))
    recorded = tracer.start_span(
        span.name,
        context=context,
        kind=SpanKind.SERVER if span.name.startswith("GET") else SpanKind.CLIENT,
        start_time=span.start_ns,
        links=[Link(linked, {"why": "retry of", "nth": 2})] if span.span_id % 3 == 0 else None,
        attributes={
            "string": "grüße ✓", "bool": True, "int": -7, "double": 0.25, "strings": ["a", ""], "ints": [1, -1],
            "bools": [True, False], "doubles": [0.0, -1.5], "bytes": b"\x00\xff", "map": {"k": [1, "mixed", None]},
            "empty": None,
        },
    )
    recorded.add_event("cache.miss", {"key": "sku-17", "tried": [1, 2]}, timestamp=span.start_ns + 1000)
    if span.is_error:
        recorded.record_exception(ValueError("out of stock"), timestamp=span.end_ns - 1)
        recorded.set_status(Status(StatusCode.ERROR, "out of stock"))
    recorded.end(end_time=span.end_ns)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--base-ns", type=int, required=True)
    parser.add_argument("--service", choices=plans.SERVICES, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--sent", type=pathlib.Path, required=True)
    args = parser.parse_args()

    exporter = RecordingExporter(
        args.sent, endpoint=args.endpoint, insecure=True, timeout=20,
        compression=Compression.Gzip if args.gzip else Compression.NoCompression,
    )
    ids = PlannedIds()
    resource = Resource(
        {"service.name": f"{args.variant}-{args.service}", "host.cpus": 2, "tags": ["interop", args.service]},
        schema_url="https://opentelemetry.io/schemas/1.30.0",
    )
    provider = TracerProvider(resource=resource, id_generator=ids, span_limits=SpanLimits(max_span_attributes=64))
    processor = BatchSpanProcessor(exporter, max_queue_size=1 << 20, max_export_batch_size=200)
    provider.add_span_processor(processor)
    tracers = [
        provider.get_tracer("interop.app", "1.2", schema_url="https://opentelemetry.io/schemas/1.29.0"),
        provider.get_tracer("interop.lib", "0.9", attributes={"scope.kind": "library"}),
    ]
    plan = plans.make_plan(args.variant, args.count, args.base_ns)
    for n, (trace_, span) in enumerate(plans.of_service(plan, args.service, args.base_ns)):
        play(tracers[n % 2], ids, trace_, span)
    print("ready", flush=True)
    sys.stdin.readline()
    exporter.may_export.set()
    provider.shutdown()
    if exporter.failures:
        print(f"{args.variant}-{args.service}: {exporter.failures} exports failed", file=sys.stderr)
    return 1 if exporter.failures else 0


if __name__ == "__main__":
    sys.exit(main())
