#include "router/codec/lz4.h"

#include <lz4frame.h>

#include <algorithm>

namespace router {
namespace {

constexpr std::uint32_t kMagic = 0x184D2204;
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kHeaderBytesMin = 7;  // magic, flags, block descriptor, checksum
constexpr std::uint8_t kHasContentSize = 0x08;
constexpr std::size_t kContentSizeAt = 6;
constexpr std::size_t kHistoryBytes = 128 * 1024;  // what the decoder keeps between linked blocks
constexpr std::size_t kKeptBlockBytes = 256 * 1024;

bool IsFrameStart(std::span<const std::uint8_t> rest) {
  const std::size_t size = std::min(rest.size(), kMagicBytes);
  for (std::size_t i = 0; i < size; ++i) {
    if (rest[i] != static_cast<std::uint8_t>(kMagic >> (8 * i))) return false;
  }
  return true;
}

// 64 KiB, 256 KiB, 1 MiB or 4 MiB; 0 for a descriptor that does not exist.
// REQUIRES: frame.size() >= kHeaderBytesMin.
std::size_t BlockBytesMax(std::span<const std::uint8_t> frame) {
  const unsigned id = frame[5] >> 4 & 7;
  return id < 4 ? 0 : std::size_t{1} << (8 + 2 * id);
}

}  // namespace

void Lz4Inflater::FreeContext::operator()(LZ4F_dctx_s* context) const {
  LZ4F_freeDecompressionContext(context);
}

std::size_t Lz4Inflater::SizeHint(std::span<const std::uint8_t> in) const {
  if (!IsFrameStart(in) || in.size() < kContentSizeAt + 8) return 0;
  if ((in[kMagicBytes] & kHasContentSize) == 0) return 0;
  return static_cast<std::size_t>(LittleEndian(in.subspan(kContentSizeAt, 8)));
}

InflateProgress Lz4Inflater::BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput& output) {
  if (!IsFrameStart(rest)) return InflateProgress::kMalformed;
  if (rest.size() < kHeaderBytesMin) return InflateProgress::kTruncated;
  const std::size_t block_bytes = BlockBytesMax(rest);
  if (block_bytes == 0) return InflateProgress::kMalformed;
  block_bytes_max_ = std::max(block_bytes_max_, block_bytes);
  if (!output.ChargeScratch(2 * block_bytes_max_ + kHistoryBytes)) {
    return InflateProgress::kNoMemory;
  }
  if (context_) {
    LZ4F_resetDecompressionContext(context_.get());
  } else {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) {
      return InflateProgress::kNoMemory;
    }
    context_.reset(context);
  }
  is_in_frame_ = true;
  return InflateProgress::kMore;
}

StreamInflater::Step Lz4Inflater::Decode(std::span<const std::uint8_t> in,
                                         std::span<std::uint8_t> room) {
  std::size_t written = room.size();
  std::size_t read = in.size();
  const std::size_t result =
      LZ4F_decompress(context_.get(), room.data(), &written, in.data(), &read, nullptr);
  if (LZ4F_isError(result) != 0) return {0, 0, InflateProgress::kMalformed};
  is_in_frame_ = result != 0;
  return {static_cast<std::ptrdiff_t>(read), written,
          is_in_frame_ ? InflateProgress::kMore : InflateProgress::kDone};
}

void Lz4Inflater::Forget() {
  if (block_bytes_max_ <= kKeptBlockBytes && !is_in_frame_) return;
  context_.reset();
  is_in_frame_ = false;
  block_bytes_max_ = 0;
}

}  // namespace router
