#include "router/codec/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <optional>

#include "router/codec/growing_output.h"

namespace router {
namespace {

constexpr std::uint32_t kMagic = 0xFD2FB528;
constexpr std::size_t kMagicBytes = 4;
// The decoder's input block, and what its window has on top of the size that the frame asks for.
constexpr std::size_t kBlockBuffersBytes = 3 * 128 * 1024;

struct FrameHeader {
  std::uint64_t window_bytes;
  std::optional<std::uint64_t> content_bytes;
};

// RFC 8878, 3.1.1.1. Nothing when `frame` is too short for its header.
std::optional<FrameHeader> ReadFrameHeader(std::span<const std::uint8_t> frame) {
  constexpr std::array<std::size_t, 4> kDictionaryIdBytes = {0, 1, 2, 4};
  constexpr std::array<std::size_t, 4> kContentSizeBytes = {0, 2, 4, 8};
  if (frame.size() <= kMagicBytes) return std::nullopt;
  const std::uint8_t descriptor = frame[kMagicBytes];
  const bool is_single_segment = (descriptor & 0x20) != 0;
  const std::size_t window_at = kMagicBytes + 1;
  const std::size_t content_at =
      window_at + (is_single_segment ? 0 : 1) + kDictionaryIdBytes[descriptor & 3];
  std::size_t content_size_bytes = kContentSizeBytes[descriptor >> 6];
  if (content_size_bytes == 0 && is_single_segment) content_size_bytes = 1;
  if (frame.size() < content_at + content_size_bytes) return std::nullopt;

  FrameHeader header{};
  if (content_size_bytes > 0) {
    header.content_bytes = LittleEndian(frame.subspan(content_at, content_size_bytes)) +
                           (content_size_bytes == 2 ? 256 : 0);
  }
  if (is_single_segment) {
    header.window_bytes = *header.content_bytes;
  } else {
    const std::uint64_t base = std::uint64_t{1} << (10 + (frame[window_at] >> 3));
    header.window_bytes = base + base / 8 * (frame[window_at] & 7);
  }
  return header;
}

bool IsFrameStart(std::span<const std::uint8_t> rest) {
  const std::size_t size = std::min(rest.size(), kMagicBytes);
  for (std::size_t i = 0; i < size; ++i) {
    if (rest[i] != static_cast<std::uint8_t>(kMagic >> (8 * i))) return false;
  }
  return true;
}

// libzstd then decodes straight into the output, without a window.
bool IsDecodedInOnePass(const FrameHeader& header, std::span<const std::uint8_t> slice,
                        std::size_t room_bytes) {
  if (!header.content_bytes || *header.content_bytes > room_bytes) return false;
  return ZSTD_isError(ZSTD_findFrameCompressedSize(slice.data(), slice.size())) == 0;
}

InflateProgress ProgressOf(std::size_t result) {
  if (result == 0) return InflateProgress::kDone;
  if (ZSTD_isError(result) == 0) return InflateProgress::kMore;
  return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? InflateProgress::kNoMemory
                                                                   : InflateProgress::kMalformed;
}

}  // namespace

void ZstdInflater::FreeContext::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }
void ZstdDeflater::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

std::size_t ZstdInflater::context_bytes() const {
  return context_ ? ZSTD_sizeof_DCtx(context_.get()) : 0;
}

// Of the first frame, which is most often the only one.
std::size_t ZstdInflater::SizeHint(std::span<const std::uint8_t> in) const {
  if (!IsFrameStart(in)) return 0;
  const std::optional<FrameHeader> header = ReadFrameHeader(in);
  return header && header->content_bytes ? static_cast<std::size_t>(*header->content_bytes) : 0;
}

InflateProgress ZstdInflater::BeginFrame(std::span<const std::uint8_t> rest,
                                         BoundedOutput& output) {
  if (!IsFrameStart(rest)) return InflateProgress::kMalformed;
  const std::optional<FrameHeader> header = ReadFrameHeader(rest);
  if (!header) return InflateProgress::kTruncated;
  const auto slice = rest.first(std::min(rest.size(), WorkBound::kSliceBytes));
  if (!IsDecodedInOnePass(*header, slice, output.Room().size())) {
    constexpr std::uint64_t kWindowBytesMax = std::uint64_t{1} << kWindowLogMax;
    if (header->window_bytes > kWindowBytesMax) return InflateProgress::kMalformed;
    const auto scratch = static_cast<std::size_t>(header->window_bytes) + kBlockBuffersBytes;
    if (!output.ChargeScratch(scratch)) return InflateProgress::kNoMemory;
  }
  if (!context_) {
    context_.reset(ZSTD_createDCtx());
    if (!context_) return InflateProgress::kNoMemory;
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }
  ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  return InflateProgress::kMore;
}

StreamInflater::Step ZstdInflater::Decode(std::span<const std::uint8_t> in,
                                          std::span<std::uint8_t> room) {
  ZSTD_inBuffer from = {in.data(), in.size(), 0};
  ZSTD_outBuffer to = {room.data(), room.size(), 0};
  const std::size_t result = ZSTD_decompressStream(context_.get(), &to, &from);
  return {static_cast<std::ptrdiff_t>(from.pos), to.pos, ProgressOf(result)};
}

void ZstdInflater::Forget() {
  if (context_bytes() > kKeptBytes) context_.reset();
}

bool ZstdDeflater::Deflate(std::span<const std::uint8_t> in, Body& out) {
  if (!context_) {
    context_.reset(ZSTD_createCCtx());
    if (!context_) {
      out.Reset();
      return false;
    }
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only);
  ZSTD_CCtx_setPledgedSrcSize(context_.get(), in.size());

  GrowingOutput output(out, in.size(), ZSTD_compressBound(in.size()) + 4);  // 4: the checksum
  ZSTD_inBuffer from = {in.data(), in.size(), 0};
  std::size_t left = 1;
  while (left > 0) {
    const std::span<std::uint8_t> room = output.Room();
    ZSTD_outBuffer to = {room.data(), room.size(), 0};
    if (!room.empty()) left = ZSTD_compressStream2(context_.get(), &to, &from, ZSTD_e_end);
    if (room.empty() || ZSTD_isError(left) != 0) {
      out.Reset();
      return false;
    }
    output.Take(to.pos);
  }
  return true;
}

}  // namespace router
