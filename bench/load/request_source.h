// RequestSource: what a load generator sends next. Two kinds: a pool encoded beforehand, which
// costs the sender nothing, and fresh requests in which every span is unique, which a sink can
// check one by one.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/load/request_encoder.h"

namespace bench {

// One request body as it goes on the wire (without the gRPC prefix). The bytes live in `storage`,
// if that is not empty, or in the source.
struct Request {
  std::span<const std::uint8_t> bytes;
  std::vector<std::uint8_t> storage;
  std::uint32_t spans = 0;
};

struct SourceOptions {
  std::uint32_t spans_min = 100;  // per request, log-uniform between the two
  std::uint32_t spans_max = 100;
  std::uint32_t traces =
      0;  // distinct per request (fresh: under way at a time); 0: a fifth of spans_max
  std::uint32_t mean_spans_per_trace = 8;  // fresh only
  std::uint32_t resources_max = 1;         // ResourceSpans per request, uniform from 1
  std::uint32_t pool = 64;
  std::uint64_t seed = 1;
  std::string encoding = {};  // "gzip" or "zstd"; empty: none
};

class RequestSource {
 public:
  virtual ~RequestSource() = default;
  // At most `spans_max` spans, whatever the options say (0: no further bound).
  virtual Request Next(std::uint64_t spans_max) = 0;
  // Gives storage back for reuse.
  virtual void Recycle(Request request) = 0;
  // One more than the highest span and trace number in what was handed out.
  virtual std::uint64_t end_span_number() const = 0;
  virtual std::uint64_t end_trace_number() const = 0;
};

std::unique_ptr<RequestSource> MakePooledSource(const SourceOptions& options);
std::unique_ptr<RequestSource> MakeFreshSource(const SourceOptions& options);

}  // namespace bench
