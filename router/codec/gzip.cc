#include "router/codec/gzip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <ctime>
#include <limits>

namespace router {
namespace {

constexpr std::size_t kUint32Max = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kFirstStepBytes = 64 * 1024;
constexpr std::size_t kTrailerBytes = 8;
constexpr std::size_t kGzipOverheadBytes = 64;  // header, trailer, a block header

// ISA-L reads its input through a pointer to non-const; it does not write there.
std::uint8_t* InputPointer(std::span<const std::uint8_t> in) {
  return const_cast<std::uint8_t*>(in.data());
}

// What the last member's trailer says about its size. True for an honest message of one member;
// else only a hint that costs a reservation within the limits.
std::size_t SizeHint(std::span<const std::uint8_t> in) {
  if (in.size() < kTrailerBytes) return 0;
  std::size_t size = 0;
  for (int i = 3; i >= 0; --i) size = size << 8 | in[in.size() - 4 + static_cast<std::size_t>(i)];
  return size;
}

// Do the bytes begin as a member with the only method there is, as far as they go?
bool IsMemberStart(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::array<std::uint8_t, 3> kStart = {0x1F, 0x8B, 8};
  return std::equal(kStart.begin(), kStart.begin() + std::min(size, kStart.size()), bytes);
}

// Growing copies: both copies together stay within 1.2 times the maximum as long as growth starts
// from at most a fifth of it. Hence doubling below, and one step to the maximum from there.
bool CanGrowFrom(std::size_t capacity, std::size_t capacity_max) {
  return capacity <= capacity_max / 5;
}

std::size_t NextCapacity(std::size_t capacity, std::size_t capacity_max) {
  const std::size_t doubled = std::max(2 * capacity, kFirstStepBytes);
  return CanGrowFrom(doubled, capacity_max) ? doubled : capacity_max;
}

std::int64_t ThreadCpuNanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

// One input on its way through ISA-L, slice by slice, and the work done for it. An empty block of
// 10 bits costs a third of a microsecond, so neither input nor output size bounds the time; this
// does.
class GzipCodec::WorkBound {
 public:
  explicit WorkBound(std::span<const std::uint8_t> in)
      : end_(in.data() + in.size()), checked_(in.data()) {
    if (in.size() > kSliceBytes) started_ns_ = ThreadCpuNanoseconds();
  }

  std::size_t Left(const std::uint8_t* next) const { return static_cast<std::size_t>(end_ - next); }
  std::uint32_t Slice(const std::uint8_t* next) const {
    return static_cast<std::uint32_t>(std::min(Left(next), kSliceBytes));
  }

  // Asks the clock once per slice of input, thus never for messages of one slice.
  bool IsExceeded(const std::uint8_t* next, std::size_t output_bytes) {
    const auto since_check = static_cast<std::size_t>(next - checked_);
    read_bytes_ += since_check;
    unchecked_bytes_ += since_check;
    checked_ = next;
    if (unchecked_bytes_ < kSliceBytes) return false;
    unchecked_bytes_ = 0;
    const auto bytes = static_cast<std::int64_t>(read_bytes_ + output_bytes);
    return ThreadCpuNanoseconds() - started_ns_ > kFreeNs + kNsPerByteMax * bytes;
  }

 private:
  static constexpr std::size_t kSliceBytes = 256 * 1024;
  static constexpr std::int64_t kFreeNs = 50'000'000;
  static constexpr std::int64_t kNsPerByteMax = 20;

