#include "tests/support/span_ledger.h"

#include <xxhash.h>

namespace router::test {
namespace {

// A length before each part, so that no two lists of parts give the same bytes.
void AppendPart(std::string& bytes, std::string_view part) {
  const std::uint64_t size = part.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes.append(part);
}

}  // namespace

void ForEachSpan(const ExportRequest& request,
                 const std::function<void(const Span&, std::uint64_t fingerprint)>& visit) {
  for (const auto& resource_spans : request.resource_spans()) {
    std::string bytes;
    AppendPart(bytes, resource_spans.resource().SerializeAsString());
    AppendPart(bytes, resource_spans.schema_url());
    const std::size_t resource_end = bytes.size();
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      bytes.resize(resource_end);
      AppendPart(bytes, scope_spans.scope().SerializeAsString());
      AppendPart(bytes, scope_spans.schema_url());
      const std::size_t scope_end = bytes.size();
      for (const Span& span : scope_spans.spans()) {
        bytes.resize(scope_end);
        AppendPart(bytes, span.SerializeAsString());
        visit(span, XXH3_64bits(bytes.data(), bytes.size()));
      }
    }
  }
}

std::uint64_t CountSpans(const ExportRequest& request) {
  std::uint64_t count = 0;
  for (const auto& resource_spans : request.resource_spans()) {
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      count += static_cast<std::uint64_t>(scope_spans.spans_size());
    }
  }
  return count;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

void SpanLedger::Add(const ExportRequest& request) {
  ForEachSpan(request, [this](const Span& span, std::uint64_t fingerprint) {
    Entry& entry = entries_[{span.trace_id(), span.span_id()}];
    if (entry.copies == 0) entry.fingerprint = fingerprint;
    if (entry.fingerprint != fingerprint) entry.is_consistent = false;
    ++entry.copies;
    ++copies_;
  });
}

void SpanLedger::Merge(const SpanLedger& other) {
  for (const auto& [key, added] : other.entries_) {
    Entry& entry = entries_[key];
    if (entry.copies == 0) entry.fingerprint = added.fingerprint;
    if (entry.fingerprint != added.fingerprint || !added.is_consistent) entry.is_consistent = false;
    entry.copies += added.copies;
  }
  copies_ += other.copies_;
}

bool SpanLedger::HasTrace(std::string_view trace_id) const {
  const auto found = entries_.lower_bound({std::string(trace_id), ""});
  return found != entries_.end() && found->first.trace_id == trace_id;
}

}  // namespace router::test
