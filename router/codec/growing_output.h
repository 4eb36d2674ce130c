// GrowingOutput: a Body that is being compressed into behind what it already holds.
//
// Traces shrink to a sixth or less: that much is reserved at first; what does not fit doubles, and
// stops first at what always fits.
// Thread safety: its worker only. Lives for one message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "router/base/body.h"

namespace router {

class GrowingOutput {
 public:
  // `stored_bytes`: what `in_bytes` take at worst. `body` outlives this object.
  GrowingOutput(Body& body, std::size_t in_bytes, std::size_t stored_bytes)
      : body_(body), stored_(body.size() + stored_bytes), first_(body.size() + in_bytes / 6 + 64) {}

  // At least `bytes` of room; empty: the budget is full.
  std::span<std::uint8_t> Room(std::size_t bytes = 1) {
    const std::size_t needed = body_.size() + bytes;
    if (needed > body_.capacity() || body_.capacity() == 0) {
      std::size_t capacity = std::max(first_, 2 * body_.capacity());
      if (body_.capacity() < stored_) capacity = std::min(capacity, stored_);
      if (!body_.Reserve(std::max(needed, capacity))) return {};
    }
    return {body_.data() + body_.size(), body_.capacity() - body_.size()};
  }
  void Take(std::size_t written) { body_.SetSize(body_.size() + written); }

 private:
  Body& body_;
  const std::size_t stored_;
  const std::size_t first_;
};

}  // namespace router
