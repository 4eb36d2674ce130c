// Message: one gRPC request on the wire to a backend, and the attempts whose spans it carries.
//
// ExportTraceServiceRequests one after the other are one ExportTraceServiceRequest, so attempts
// that leave in the same turn leave as one message (docs/decisions/0016-merging.md). Without
// compression it consists of their bodies, and nothing is copied.
// Thread safety: its worker only.
// Ownership: its Backend's, from being sent until it is answered or carries nobody any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "router/backend/attempt.h"
#include "router/codec/codec.h"
#include "router/http2/client_connection.h"

namespace router {

class Backend;

class Message final : public ResponseSink {
 public:
  explicit Message(Backend& backend) : backend_(backend) {}
  void OnResponse(GrpcResponse&& response) override;

  bool is_merged() const { return attempts_sent > 1; }
  // As new, keeping its memory.
  void Clear();

  std::vector<Attempt*> attempts;  // those not cancelled since
  std::size_t attempts_sent = 0;
  ClientConnection* connection = nullptr;
  ClientCall* call = nullptr;
  bool is_counted_unanswered = false;  // as one call, however many attempts it carries

 private:
  Backend& backend_;
};

// How many of `waiting`, from its begin, may go out as one message of at most `bytes_max` bytes
// before compression; at least 1. REQUIRES: !waiting.empty().
std::size_t CountMergeable(const std::deque<Attempt*>& waiting, std::size_t bytes_max);

// The bytes of one message that carries `attempts`, compressed as they ask for. Nothing: the memory
// budget is full. REQUIRES: as CountMergeable() has it.
std::optional<BodyRanges> Join(std::span<Attempt* const> attempts, Codec& codec);

}  // namespace router
