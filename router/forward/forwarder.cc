#include "router/forward/forwarder.h"

#include <algorithm>
#include <utility>

#include "router/base/limits.h"
#include "router/forward/export_call.h"

namespace router {

Forwarder::Forwarder(WorkerLoop& loop, MemoryAccount& memory, GzipCodec& gzip, Ledger& ledger,
                     const ForwarderOptions& options)
    : loop_(loop),
      memory_(memory),
      gzip_(gzip),
      ledger_(ledger),
      options_(options),
      jitter_(std::random_device{}()) {}

Forwarder::~Forwarder() = default;

milliseconds Forwarder::OwnRetryDelay() {
  const auto base = static_cast<double>(options_.retry_delay.count());
  return milliseconds(static_cast<std::int64_t>(
      base * std::uniform_real_distribution<double>(0.8, 1.2)(jitter_)));
}

Verdict Forwarder::Refuse(RefuseReason reason, std::string message) {
  return Refusal(reason, std::move(message), OwnRetryDelay());
}

std::variant<Verdict, ExportCall*> Forwarder::Start(Body body, TimePoint deadline,
                                                    ExportSink& sink) {
  ledger_.received_bytes.Add(body.size());
  const IndexLimits limits{.spans_max = options_.spans_max, .check_utf8 = false};
  if (const auto error = index_.Parse(body.bytes(), limits)) {
    return RejectWire(*error);
  }
  const std::size_t spans = index_.span_count();
  if (spans == 0) {
    index_.Clear();
    return Verdict{};
  }
  ledger_.spans.received.Add(spans);
  ledger_.spans.in_flight.Add(spans);

  // From here on every way out books the spans.
  const auto book_all = [&](Verdict verdict) {
    BookWhole(spans, verdict, ledger_.spans);
    plan_.Clear();
    index_.Clear();
    return verdict;
  };
  if (routes_ == nullptr || routes_->ring().empty()) {
    return book_all(Refuse(RefuseReason::kNoBackend, "no backend is known yet"));
  }

  plan_.Build(index_, routes_->ring(), options_.shard_bytes_max);
  ledger_.invalid_trace_ids.Add(plan_.invalid_trace_ids());
  auto call = std::make_unique<ExportCall>(*this, routes_, sink);
  if (const auto owner = plan_.PassThroughOwner()) {
    if (!AddShard(*call, *owner, spans, std::move(body))) {
      return book_all(Refuse(RefuseReason::kOverload, "the memory budget is full"));
    }
  } else if (auto verdict = SplitInto(*call, body)) {
    return book_all(*std::move(verdict));
  }
  plan_.Clear();
  index_.Clear();
  ledger_.shards.Add(call->shards_.size());

  TimePoint attempt_deadline = deadline;
  if (options_.attempt_timeout > milliseconds(0)) {
    attempt_deadline = std::min(deadline, loop_.Now() + options_.attempt_timeout);
  }
  ExportCall& started = *calls_.emplace_back(std::move(call));
  started.position_ = std::prev(calls_.end());
  started.Send(deadline, attempt_deadline);
  return &started;
}

Verdict Forwarder::RejectWire(WireError error) const {
  std::string message("the request is not a valid ExportTraceServiceRequest: ");
  message += WireErrorText(error);
  if (IsOverLimit(error)) {
    return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                     std::move(message));
  }
  return Rejection(GrpcCode::kInvalidArgument, RejectIndex(RejectReason::kMalformed),
                   std::move(message));
}

std::optional<Verdict> Forwarder::SplitInto(ExportCall& call, const Body& body) {
  Splitter& splitter = plan_.splitter();
  if (splitter.total_bytes() > kEgressRatioFloorBytes &&
      splitter.total_bytes() / kEgressRatioMax > body.size()) {
    return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                     "split over its backends the request would grow more than 16-fold: send "
                     "fewer traces per large resource");
  }
  std::vector<Body> parts;
  parts.reserve(splitter.present_shards().size());
  outputs_.assign(plan_.shard_count(), nullptr);
  for (const std::uint16_t shard : splitter.present_shards()) {
    Body& part = parts.emplace_back(memory_);
    if (!part.Reserve(splitter.shard_bytes(shard))) {
      return Refuse(RefuseReason::kOverload, "the memory budget is full");
    }
    part.SetSize(splitter.shard_bytes(shard));
    outputs_[shard] = part.data();
  }
  splitter.Write(outputs_);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::uint16_t shard = splitter.present_shards()[i];
    if (!AddShard(call, plan_.OwnerOf(shard), splitter.shard_spans(shard), std::move(parts[i]))) {
      return Refuse(RefuseReason::kOverload, "the memory budget is full");
    }
  }
  return std::nullopt;
}

bool Forwarder::AddShard(ExportCall& call, std::uint16_t owner, std::size_t spans, Body body) {
  if (options_.compress) {
    Body compressed(memory_);
    if (!gzip_.Deflate(body.bytes(), compressed)) return false;
    body = std::move(compressed);
  }
  auto shared = std::make_shared<Body>(std::move(body));
  const std::span<const std::uint8_t> frame = shared->FrameAsGrpc(options_.compress);
  call.AddShard(owner, spans, std::move(shared), frame);
  return true;
}

void Forwarder::Cancel(ExportCall& call) { call.Cancel(); }

void Forwarder::OnCallDone(ExportCall& call) { calls_.erase(call.position_); }

}  // namespace router
