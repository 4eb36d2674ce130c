#!/usr/bin/env python3
"""Mutants: routers that are broken on purpose in one place, to show that the checker sees it.

usage: mutants.py list                 one line per mutant: NAME FILE
       mutants.py write NAME OUT       the changed source; exit 1 if a text is not there exactly once

A mutant is one source file with exact replacements. CMakeLists.txt compiles it and links it before the libraries,
so that it stands in for the original.
"""
import dataclasses
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    edits: list      # [(old, new)]
    kinds: tuple     # faults under which it shows
    says: str


MUTANTS = [
    Mutant("drop_span", "router/otlp/span_index.cc", [(
        "  const auto trace_id = checker_.trace_id();\n",
        "  static thread_local int spans_seen = 0;\n"
        "  if (++spans_seen % 5003 == 0) return true;\n"
        "  const auto trace_id = checker_.trace_id();\n")], (), "one span in 5003 is in no shard"),
    Mutant("ack_at_once", "router/forward/forwarder.cc", [(
        "  started.Send();\n  return &started;\n",
        "  started.Send();\n  if (started.is_settled()) return &started;\n  started.sink_ = nullptr;\n"
        "  ledger_.requests.in_flight.Add();\n  return Verdict{};\n")], ("kill", "fail"),
        "OK before the backends have answered"),
    Mutant("wrong_owner", "router/forward/shard_plan.cc", [(
        "    for (std::size_t i = begin; i < end; ++i) owners_[i] = ring.OwnerAt(slots[i - begin]);\n",
        "    for (std::size_t i = begin; i < end; ++i) {\n      owners_[i] = ring.OwnerAt(slots[i - begin]);\n"
        "      if (index.trace_id(i).size() == 16 && index.trace_id(i)[5] == 7) {\n"
        "        owners_[i] = static_cast<std::uint16_t>((owners_[i] + 1) % ring.size());\n      }\n    }\n")], (),
        "one trace in 256 goes to the backend after its owner"),
    Mutant("partial_for_transient", "router/forward/verdict.cc", [
        ("      case Kind::kTransient:\n        return 2;\n", "      case Kind::kTransient:\n        return 0;\n"),
        ("  if (shard.kind == Kind::kPermanent) return shard.spans;\n",
         "  if (shard.kind == Kind::kPermanent || shard.kind == Kind::kTransient) return shard.spans;\n")],
        ("fail", "refuse"), "partial_success for what failed only for now"),
    Mutant("resend_everything", "router/forward/export_call.cc", [(
        "void ExportCall::Resend(Shard& shard) {\n",
        "void ExportCall::Resend(Shard& shard) {\n"
        "  for (const auto& other : shards_) {\n"
        "    if (other->state != Shard::State::kDone || other->body == nullptr) continue;\n"
        "    other->state = Shard::State::kNew;\n    ++pending_;\n  }\n  Send();\n")], ("fail",),
        "a failed shard takes the delivered ones along"),
    Mutant("swap_resources", "router/otlp/splitter.cc", [(
        "      OpenGroup(resource, index_->resource_parts(), resource_pieces_[resource_piece]);\n",
        "      const SpanIndex::Group& shown =\n"
        "          r > 0 && index_->resources()[r - 1].part_bytes == resource.part_bytes\n"
        "              ? index_->resources()[r - 1]\n              : resource;\n"
        "      OpenGroup(shown, index_->resource_parts(), resource_pieces_[resource_piece]);\n")], (),
        "spans get the resource of the group before"),
    Mutant("forget_retry_info", "router/ingress/grpc_stream.cc", [(
        "  if (verdict.retry_delay.has_value()) {\n",
        "  if (verdict.retry_delay.has_value() && verdict.code == GrpcCode::kOk) {\n")], ("fail", "throttle"),
        "UNAVAILABLE without RetryInfo"),
    Mutant("lose_retry_on_ring_change", "router/forward/export_call.cc", [(
        "    forwarder_.RouteAnew(*this, shard, Forwarder::Cut::kAsNeeded);\n",
        "    shard.outcome.kind = Kind::kAccepted;\n    Finish(shard);\n")], ("kill",),
        "a shard whose backend left while it waited is forgotten"),
    Mutant("ack_on_timeout", "router/forward/export_call.cc", [(
        "did not answer in time\");\n  RetryOrFinish(shard);",
        "did not answer in time\");\n  shard.outcome.kind = Kind::kAccepted;\n  Finish(shard);")],
        ("stop", "blackhole"), "silence of a backend counts as OK"),
    Mutant("ignore_partial_success", "router/backend/answer.cc", [(
        "    result.rejected_spans = static_cast<std::uint64_t>(parsed.partial.rejected_spans);\n", "")], ("partial",),
        "what a backend left out is acknowledged"),
    Mutant("double_count", "router/forward/verdict.cc", [(
        "    if (shard.kind == Kind::kAccepted) spans.forwarded.Add(shard.spans - rejected);\n",
        "    if (shard.kind == Kind::kAccepted) spans.forwarded.Add(shard.spans - rejected + (shard.spans > 30));\n")],
        (), "the ledger counts one too many"),
    Mutant("retry_refused", "router/base/grpc_code.cc", [(
        "    default:\n      return false;\n", "    default:\n      return true;\n")], ("refuse",),
        "final codes of backends are told as \"later\""),
    Mutant("late_answers", "router/forward/deadline.cc", [(
        "*client_timeout - margin", "*client_timeout + margin")], ("latency", "blackhole"),
        "the router uses up the client's whole deadline and more"),
    Mutant("suppress_undelivered", "router/forward/delivered_spans.cc", [(
        "    if (!young_.contains(key) && !old_.contains(key)) return;\n",
        "    if (!young_.contains(key) && !old_.contains(key) && key.low % 61 != 0) return;\n")], ("fail",),
        "spans count as delivered that never were"),
]


def mutate(mutant):
    """The changed text; an edit whose text has moved is an error, not a mutant that is no mutant."""
    text = (ROOT / mutant.file).read_text()
    for old, new in mutant.edits:
        if text.count(old) != 1:
            raise SystemExit(f"mutant {mutant.name}: {text.count(old)} times in {mutant.file}, not once:\n{old}")
        text = text.replace(old, new)
    return text


def main():
    if sys.argv[1:] == ["list"]:
        for mutant in MUTANTS:
            print(mutant.name, mutant.file)
    elif len(sys.argv) == 4 and sys.argv[1] == "write":
        mutant = next(mutant for mutant in MUTANTS if mutant.name == sys.argv[2])
        pathlib.Path(sys.argv[3]).write_text(mutate(mutant))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
