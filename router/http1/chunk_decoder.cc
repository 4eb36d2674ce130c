#include "router/http1/chunk_decoder.h"

#include <algorithm>

namespace router {
namespace {

constexpr int kDigitsMax = 15;  // cannot overflow; leading zeros count

int HexValue(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

}  // namespace

bool ChunkDecoder::Refuse(const char* why, int status) {
  why_ = why;
  status_ = status;
  return false;
}

bool ChunkDecoder::AddDigit(std::uint8_t byte) {
  const int value = HexValue(byte);
  if (value < 0) return Refuse("a chunk size that is no hexadecimal number");
  if (++digits_ > kDigitsMax) return Refuse("a chunk size of too many digits");
  left_ = left_ << 4 | static_cast<std::uint64_t>(value);
  state_ = State::kSize;
  return true;
}

// Behind the digits, or in the extension: what comes next?
bool ChunkDecoder::EndSize(std::uint8_t byte) {
  if (byte == '\r') {
    state_ = State::kSizeLf;
    return true;
  }
  if (state_ == State::kSize && byte != ';') {
    return Refuse("a chunk size that is no hexadecimal number");
  }
  if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
    return Refuse("a control character in a chunk extension");
  }
  state_ = State::kExtension;
  if (++extension_bytes_ > kChunkExtensionBytesMax) return Refuse("chunk extensions are too long");
  return true;
}

bool ChunkDecoder::Step(std::uint8_t byte) {
  switch (state_) {
    case State::kSizeFirst:
      return AddDigit(byte);
    case State::kSize:
      return HexValue(byte) >= 0 ? AddDigit(byte) : EndSize(byte);
    case State::kExtension:
      return EndSize(byte);
    case State::kSizeLf:
      if (byte != '\n') return Refuse("a carriage return without a line feed");
      digits_ = 0;
      state_ = left_ > 0 ? State::kData : State::kTrailer;
      return true;
    case State::kDataCr:
      if (byte != '\r') return Refuse("a chunk is longer than its size");
      state_ = State::kDataLf;
      return true;
    case State::kDataLf:
      if (byte != '\n') return Refuse("a chunk is longer than its size");
      state_ = State::kSizeFirst;
      return true;
    case State::kData:
    case State::kTrailer:
    case State::kEnd:
      break;
  }
  return true;
}

ChunkDecoder::Event ChunkDecoder::ReadTrailer(std::span<const std::uint8_t>& bytes) {
  std::size_t taken = 0;
  const LineScanner::Status status = trailer_.Scan(bytes, &taken);
  bytes = bytes.subspan(taken);
  switch (status) {
    case LineScanner::Status::kMore:
      return Event::kNeedMore;
    case LineScanner::Status::kEnd:
      state_ = State::kEnd;
      return Event::kEnd;
    case LineScanner::Status::kBadByte:
      Refuse(trailer_.why());
      return Event::kFault;
    case LineScanner::Status::kFirstTooLong:
    case LineScanner::Status::kBlockTooLarge:
      break;
  }
  Refuse("the trailers are too long", 431);
  return Event::kFault;
}

ChunkDecoder::Event ChunkDecoder::Next(std::span<const std::uint8_t>& bytes) {
  while (!bytes.empty() && state_ != State::kData && state_ != State::kTrailer) {
    const std::uint8_t byte = bytes.front();
    bytes = bytes.subspan(1);
    if (!Step(byte)) return Event::kFault;
  }
  if (bytes.empty()) return Event::kNeedMore;
  if (state_ == State::kTrailer) return ReadTrailer(bytes);
  data_ = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  bytes = bytes.subspan(data_.size());
  left_ -= data_.size();
  if (left_ == 0) state_ = State::kDataCr;
  return Event::kData;
}

}  // namespace router
