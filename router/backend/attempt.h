// Attempt: one shard of one request on its way to one backend, and how it ended.
//
// Thread safety: its worker only.
// Ownership: the one who asks (forward) owns the attempt and keeps it until OnAttemptDone() or
// until it has called Backend::Cancel().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "router/base/body.h"
#include "router/base/clock.h"
#include "router/base/grpc_code.h"
#include "router/codec/compression.h"

namespace router {

class Backend;
class Message;

// With less time than this left an attempt is not sent: no answer could come in time, and what the
// backend took all the same would be sent again.
inline constexpr milliseconds kSendTimeMin{5};

// What a backend said, or that it could not be asked.
struct AttemptResult {
  enum class Kind : std::uint8_t {
    kAccepted,   // OK; `rejected_spans` of them refused by the backend, with `message`
    kPermanent,  // `code` is final: the same bytes must not be sent again
    kTransient,  // may work later; `retry_delay` when the backend said when
    kThrottled,  // RESOURCE_EXHAUSTED with a delay: the backend asks for patience
  };
  Kind kind = Kind::kTransient;
  GrpcCode code = GrpcCode::kUnavailable;
  bool was_processed_maybe = true;  // false: proved unprocessed, sending again makes no duplicate
  bool may_retry = true;   // false: the backend has enough waiting, or does not want it again
  bool was_taken = false;  // of kPermanent: OK was said, but what was left out cannot be read
  std::uint64_t rejected_spans = 0;
  std::string message = {};
  std::optional<milliseconds> retry_delay = {};
};

class Attempt {
 public:
  virtual void OnAttemptDone(AttemptResult&& result) = 0;

  // Its bytes were given to a connection, at the end of the turn or later; before that, cancelling
  // it leaves no trace anywhere.
  bool is_on_wire() const { return message_ != nullptr; }

  // OnAttemptDone() follows in this turn, whatever time it is.
  bool has_ended() const { return has_ended_; }

  // Set before Backend::Send().
  std::shared_ptr<const Body> body;
  std::span<const std::uint8_t> frame;           // gRPC prefix and message, inside `body`
  Compression compression = Compression::kNone;  // what it is sent in; `frame` is not compressed
  std::size_t spans = 0;
  bool is_retry = false;    // charged to the backend's retry budget
  bool goes_alone = false;  // never merged: one of those it was merged with is refused for good
  bool is_abandoned =
      false;             // nobody waits any more: finish what is on the wire, send nothing again
  TimePoint deadline{};  // of the attempt: told to the backend as grpc-timeout

 protected:
  virtual ~Attempt() = default;

 private:
  friend class Backend;

  Backend* backend_ = nullptr;  // null when not in a backend's hands
  Message* message_ = nullptr;  // null while waiting
  TimePoint sent_at_{};
  bool has_ended_ = false;
  bool was_resent_ = false;  // rules P-09, P-10: a proof of "not processed" is used once
};

}  // namespace router
