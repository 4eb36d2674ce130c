#include "router/codec/snappy.h"

#include <isa-l/crc.h>
#include <snappy-c.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "router/codec/growing_output.h"
#include "router/codec/stream_inflater.h"
#include "router/codec/work_bound.h"

namespace router {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 10> kStreamIdentifier = {0xFF, 6,   0,   0,   's',
                                                            'N',  'a', 'P', 'p', 'Y'};
constexpr std::size_t kChunkHeaderBytes = 4;  // type, length of what follows
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kChunkContentBytesMax = 65536;
constexpr std::size_t kBlockRatioMax = 22;  // a copy of 64 bytes takes 3

enum ChunkType : std::uint8_t {
  kCompressed = 0x00,
  kStored = 0x01,
  kFirstSkippable = 0x80,
  kIdentifier = 0xFF,
};

struct Chunk {
  std::uint8_t type;
  Bytes body;
  std::size_t size() const { return kChunkHeaderBytes + body.size(); }
};

const char* Chars(const std::uint8_t* bytes) { return reinterpret_cast<const char*>(bytes); }

bool IsFramed(Bytes in) {
  const std::size_t size = std::min(in.size(), kStreamIdentifier.size());
  return std::equal(kStreamIdentifier.begin(), kStreamIdentifier.begin() + size, in.begin());
}

// False: `rest` ends within the chunk.
bool ReadChunk(Bytes rest, Chunk& chunk) {
  if (rest.size() < kChunkHeaderBytes) return false;
  const auto length = static_cast<std::size_t>(LittleEndian(rest.subspan(1, 3)));
  if (rest.size() - kChunkHeaderBytes < length) return false;
  chunk = {rest[0], rest.subspan(kChunkHeaderBytes, length)};
  return true;
}

std::uint32_t MaskedCrc(const std::uint8_t* bytes, std::size_t size) {
  // ISA-L reads through a pointer to non-const; it does not write there.
  const std::uint32_t crc =
      ~crc32_iscsi(const_cast<std::uint8_t*>(bytes), static_cast<int>(size), 0xFFFFFFFF);
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

// Of the content of a data chunk; false: it cannot be one.
bool ContentSize(const Chunk& chunk, std::size_t& size) {
  if (chunk.body.size() < kCrcBytes) return false;
  const Bytes data = chunk.body.subspan(kCrcBytes);
  size = data.size();
  if (chunk.type == kCompressed &&
      snappy_uncompressed_length(Chars(data.data()), data.size(), &size) != SNAPPY_OK) {
    return false;
  }
  return size <= kChunkContentBytesMax;
}

// Writes data of a known size to `to`; false: damaged.
bool Uncompress(Bytes data, std::uint8_t* to, std::size_t size) {
  return snappy_uncompress(Chars(data.data()), data.size(), reinterpret_cast<char*>(to), &size) ==
         SNAPPY_OK;
}

InflateProgress InflateDataChunk(const Chunk& chunk, BoundedOutput& output) {
  std::size_t size = 0;
  if (!ContentSize(chunk, size)) return InflateProgress::kMalformed;
  const InflateProgress prepared = output.Prepare(size);
  if (prepared != InflateProgress::kMore) return prepared;
  std::uint8_t* const to = output.Room().data();
  const Bytes data = chunk.body.subspan(kCrcBytes);
  if (chunk.type == kStored) {
    std::copy(data.begin(), data.end(), to);
  } else if (!Uncompress(data, to, size)) {
    return InflateProgress::kMalformed;
  }
  if (MaskedCrc(to, size) != LittleEndian(chunk.body.first(kCrcBytes))) {
    return InflateProgress::kMalformed;
  }
  return output.Take(size);
}

InflateProgress InflateFramed(Bytes in, BoundedOutput& output) {
  // Go's writer has written nothing at all when there was nothing to write.
  if (in.empty()) return InflateProgress::kDone;
  if (in.size() < kStreamIdentifier.size()) return InflateProgress::kTruncated;
  WorkBound work(in);
  const std::uint8_t* next = in.data();
  while (!work.Rest(next).empty()) {
    Chunk chunk{};
    if (!ReadChunk(work.Rest(next), chunk)) return InflateProgress::kTruncated;
    InflateProgress progress = InflateProgress::kMore;
    if (chunk.type == kCompressed || chunk.type == kStored) {
      progress = InflateDataChunk(chunk, output);
    } else if (chunk.type == kIdentifier) {
      const bool is_right = chunk.size() == kStreamIdentifier.size() && IsFramed(work.Rest(next));
      if (!is_right) progress = InflateProgress::kMalformed;
    } else if (chunk.type < kFirstSkippable) {
      progress = InflateProgress::kMalformed;
    }
    if (progress != InflateProgress::kMore) return progress;
    next += chunk.size();
    if (work.IsExceeded(next, output.size())) return InflateProgress::kOverworked;
  }
  return InflateProgress::kDone;
}

InflateProgress InflateBlock(Bytes in, BoundedOutput& output) {
  std::size_t size = 0;
  if (snappy_uncompressed_length(Chars(in.data()), in.size(), &size) != SNAPPY_OK ||
      size > kBlockRatioMax * in.size()) {
    return InflateProgress::kMalformed;
  }
  const InflateProgress prepared = output.Prepare(size);
  if (prepared != InflateProgress::kMore) return prepared;
  if (!Uncompress(in, output.Room().data(), size)) return InflateProgress::kMalformed;
  const InflateProgress taken = output.Take(size);
  return taken == InflateProgress::kMore ? InflateProgress::kDone : taken;
}

void WriteChunkHeader(std::uint8_t* to, ChunkType type, std::size_t data_bytes, std::uint32_t crc) {
  const std::size_t length = kCrcBytes + data_bytes;
  to[0] = type;
  for (std::size_t i = 0; i < 3; ++i) to[1 + i] = static_cast<std::uint8_t>(length >> (8 * i));
  for (std::size_t i = 0; i < 4; ++i) to[4 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
}

}  // namespace

// Exact for what is not damaged: every chunk, and a block, says its size in front.
std::size_t SnappyInflater::SizeHint(Bytes in) const {
  std::size_t total = 0;
  if (!IsFramed(in)) {
    const bool is_known =
        snappy_uncompressed_length(Chars(in.data()), in.size(), &total) == SNAPPY_OK;
    return is_known && total <= kBlockRatioMax * in.size() ? total : 0;
  }
  Chunk chunk{};
  while (ReadChunk(in, chunk)) {
    std::size_t size = 0;
    if (chunk.type == kCompressed || chunk.type == kStored) {
      if (!ContentSize(chunk, size)) break;
    }
    total += size;
    in = in.subspan(chunk.size());
  }
  return total;
}

InflateProgress SnappyInflater::InflateAll(Bytes in, BoundedOutput& output) {
  return IsFramed(in) ? InflateFramed(in, output) : InflateBlock(in, output);
}

bool SnappyDeflater::Deflate(Bytes in, Body& out) {
  constexpr std::size_t kDataHeaderBytes = kChunkHeaderBytes + kCrcBytes;
  const std::size_t chunk_bytes_max = snappy_max_compressed_length(kChunkContentBytesMax);
  if (!chunk_) chunk_ = std::make_unique_for_overwrite<std::uint8_t[]>(chunk_bytes_max);
  const std::size_t chunks = in.size() / kChunkContentBytesMax + 1;
  GrowingOutput output(out, in.size(),
                       kStreamIdentifier.size() + in.size() + chunks * kDataHeaderBytes);
  std::span<std::uint8_t> room = output.Room(kStreamIdentifier.size());
  if (!room.empty()) {
    std::copy(kStreamIdentifier.begin(), kStreamIdentifier.end(), room.begin());
    output.Take(kStreamIdentifier.size());
  }
  while (!room.empty() && !in.empty()) {
    const Bytes content = in.first(std::min(in.size(), kChunkContentBytesMax));
    std::size_t packed_bytes = chunk_bytes_max;
    snappy_compress(Chars(content.data()), content.size(), reinterpret_cast<char*>(chunk_.get()),
                    &packed_bytes);
    // What does not shrink by an eighth is not worth the reader's time.
    const bool is_packed = packed_bytes < content.size() - content.size() / 8;
    const Bytes data = is_packed ? Bytes(chunk_.get(), packed_bytes) : content;
    room = output.Room(kDataHeaderBytes + data.size());
    if (room.empty()) break;
    WriteChunkHeader(room.data(), is_packed ? kCompressed : kStored, data.size(),
                     MaskedCrc(content.data(), content.size()));
    std::copy(data.begin(), data.end(), room.begin() + kDataHeaderBytes);
    output.Take(kDataHeaderBytes + data.size());
    in = in.subspan(content.size());
  }
  if (room.empty()) out.Reset();
  return !room.empty();
}

}  // namespace router