  const std::uint8_t* end_;
  const std::uint8_t* checked_;
  std::size_t read_bytes_ = 0;
  std::size_t unchecked_bytes_ = 0;
  std::int64_t started_ns_ = 0;
};

GzipCodec::GzipCodec()
    : inflate_(std::make_unique<inflate_state>()),
      deflate_(std::make_unique<isal_zstream>()),
      level_buffer_(ISAL_DEF_LVL1_DEFAULT) {
  isal_inflate_init(inflate_.get());
  isal_deflate_init(deflate_.get());
}

GzipCodec::~GzipCodec() = default;

std::optional<InflateError> GzipCodec::Inflate(std::span<const std::uint8_t> in,
                                               const InflateLimits& limits, Body& out) {
  assert(in.size() <= kUint32Max && limits.output_bytes_max < kUint32Max && out.size() == 0);
  const std::size_t ratio_max = std::max(kRatioFreeBytes, kRatioMax * in.size());
  const std::size_t size_max = std::min(limits.output_bytes_max, ratio_max);

  Progress progress = Progress::kGrow;
  std::size_t capacity = std::min(SizeHint(in), size_max);
  while (progress == Progress::kGrow) {
    // A reservation too large to be copied turned out too small: the last trailer spoke for its own
    // member only, or lied. Start again with all there may be; that happens once.
    out.Reset();
    if (!out.Reserve(capacity)) return InflateError::kNoMemory;
    progress = InflateMembers(in, size_max, out);
    capacity = size_max;
  }
  if (progress == Progress::kDone) return std::nullopt;
  out.Reset();
  switch (progress) {
    case Progress::kTruncated:
      return InflateError::kTruncated;
    case Progress::kTooLarge:
      return size_max < limits.output_bytes_max ? InflateError::kRatio : InflateError::kTooLarge;
    case Progress::kOverworked:
      return InflateError::kRatio;
    case Progress::kNoMemory:
      return InflateError::kNoMemory;
    default:
      return InflateError::kMalformed;
  }
}

GzipCodec::Progress GzipCodec::InflateMembers(std::span<const std::uint8_t> in,
                                              std::size_t size_max, Body& out) {
  inflate_->next_in = InputPointer(in);
  WorkBound work(in);
  Progress progress;
  do {
    progress = InflateMember(work, size_max, out);
  } while (progress == Progress::kDone && work.Left(inflate_->next_in) > 0);
  inflate_->next_in = inflate_->next_out = nullptr;  // nothing into messages that are gone
  return progress;
}

GzipCodec::Progress GzipCodec::InflateMember(WorkBound& work, std::size_t size_max, Body& out) {
  if (!IsMemberStart(inflate_->next_in, work.Left(inflate_->next_in))) return Progress::kMalformed;
  isal_inflate_reset(inflate_.get());
  inflate_->crc_flag = ISAL_GZIP;
  while (true) {
    // At size_max a spare byte stands in for the output: a full limit passes, one more byte does
    // not.
    std::uint8_t excess = 0;
    const bool is_full = out.size() == size_max;
    const std::size_t offered = is_full ? 1 : out.capacity() - out.size();
    inflate_->next_out = is_full ? &excess : out.data() + out.size();
    inflate_->avail_out = static_cast<std::uint32_t>(offered);
    inflate_->avail_in = work.Slice(inflate_->next_in);

    const std::uint8_t* next_before = inflate_->next_in;
    const int code = isal_inflate(inflate_.get());
    const std::size_t written = offered - inflate_->avail_out;
    if (is_full && written > 0) return Progress::kTooLarge;
    out.SetSize(out.size() + written);
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) return Progress::kMalformed;
    if (work.IsExceeded(inflate_->next_in, out.size())) return Progress::kOverworked;
    if (inflate_->block_state == ISAL_BLOCK_FINISH) return Progress::kDone;
    if (inflate_->avail_out > 0) {  // it wants to read
      const bool is_stuck = written == 0 && inflate_->next_in == next_before;
      if (is_stuck || work.Left(inflate_->next_in) == 0) return Progress::kTruncated;
      continue;
    }
    if (out.size() == size_max || out.size() < out.capacity()) continue;
    if (!CanGrowFrom(out.capacity(), size_max)) return Progress::kGrow;
    if (!out.Reserve(NextCapacity(out.capacity(), size_max))) return Progress::kNoMemory;
  }
}

bool GzipCodec::Deflate(std::span<const std::uint8_t> in, Body& out) {
  assert(in.size() <= kUint32Max);
  isal_deflate_reset(deflate_.get());
  deflate_->level = 1;
  deflate_->level_buf = level_buffer_.data();
  deflate_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
  deflate_->gzip_flag = IGZIP_GZIP;
  deflate_->flush = NO_FLUSH;
  deflate_->end_of_stream = 1;
  deflate_->next_in = InputPointer(in);
  deflate_->avail_in = static_cast<std::uint32_t>(in.size());

  // Traces shrink to a sixth or less; what does not fit doubles, and stops first at what always
  // fits.
  const std::size_t stored = out.size() + in.size() + in.size() / 256 + kGzipOverheadBytes;
  bool is_granted = out.Reserve(out.size() + in.size() / 6 + kGzipOverheadBytes);
  while (is_granted) {
    const std::size_t room = std::min(out.capacity() - out.size(), kUint32Max);
    deflate_->next_out = out.data() + out.size();
    deflate_->avail_out = static_cast<std::uint32_t>(room);
    [[maybe_unused]] const int code = isal_deflate(deflate_.get());
    assert(code == COMP_OK);
    out.SetSize(out.size() + room - deflate_->avail_out);
    if (deflate_->internal_state.state == ZSTATE_END) break;
    const std::size_t doubled = 2 * out.capacity();
    is_granted = out.Reserve(out.capacity() < stored ? std::min(doubled, stored) : doubled);
  }
  if (!is_granted) out.Reset();
  deflate_->next_in = deflate_->next_out = nullptr;
  return is_granted;
}

}  // namespace router
