// Body: one contiguous message body, charged to the memory budget byte for byte of its capacity.
//
// In front of the bytes it keeps kHeadroomBytes free, so that a gRPC length prefix can be written
// without a copy and without a second segment.
// Thread safety: one worker only, together with its MemoryAccount, which outlives it.
// Ownership: move-only; shared for sending as std::shared_ptr<const Body> (SharedBody).
// Failure: growing returns false when the budget is full; the body is then unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "router/base/buffer.h"
#include "router/base/memory_budget.h"

namespace router {

class Body {
 public:
  static constexpr std::size_t kHeadroomBytes = 5;  // gRPC: 1 flag + 4 length
  static constexpr std::size_t kArrivalBytes = 64 * 1024;

  explicit Body(MemoryAccount& account) : account_(&account) {}
  ~Body() { Reset(); }
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  // Makes room for `capacity` bytes in all. Keeps the content.
  [[nodiscard]] bool Reserve(std::size_t capacity);
  // Appends a copy; grows by doubling, never beyond what is asked or twice the present capacity.
  [[nodiscard]] bool Append(std::span<const std::uint8_t> bytes);
  // The same for what arrives in pieces: takes ahead at most eight times what came, in few sizes
  // (kArrivalBytes is one), never beyond `size_max`. REQUIRES: size() + bytes.size() <= size_max.
  [[nodiscard]] bool AppendArrived(std::span<const std::uint8_t> bytes, std::size_t size_max);
  // Declares `size` bytes valid, for writers into data(). REQUIRES: size <= capacity().
  void SetSize(std::size_t size);
  // Frees the memory and gives back the charge.
  void Reset();

  std::uint8_t* data() { return memory_.get() + kHeadroomBytes; }
  const std::uint8_t* data() const { return memory_.get() + kHeadroomBytes; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::span<const std::uint8_t> bytes() const {
    return memory_ ? std::span(data(), size_) : std::span<const std::uint8_t>();
  }
  MemoryAccount& account() const { return *account_; }

  // Writes a gRPC message prefix into the headroom and returns prefix + message as one range.
  // REQUIRES: size() < 2^32; allocated (Reserve was called, even with 0).
  std::span<const std::uint8_t> FrameAsGrpc(bool compressed);
  // The same with a prefix for a message of `bytes`, of which this body is only the begin.
  // REQUIRES: bytes < 2^32; allocated.
  std::span<const std::uint8_t> FrameAsGrpc(bool compressed, std::size_t bytes);

 private:
  MemoryAccount* account_;
  Buffer memory_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace router
