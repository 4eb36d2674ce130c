// GrpcMessageReader: takes the one message of a unary gRPC request or response out of DATA bytes.
//
// Message boundaries do not follow DATA boundaries (rule P-04). The length prefix is a claim: what
// is too large is refused from it at once, but memory is taken only as bytes arrive.
// Thread safety: its worker only.
// Ownership: fills the Body given, which it borrows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "router/base/body.h"

namespace router {

class GrpcMessageReader {
 public:
  enum class Status : std::uint8_t {
    kOk,             // so far, or at the end: exactly one message
    kTooLarge,       // the prefix announces more than the limit
    kBadFlag,        // a compressed flag that is neither 0 nor 1
    kSecondMessage,  // bytes after the one message of a unary call
    kNoMemory,       // the memory budget is full
    kNoMessage,      // Finish(): not one byte came
    kTruncated,      // Finish(): the stream ended inside the prefix or the message
  };

  GrpcMessageReader(Body& body, std::size_t message_bytes_max)
      : body_(body), message_bytes_max_(message_bytes_max) {}

  // After any status but kOk the reader must not be fed again.
  Status Feed(std::span<const std::uint8_t> bytes);
  Status Finish() const;

  bool is_compressed() const { return prefix_[0] != 0; }
  // What the prefix announced; 0 before it is complete.
  std::size_t announced_bytes() const { return announced_; }

 private:
  Status ReadPrefix();

  Body& body_;
  std::size_t message_bytes_max_;
  std::size_t announced_ = 0;
  std::array<std::uint8_t, Body::kHeadroomBytes> prefix_{};
  std::size_t prefix_size_ = 0;
};

}  // namespace router
