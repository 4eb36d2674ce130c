"""The Python SDK as a client of the interop run: plays each cell of a list (README.md) and says how it went."""

import pathlib
import sys

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

EXPORT_TIMEOUT_S = 20


class PlannedIds(IdGenerator):
    trace_id = span_id = 0

    def generate_trace_id(self):
        return self.trace_id

    def generate_span_id(self):
        return self.span_id

    def is_trace_id_random(self):
        return False


class Recorder(SpanExporter):
    """Hands batches on and counts the failed ones."""

    def __init__(self, exporter):
        self._exporter = exporter
        self.failures = 0

    def export(self, spans):
        result = self._exporter.export(spans)
        self.failures += result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self):
        self._exporter.shutdown()


def new_exporter(protocol, compression, endpoint, ca, certificate, key, authorization):
    scheme = "http" if ca == "-" else "https"
    headers = {} if authorization == "-" else {"authorization": authorization}
    if protocol == "grpc":
        credentials = None if ca == "-" else grpc.ssl_channel_credentials(read(ca), read(key), read(certificate))
        return GrpcExporter(
            endpoint=f"{scheme}://{endpoint}", insecure=ca == "-", credentials=credentials, headers=headers,
            timeout=EXPORT_TIMEOUT_S, compression=getattr(grpc.Compression, {"none": "NoCompression"}.get(
                compression, compression.capitalize())))
    return HttpExporter(
        endpoint=f"{scheme}://{endpoint}/v1/traces", headers=headers, timeout=EXPORT_TIMEOUT_S,
        compression=Compression(compression), certificate_file=None if ca == "-" else ca,
        client_key_file=None if key == "-" else key, client_certificate_file=None if certificate == "-" else certificate)


def read(path):
    return None if path == "-" else pathlib.Path(path).read_bytes()


def play(tracer, ids, number, line):
    trace_id, span_id, parent_id, kind, start, end, is_error, name = line.split("\t")
    ids.trace_id, ids.span_id = int(trace_id, 16), int(span_id, 16)
    context = None
    if parent_id != "-":
        parent = SpanContext(ids.trace_id, int(parent_id, 16), is_remote=True, trace_flags=TraceFlags(1))
        context = trace.set_span_in_context(NonRecordingSpan(parent))
    span = tracer.start_span(
        name, context=context, kind=SpanKind.SERVER if kind == "server" else SpanKind.CLIENT, start_time=int(start),
        attributes={"string": "grüße ✓", "int": number, "double": 0.25, "bool": True, "strings": ["a", "b"]})
    span.add_event("tried", {"key": "sku-17"}, timestamp=int(start) + 1000)
    if is_error == "1":
        span.set_status(Status(StatusCode.ERROR, "out of stock"))
    span.end(end_time=int(end))


def run(name, protocol, compression, endpoint, ca, certificate, key, authorization, plan):
    recorder = Recorder(new_exporter(protocol, compression, endpoint, ca, certificate, key, authorization))
    ids = PlannedIds()
    provider = TracerProvider(resource=Resource({"service.name": name}), id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(recorder, max_queue_size=1 << 16, max_export_batch_size=64))
    tracer = provider.get_tracer("interop", "1")
    for number, line in enumerate(pathlib.Path(plan).read_text().splitlines()):
        play(tracer, ids, number, line)
    provider.shutdown()
    return f"failed: {recorder.failures} exports" if recorder.failures else "ok"


def main():
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        cell = line.split("\t")
        outcome = run(*cell)
        print(f"\n{cell[0]}\t{outcome}", flush=True)  # the SDK logs beside, not always whole lines


if __name__ == "__main__":
    main()
