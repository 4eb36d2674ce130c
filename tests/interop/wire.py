"""Protobuf wire bytes and canonical spans: what "unchanged" means in the interop run.

Two strengths. Canonical: a Collector decodes and encodes, so sent and exported spans are compared after one
normalisation that Protobuf allows (absent and empty sub-messages are equal; unknown fields are left out). Schema
URLs are left out too: the tail_sampling processor drops them. Raw: behind a byte-keeping sink every field, schema
URLs and unknown fields included, is compared as the bytes that were sent.
"""

from collections import Counter

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def length_delimited(number, payload):
    return tag(number, 2) + varint(len(payload)) + payload


def fields(data):
    """Yields (field number, whole field with its tag, payload or None) in wire order."""
    at = 0
    while at < len(data):
        start = at
        key, at = read_varint(data, at)
        number, payload = key >> 3, None
        if key & 7 == 2:
            size, at = read_varint(data, at)
            payload = data[at : at + size]
            at += size
        else:
            at = _skip(data, at, key)
        if at > len(data):
            raise ValueError("field runs past the end")
        yield number, data[start:at], payload


def _skip(data, at, key):
    wire_type = key & 7
    if wire_type == 0:
        return read_varint(data, at)[1]
    if wire_type == 1:
        return at + 8
    if wire_type == 2:
        size, at = read_varint(data, at)
        return at + size
    if wire_type == 5:
        return at + 4
    if wire_type != 3:
        raise ValueError(f"wire type {wire_type}")
    while True:
        inner, at = read_varint(data, at)
        if inner & 7 == 4:
            return at
        at = _skip(data, at, inner)


def raw_spans(request):
    """One entry per span: (its bytes, its ScopeSpans without spans, its ResourceSpans without scopes)."""
    entries = []
    for number, _, resource_spans in fields(request):
        if number != 1:
            continue
        inner = list(fields(resource_spans))
        around_resource = b"".join(raw for n, raw, _ in inner if n != 2)
        for n, _, scope_spans in inner:
            if n != 2:
                continue
            spans = list(fields(scope_spans))
            around_scope = b"".join(raw for k, raw, _ in spans if k != 2)
            for k, _, span in spans:
                if k == 2:
                    entries.append((span, around_scope, around_resource))
    return entries


def request_extras(request):
    """The fields of the request itself that are not ResourceSpans."""
    return [raw for number, raw, _ in fields(request) if number != 1]


def _fill_value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        for item in value.array_value.values:
            _fill_value(item)
    elif kind == "kvlist_value":
        _fill_attributes(value.kvlist_value.values)


def _fill_attributes(attributes):
    for attribute in attributes:
        attribute.value.SetInParent()
        _fill_value(attribute.value)


def canonical_span(span):
    copy = type(span)()
    copy.CopyFrom(span)
    copy.DiscardUnknownFields()
    copy.status.SetInParent()
    _fill_attributes(copy.attributes)
    for part in (*copy.events, *copy.links):
        _fill_attributes(part.attributes)
    return copy.SerializeToString(deterministic=True)


def _canonical_holder(message):
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    _fill_attributes(copy.attributes)
    return copy.SerializeToString(deterministic=True)


def canonical_spans(request_bytes, into):
    """Adds to `into` {(trace ID, span ID): [(span, scope, resource), …]} for one request."""
    request = ExportTraceServiceRequest.FromString(request_bytes)
    for resource_spans in request.resource_spans:
        resource = _canonical_holder(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            scope = _canonical_holder(scope_spans.scope)
            for span in scope_spans.spans:
                into.setdefault((span.trace_id, span.span_id), []).append(
                    (canonical_span(span), scope, resource)
                )
    return into


def any_values():
    """One attribute value of every AnyValue kind, empty ones and nested ones included."""
    values = {
        "string": AnyValue(string_value="grüße ✓"),
        "string.empty": AnyValue(string_value=""),
        "bool": AnyValue(bool_value=False),
        "int": AnyValue(int_value=-(2**63)),
        "double": AnyValue(double_value=1e-300),
        "bytes": AnyValue(bytes_value=bytes(range(256))),
        "bytes.empty": AnyValue(bytes_value=b""),
        "empty": AnyValue(),
    }
    mixed = AnyValue()
    mixed.array_value.values.extend([values["string"], values["int"], values["empty"], values["bytes"]])
    nested = AnyValue()
    for key, value in (("a", values["bool"]), ("list", mixed), ("none", values["empty"])):
        nested.kvlist_value.values.add(key=key).value.CopyFrom(value)
    empty_array, empty_map = AnyValue(), AnyValue()
    empty_array.array_value.SetInParent()
    empty_map.kvlist_value.SetInParent()
    return values | {"array": mixed, "kvlist": nested, "array.empty": empty_array, "kvlist.empty": empty_map}


def write_frame(file, data):
    """Length-prefixed as the Collector's file exporter writes its proto format."""
    file.write(len(data).to_bytes(4, "big") + data)


def read_frames(path):
    data = path.read_bytes()
    at, frames = 0, []
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            break
        frames.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return frames


def multiset_difference(wanted, got):
    """(missing, extra) as counts."""
    wanted, got = Counter(wanted), Counter(got)
    return sum((wanted - got).values()), sum((got - wanted).values())
