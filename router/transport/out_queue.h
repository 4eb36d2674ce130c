// OutQueue: bytes on their way to one transport: small frames by copy, message bodies by reference.
//
// Thread safety: its worker only.
// Ownership: keeps every referenced body alive until its last byte was taken by the transport.
// Cost: no allocation once warm; one write per kIovMax segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "router/base/body.h"
#include "router/transport/transport.h"

namespace router {

class OutQueue {
 public:
  // Copies `bytes`. Neighbouring copies become one segment.
  void AppendCopy(std::span<const std::uint8_t> bytes);
  // Refers to `bytes`, which lie inside `body` (its headroom included).
  void AppendReference(std::span<const std::uint8_t> bytes, std::shared_ptr<const Body> body);
  // Writes as much as the transport takes: kOk when nothing is left.
  Transport::Status WriteTo(Transport& transport);

  bool empty() const { return first_ == segments_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  // A segment without a body lies in copies_ at `offset`; the vector may move while more is
  // appended.
  struct Segment {
    const std::uint8_t* reference;
    std::size_t offset;
    std::size_t size;
    std::shared_ptr<const Body> body;
  };
  void Consume(std::size_t bytes);

  std::vector<std::uint8_t> copies_;
  std::vector<Segment> segments_;
  std::size_t first_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace router
