#include "router/codec/stream_inflater.h"

namespace router {
namespace {

constexpr std::size_t kSkippableHeaderBytes = 8;

// 16 magic numbers, 0x184D2A50 to 0x184D2A5F, are kept free for data that is none of ours.
bool IsSkippable(std::span<const std::uint8_t> rest) {
  return rest.size() >= 4 && (LittleEndian(rest.first(4)) & 0xFFFFFFF0) == 0x184D2A50;
}

}  // namespace

std::uint64_t LittleEndian(std::span<const std::uint8_t> bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) number = number << 8 | bytes[i - 1];
  return number;
}

InflateProgress StreamInflater::InflateAll(std::span<const std::uint8_t> in,
                                           BoundedOutput& output) {
  if (in.empty()) return InflateProgress::kTruncated;
  WorkBound work(in);
  const std::uint8_t* next = in.data();
  do {
    const std::span<const std::uint8_t> rest = work.Rest(next);
    if (behind_ == Behind::kFramesAndSkippable && IsSkippable(rest)) {
      if (rest.size() < kSkippableHeaderBytes) return InflateProgress::kTruncated;
      const std::uint64_t size = kSkippableHeaderBytes + LittleEndian(rest.subspan(4, 4));
      if (size > rest.size()) return InflateProgress::kTruncated;
      next += size;
      continue;
    }
    InflateProgress progress = BeginFrame(rest, output);
    if (progress == InflateProgress::kMore) progress = InflateFrame(work, next, output);
    if (progress != InflateProgress::kDone) return progress;
    if (behind_ == Behind::kNothing) break;
  } while (!work.Rest(next).empty());
  return work.Rest(next).empty() ? InflateProgress::kDone : InflateProgress::kMalformed;
}

InflateProgress StreamInflater::InflateFrame(WorkBound& work, const std::uint8_t*& next,
                                             BoundedOutput& output) {
  while (true) {
    const std::span<std::uint8_t> room = output.Room();
    const Step step = Decode(work.Slice(next), room);
    next += step.read;
    const InflateProgress taken = output.Take(step.written);
    if (taken != InflateProgress::kMore) return taken;
    if (step.progress != InflateProgress::kMore && step.progress != InflateProgress::kDone) {
      return step.progress;
    }
    if (work.IsExceeded(next, output.size())) return InflateProgress::kOverworked;
    if (step.progress == InflateProgress::kDone) return InflateProgress::kDone;
    if (step.written < room.size()) {  // it wants to read
      const bool is_stuck = step.written == 0 && step.read <= 0;
      if (is_stuck || work.Rest(next).empty()) return InflateProgress::kTruncated;
    }
  }
}

}  // namespace router
