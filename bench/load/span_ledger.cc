#include "bench/load/span_ledger.h"

#include <cassert>

namespace bench {
namespace {

constexpr std::uint16_t kUnseen = 0;
constexpr std::uint16_t kMisplaced = 0xffff;

}  // namespace

void SpanLedger::Record(std::size_t listener, const TraceId& trace_id, const SpanId& span_id) {
  assert(listener < kListenersMax);
  const std::uint64_t span = SpanNumber(span_id.data());
  const std::optional<std::uint64_t> trace = TraceNumber(trace_id.data());
  if (span >= kNumbersMax || !trace || *trace >= kNumbersMax) {
    ++foreign_;
    return;
  }
  const std::size_t word = span / 64;
  if (word >= seen_.size()) seen_.resize(word + word / 2 + 1024);
  const std::uint64_t bit = std::uint64_t{1} << (span % 64);
  if ((seen_[word] & bit) != 0) {
    ++duplicates_;
  } else {
    seen_[word] |= bit;
    ++distinct_;
  }

  if (*trace >= listener_of_.size()) listener_of_.resize(*trace + *trace / 2 + 1024, kUnseen);
  std::uint16_t& owner = listener_of_[*trace];
  if (owner == kUnseen) {
    owner = static_cast<std::uint16_t>(listener + 1);
    ++traces_;
  } else if (owner != kMisplaced && owner != listener + 1) {
    owner = kMisplaced;
    ++misplaced_traces_;
  }
}

std::vector<std::pair<TraceId, std::size_t>> SpanLedger::Sample(std::size_t count) const {
  std::vector<std::pair<TraceId, std::size_t>> sample;
  for (std::size_t trace = 0; trace < listener_of_.size() && sample.size() < count; ++trace) {
    const std::uint16_t owner = listener_of_[trace];
    if (owner != kUnseen && owner != kMisplaced) {
      sample.emplace_back(MakeTraceId(trace), std::size_t{owner} - 1);
    }
  }
  return sample;
}

}  // namespace bench
