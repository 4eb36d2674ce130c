#include "bench/load/request_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/load/gzip.h"
#include "bench/load/zstd.h"

namespace bench {
namespace {

std::uint32_t TracesOf(const SourceOptions& options) {
  if (options.traces > 0) return options.traces;
  return std::max<std::uint32_t>(1, options.spans_max / 5);
}

std::uint32_t DrawSize(const SourceOptions& options, Random& random) {
  if (options.spans_min >= options.spans_max) return options.spans_max;
  const double low = std::log(options.spans_min);
  const double high = std::log(options.spans_max + 1.0);
  const double drawn = std::exp(low + random.Fraction() * (high - low));
  return std::clamp(static_cast<std::uint32_t>(drawn), options.spans_min, options.spans_max);
}

void Compress(const std::string& encoding, std::vector<std::uint8_t>& body) {
  if (encoding == "gzip") body = GzipCompress(body);
  if (encoding == "zstd") body = ZstdCompress(body);
}

class PooledSource final : public RequestSource {
 public:
  explicit PooledSource(const SourceOptions& options) {
    Random random(options.seed);
    RequestEncoder encoder(options.seed);
    for (std::uint32_t i = 0; i < options.pool; ++i) {
      TraceMix mix({.seed = random.Next(),
                    .first_trace_number = end_trace_number_,
                    .active_traces = TracesOf(options),
                    .mean_spans_per_trace = 0});
      end_trace_number_ = mix.end_trace_number();
      Request request;
      request.spans = DrawSize(options, random);
      const auto resources = static_cast<std::uint32_t>(1 + random.Below(options.resources_max));
      encoder.Encode(request.spans, resources, mix, request.storage);
      Compress(options.encoding, request.storage);
      pool_.push_back(std::move(request));
    }
    end_span_number_ = encoder.end_span_number();
  }

  Request Next(std::uint64_t) override {
    const Request& pooled = pool_[next_];
    next_ = (next_ + 1) % pool_.size();
    return {.bytes = pooled.storage, .storage = {}, .spans = pooled.spans};
  }
  void Recycle(Request) override {}
  std::uint64_t end_span_number() const override { return end_span_number_; }
  std::uint64_t end_trace_number() const override { return end_trace_number_; }

 private:
  std::vector<Request> pool_;
  std::size_t next_ = 0;
  std::uint64_t end_span_number_ = 0;
  std::uint64_t end_trace_number_ = 0;
};

class FreshSource final : public RequestSource {
 public:
  explicit FreshSource(const SourceOptions& options)
      : options_(options),
        random_(options.seed),
        encoder_(options.seed),
        mix_({.seed = options.seed + 1,
              .first_trace_number = 0,
              .active_traces = TracesOf(options),
              .mean_spans_per_trace = options.mean_spans_per_trace}) {}

  Request Next(std::uint64_t spans_max) override {
    Request request;
    if (!free_.empty()) {
      request.storage = std::move(free_.back());
      free_.pop_back();
    }
    request.spans = DrawSize(options_, random_);
    if (spans_max > 0 && request.spans > spans_max)
      request.spans = static_cast<std::uint32_t>(spans_max);
    const auto resources = static_cast<std::uint32_t>(1 + random_.Below(options_.resources_max));
    encoder_.Encode(request.spans, resources, mix_, request.storage);
    Compress(options_.encoding, request.storage);
    request.bytes = request.storage;
    return request;
  }
  void Recycle(Request request) override { free_.push_back(std::move(request.storage)); }
  std::uint64_t end_span_number() const override { return encoder_.end_span_number(); }
  std::uint64_t end_trace_number() const override { return mix_.end_trace_number(); }

 private:
  SourceOptions options_;
  Random random_;
  RequestEncoder encoder_;
  TraceMix mix_;
  std::vector<std::vector<std::uint8_t>> free_;
};

}  // namespace

std::unique_ptr<RequestSource> MakePooledSource(const SourceOptions& options) {
  return std::make_unique<PooledSource>(options);
}

std::unique_ptr<RequestSource> MakeFreshSource(const SourceOptions& options) {
  return std::make_unique<FreshSource>(options);
}

}  // namespace bench
