// BoundedOutput: a Body that is being inflated into, up to an exact number of bytes.
//
// Thread safety: its worker only. Lives for one message.
// Invariants: the body's capacity never exceeds size_max. No growth before there is a byte that
// needs it; then it doubles, and from 1 MiB on no copy is made (Buffer), so that at most size_max
// is resident.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "router/base/body.h"

namespace router {

// How inflating goes on.
enum class InflateProgress : std::uint8_t {
  kMore,
  kDone,
  kMalformed,
  kTruncated,
  kTooLarge,    // more than size_max bytes
  kOverworked,  // too much work for what came out
  kNoMemory,
};

class BoundedOutput {
 public:
  // `body` outlives this object.
  BoundedOutput(Body& body, std::size_t size_max) : body_(body), size_max_(size_max) {}
  ~BoundedOutput() { body_.account().Release(scratch_bytes_); }
  BoundedOutput(const BoundedOutput&) = delete;
  BoundedOutput& operator=(const BoundedOutput&) = delete;

  // Before anything is written: room for `capacity`, at most size_max. False: the budget is full.
  [[nodiscard]] bool Reserve(std::size_t capacity) { return body_.Reserve(capacity); }

  // Where to write next; never empty. A spare byte when the capacity is used up, so that exactly
  // full passes and growth has a reason.
  std::span<std::uint8_t> Room();
  // The first `written` bytes of the last Room() are valid: kMore, kTooLarge or kNoMemory.
  InflateProgress Take(std::size_t written);
  // Makes the next Room() at least `bytes` long: kMore, kTooLarge or kNoMemory.
  InflateProgress Prepare(std::size_t bytes);

  // Charges the decoder's own memory, `bytes` in all, until the message is over. False: the budget
  // is full.
  [[nodiscard]] bool ChargeScratch(std::size_t bytes);

  std::size_t size() const { return body_.size(); }

 private:
  Body& body_;
  const std::size_t size_max_;
  std::size_t scratch_bytes_ = 0;
  std::uint8_t spare_ = 0;
};

}  // namespace router
