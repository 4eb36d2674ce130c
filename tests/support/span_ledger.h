// SpanLedger: which spans arrived, how often, and whether anything in or around them changed.
//
// A span's fingerprint covers the bytes of its resource, its scope, both schema URLs and itself,
// unknown fields included: equal fingerprints on both sides mean that nothing was altered or moved.
// Thread safety: one thread at a time.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace router::test {

using ExportRequest = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using ExportResponse = opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;
using Span = opentelemetry::proto::trace::v1::Span;

// Calls `visit` once per span of `request`, in order.
void ForEachSpan(const ExportRequest& request,
                 const std::function<void(const Span&, std::uint64_t fingerprint)>& visit);
std::uint64_t CountSpans(const ExportRequest& request);

// Lower-case hexadecimal, as trace IDs are written everywhere.
std::string Hex(std::string_view bytes);

class SpanLedger {
 public:
  struct Key {
    std::string trace_id;
    std::string span_id;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    std::uint64_t fingerprint = 0;  // of the first copy
    std::uint32_t copies = 0;
    bool is_consistent = true;  // every copy had the same fingerprint
  };

  void Add(const ExportRequest& request);
  void Merge(const SpanLedger& other);

  const std::map<Key, Entry>& entries() const { return entries_; }
  std::uint64_t copies() const { return copies_; }  // duplicates included
  std::uint64_t distinct() const { return entries_.size(); }
  bool HasTrace(std::string_view trace_id) const;

 private:
  std::map<Key, Entry> entries_;
  std::uint64_t copies_ = 0;
};

}  // namespace router::test
