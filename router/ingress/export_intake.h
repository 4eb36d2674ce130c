// ExportIntake: one export request from its last header to its verdict, whatever carries it.
//
// The face (GrpcStream, HttpStream) reads headers and framing, fills body(), and turns the verdict
// into an answer. In between everything is the same for all: counting in the ledger, deadline,
// admission, limits, decompression, forwarding.
//
//   Count() ─► Begin() ─► body() grows ─► End() ─► OnVerdict()
//      └──────────┴───────────┴─────────────┴─ EndEarly(), the deadline or Cancel() may end it
//
// Order of refusal, cheapest first: what the headers say, memory, the body as it grows, then its
// decompression, then its content. What is refused early costs nobody else anything.
// Thread safety: its worker only.
// Invariants: after Count() the ledger holds the request as in flight until exactly one of
// OnVerdict() and Cancel(). Before Count() there is nothing to end.
// Ownership: its face's; an export call in flight outlives it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "router/auth/authenticator.h"
#include "router/base/body.h"
#include "router/base/timer_wheel.h"
#include "router/codec/compression.h"
#include "router/forward/forwarder.h"
#include "router/forward/upload_gate.h"
#include "router/ingress/ingress_context.h"

namespace router {

// What a face of the router accepts, and how its key is called when a client exceeds it.
struct BodyLimit {
  std::size_t bytes_max = 0;  // also after decompression (rules GS-02, HS-07)
  std::string_view key = {};  // outlives the request
};

// What a body is made of.
struct BodyForm {
  Compression compression = Compression::kNone;
  bool is_json = false;  // else Protobuf
  // gRPC C++ (seen in 1.51) compresses a message once more each time it repeats the call by itself,
  // after a GOAWAY say, and leaves the flag out where that makes it no smaller (its issue 37742):
  // there may be gzip inside the gzip, or inside what is said to be plain.
  bool may_hide_gzip = false;
};

// The face of one request.
class IntakeFace : public ExportSink {
 public:
  // True: no more of the body should be read than has been, because who the client is takes a
  // moment to find out, or there is no memory for it now. False: the body may come.
  virtual void HoldBody(bool is_held) = 0;

 protected:
  ~IntakeFace() = default;
};

class ExportIntake final : private ExportSink, private AuthSink, private Upload {
 public:
  // `face` hears the verdict: exactly once, perhaps from inside a call below, unless Cancel() came
  // first. It may destroy neither itself nor the intake then.
  ExportIntake(IngressContext& context, IntakeFace& face, const BodyLimit& limit);
  ~ExportIntake();
  ExportIntake(const ExportIntake&) = delete;
  ExportIntake& operator=(const ExportIntake&) = delete;

  // One of the client's headers; keeps the one that carries credentials.
  void OnHeader(std::string_view name, std::string_view value);
  // The request is one of ours: from here on it is in the ledger.
  void Count();
  // The headers are complete and well-formed; `timeout` is the client's. The one place where a
  // request is refused before its body is read: deadline, credentials, admission. True: the body
  // may come.
  bool Begin(std::optional<milliseconds> timeout);
  // How long the body says it will be. It bounds the memory that is taken ahead of what arrives.
  void Expect(std::size_t bytes) { expected_bytes_ = std::min(bytes, limit_.bytes_max); }
  // Bytes as they arrive, for a face without framing of its own. Ends the request when they are too
  // many or there is no memory.
  void Append(std::span<const std::uint8_t> bytes);
  // The body is whole: brings it into the wire form of Protobuf and sends it on.
  void End(const BodyForm& form);
  // A fault that the face found: booked, and given to the face as the verdict.
  void EndEarly(const Verdict& verdict);
  // The client has gone. No verdict follows. Does nothing when there was one.
  void Cancel();

  // For a face that reads the body itself, while is_reading(); it says when the body has grown.
  Body& body() { return body_; }
  void OnBodyGrown();
  bool is_reading() const { return state_ == State::kReading; }
  bool is_done() const { return state_ == State::kDone; }
  Verdict TooLarge() const;
  Verdict NoMemory();

 private:
  enum class State : std::uint8_t {
    kNew,         // not counted
    kCounted,     // its headers are being judged
    kReading,     // the body arrives; the timer runs
    kForwarding,  // whole; the forwarder's
    kDone,        // the face has the verdict, or needs none
  };

  // False: the request has ended by it.
  [[nodiscard]] bool IsLetIn(AuthResult result);
  [[nodiscard]] bool Enter();
  [[nodiscard]] bool Inflate(Compression compression);
  [[nodiscard]] bool InflateHidden();
  [[nodiscard]] bool TakeJson();
  void OnAuthResult(AuthResult result) override;
  // Was it asking?
  bool StopAsking();
  void OnUploadHeld(bool is_held) override { face_.HoldBody(is_held); }
  void OnUploadExpired() override;
  void OnDeadline();
  void OnVerdict(const Verdict& verdict) override;
  bool is_http() const override { return face_.is_http(); }
  void LeaveAdmission(bool is_whole);
  void Finish(const Verdict& verdict);

  IngressContext& context_;
  IntakeFace& face_;
  const BodyLimit limit_;
  std::size_t expected_bytes_;
  State state_ = State::kNew;
  std::optional<Admission::Ticket> entered_;  // admission waits for the rest of it
  bool is_counted_ = false;      // the ledger holds it as in flight on our account, not on a call's
  bool is_asking_ = false;       // who the client is
  std::optional<BodyForm> end_;  // the body became whole meanwhile
  std::string credentials_;
  Body body_;
  milliseconds budget_{};
  TimePoint deadline_{};
  ExportCall* call_ = nullptr;
  MemberTimer<ExportIntake, &ExportIntake::OnDeadline> timer_{*this};  // while the body arrives
};

}  // namespace router
