#include "router/codec/isal_inflater.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>

namespace router {
namespace {

constexpr std::size_t kGzipTrailerBytes = 8;

// Do the bytes begin as a gzip member with the only method there is, as far as they go?
bool IsGzipStart(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 3> kStart = {0x1F, 0x8B, 8};
  const std::size_t size = std::min(bytes.size(), kStart.size());
  return std::equal(kStart.begin(), kStart.begin() + size, bytes.begin());
}

// Method 8, a window of at most 32 KiB, a header that is a multiple of 31, no preset dictionary.
bool IsZlibStart(std::span<const std::uint8_t> bytes) {
  if ((bytes[0] & 0x0F) != 8 || bytes[0] >> 4 > 7) return false;
  if (bytes.size() < 2) return true;
  return (bytes[0] << 8 | bytes[1]) % 31 == 0 && (bytes[1] & 0x20) == 0;
}

}  // namespace

IsalInflater::IsalInflater(Format format)
    : StreamInflater(format == Format::kGzip ? Behind::kFrames : Behind::kNothing),
      format_(format),
      state_(std::make_unique<inflate_state>()) {
  isal_inflate_init(state_.get());
}

IsalInflater::~IsalInflater() = default;

// The last gzip trailer is true for an honest message of one member.
std::size_t IsalInflater::SizeHint(std::span<const std::uint8_t> in) const {
  if (format_ != Format::kGzip || in.size() < kGzipTrailerBytes) return 0;
  return LittleEndian(in.last(4));
}

InflateProgress IsalInflater::BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput&) {
  const bool is_gzip = format_ == Format::kGzip;
  if (is_gzip ? !IsGzipStart(rest) : !IsZlibStart(rest)) return InflateProgress::kMalformed;
  isal_inflate_reset(state_.get());
  state_->crc_flag = is_gzip ? ISAL_GZIP : ISAL_ZLIB;
  return InflateProgress::kMore;
}

StreamInflater::Step IsalInflater::Decode(std::span<const std::uint8_t> in,
                                          std::span<std::uint8_t> room) {
  // ISA-L reads its input through a pointer to non-const; it does not write there.
  state_->next_in = const_cast<std::uint8_t*>(in.data());
  state_->avail_in = static_cast<std::uint32_t>(in.size());
  state_->next_out = room.data();
  state_->avail_out = static_cast<std::uint32_t>(room.size());
  const int code = isal_inflate(state_.get());
  if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) {
    return {0, 0, InflateProgress::kMalformed};  // avail_out may be anything (ISA-L 2.30)
  }
  Step step = {state_->next_in - in.data(), room.size() - state_->avail_out,
               InflateProgress::kMore};
  if (state_->block_state == ISAL_BLOCK_FINISH) {
    step.progress = InflateProgress::kDone;
    step.read -= state_->read_in_length / 8;  // behind zlib's trailer it keeps whole bytes
  }
  return step;
}

void IsalInflater::Forget() { state_->next_in = state_->next_out = nullptr; }

}  // namespace router
