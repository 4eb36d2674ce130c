// WireOutput: Protobuf fields appended to a Body whose size nobody knows in advance.
//
// Begin() comes first. Every Put needs room that Ensure() granted before. A message is opened with
// a guess of how many bytes its length will take and moved by a few when the guess was wrong.
// Thread safety: its worker only. Lives for one message; Finish() ends it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "router/base/body.h"
#include "router/otlp/wire_reader.h"

namespace router {

class WireOutput {
 public:
  static constexpr std::size_t kTagBytes = 2;  // of field numbers up to 2047
  static constexpr std::size_t kLengthBytes = wire::kTagBytesMax;

  // `body` is empty and outlives this object.
  WireOutput(Body& body, std::size_t size_max) : body_(body), size_max_(size_max) {}

  // Allocates the body, for `bytes` if they are within the limit; false: the budget is full.
  [[nodiscard]] bool Begin(std::size_t bytes);
  // Room for `bytes` more; false: is_too_large(), or the budget is full.
  [[nodiscard]] bool Ensure(std::size_t bytes) {
    return static_cast<std::size_t>(end_ - next_) >= bytes || Grow(bytes);
  }
  // Declares what was written. False: it is more than size_max bytes.
  [[nodiscard]] bool Finish() {
    body_.SetSize(size());
    is_too_large_ = size() > size_max_;
    return !is_too_large_;
  }
  bool is_too_large() const { return is_too_large_; }

  void PutTag(std::uint32_t field, wire::WireType type) { PutVarint(field << 3 | type); }
  void PutVarint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *next_++ = static_cast<std::uint8_t>(value | 0x80);
    *next_++ = static_cast<std::uint8_t>(value);
  }
  template <typename Word>
  void PutFixed(Word word) {
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(next_, &word, sizeof(word));
    next_ += sizeof(word);
  }
  void PutBytes(std::string_view bytes) {
    std::memcpy(next_, bytes.data(), bytes.size());
    next_ += bytes.size();
  }
  // For writers of at most what was ensured.
  std::uint8_t* next() { return next_; }
  void Advance(std::size_t bytes) { next_ += bytes; }

  // Leaves `width` bytes for a length; returns where. REQUIRES: room for them.
  std::size_t OpenLength(std::size_t width) {
    const std::size_t at = size();
    next_ += width;
    return at;
  }
  // Writes the length of all since OpenLength(width) returned `at`, in its shortest form, or in
  // `width` bytes when `is_padded`. Returns the bytes it took; 0: no room.
  [[nodiscard]] std::size_t CloseLength(std::size_t at, std::size_t width, bool is_padded);

 private:
  std::size_t size() const { return static_cast<std::size_t>(next_ - begin_); }
  [[nodiscard]] bool Grow(std::size_t bytes);
  [[nodiscard]] bool Reserve(std::size_t capacity);

  Body& body_;
  const std::size_t size_max_;
  bool is_too_large_ = false;
  std::uint8_t* begin_ = nullptr;
  std::uint8_t* next_ = nullptr;
  std::uint8_t* end_ = nullptr;
};

// Bytes of `value` as a varint.
constexpr std::size_t VarintBytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

}  // namespace router
