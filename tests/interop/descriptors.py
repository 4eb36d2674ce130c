"""Compares our own .proto files with the official descriptors: every package, message, field name, number, type
and label, every enum value and every method that we have must be the official one. Official extras are listed.
"""

import pathlib
import shutil
import subprocess

import google.rpc.error_details_pb2
import google.rpc.status_pb2
import grpc_health.v1.health_pb2  # noqa: F401 (registers its descriptors, as the imports around it do)
import opentelemetry.proto.collector.trace.v1.trace_service_pb2  # noqa: F401
from google.protobuf import descriptor_pb2, descriptor_pool

from rig import RunFailed

# Officially strings; ours are bytes, which any text is (proto/README.md).
BYTES_FOR_STRINGS = ("opentelemetry.proto.collector.trace.v1.ExportTracePartialSuccess.error_message",
                     "google.rpc.Status.message")


def run(proto_dir, work_dir, checks):
    differences, extras, counts = compare(compile_ours(pathlib.Path(proto_dir), work_dir))
    for difference in differences:
        print(f"    {difference}")
    for extra in extras:
        print(f"    official schema has more: {extra}")
    checks.that("our schemas equal the official descriptors", not differences and counts["fields"] > 0,
                f"{len(differences)} differences in {counts['messages']} messages, {counts['fields']} fields, "
                f"{counts['values']} enum values, {counts['methods']} methods; {len(extras)} official extras")


def compile_ours(proto_dir, work_dir):
    if shutil.which("protoc") is None:
        raise RunFailed("protoc is not installed")
    out = work_dir / "ours.binpb"
    files = sorted(str(path.relative_to(proto_dir)) for path in proto_dir.rglob("*.proto"))
    subprocess.run(["protoc", f"-I{proto_dir}", f"--descriptor_set_out={out}", "--include_imports", *files], check=True)
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def compare(ours):
    differences, extras = [], []
    counts = dict.fromkeys(("messages", "fields", "values", "methods"), 0)
    for file in ours.file:
        if file.name.startswith("google/protobuf/"):
            continue
        prefix = f"{file.package}."
        for message in file.message_type:
            _compare_message(message, prefix + message.name, differences, extras, counts)
        for enum in file.enum_type:
            _compare_enum(enum, prefix + enum.name, differences, extras, counts)
        for service in file.service:
            _compare_service(service, prefix + service.name, differences, extras, counts)
    return differences, extras, counts


def _official(find, name, kind, differences):
    try:
        descriptor = find(name)
    except KeyError:
        differences.append(f"{name}: no official {kind} of this name")
        return None
    proto = kind()
    descriptor.CopyToProto(proto)
    return proto


def _compare_message(ours, name, differences, extras, counts):
    counts["messages"] += 1
    pool = descriptor_pool.Default()
    official = _official(pool.FindMessageTypeByName, name, descriptor_pb2.DescriptorProto, differences)
    if official is None:
        return
    theirs = {field.number: field for field in official.field}
    for field in ours.field:
        counts["fields"] += 1
        other = theirs.pop(field.number, None)
        if other and f"{name}.{field.name}" in BYTES_FOR_STRINGS and other.type == other.TYPE_STRING:
            other.type = other.TYPE_BYTES
        mine, official_one = _shape(field, ours), other and _shape(other, official)
        if mine != official_one:
            differences.append(f"{name} field {field.number}: ours {mine}, official {official_one}")
    extras += [f"{name}.{field.name} = {field.number}" for field in theirs.values()]
    for nested in ours.nested_type:
        _compare_message(nested, f"{name}.{nested.name}", differences, extras, counts)
    for enum in ours.enum_type:
        _compare_enum(enum, f"{name}.{enum.name}", differences, extras, counts)


def _shape(field, message):
    kind = descriptor_pb2.FieldDescriptorProto
    union = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    return (field.name, kind.Label.Name(field.label), kind.Type.Name(field.type), field.type_name, union,
            field.proto3_optional)


def _compare_enum(ours, name, differences, extras, counts):
    official = _official(descriptor_pool.Default().FindEnumTypeByName, name,
                         descriptor_pb2.EnumDescriptorProto, differences)
    if official is None:
        return
    theirs = {value.number: value.name for value in official.value}
    for value in ours.value:
        counts["values"] += 1
        other = theirs.pop(value.number, None)
        if other != value.name:
            differences.append(f"{name} value {value.number}: ours {value.name}, official {other}")
    extras += [f"{name}.{value} = {number}" for number, value in theirs.items()]


def _compare_service(ours, name, differences, extras, counts):
    official = _official(descriptor_pool.Default().FindServiceByName, name,
                         descriptor_pb2.ServiceDescriptorProto, differences)
    if official is None:
        return

    def shapes(service):
        return {m.name: (m.input_type, m.output_type, m.client_streaming, m.server_streaming) for m in service.method}

    theirs = shapes(official)
    for method, shape in shapes(ours).items():
        counts["methods"] += 1
        other = theirs.pop(method, None)
        if other != shape:
            differences.append(f"{name}/{method}: ours {shape}, official {other}")
    extras += [f"{name}/{method}" for method in theirs]
