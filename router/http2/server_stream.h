// ServerStream: the answering side of one stream of a client, and the gRPC shape of its answers.
//
// Thread safety: its worker only.
// Bounds: the fields of its headers and trailers, those that nghttp2 leaves out included, are
// kHeaderBlockBytesMax in all. From the answer on the client gets no more window for the request's
// body.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/clock.h"
#include "router/base/grpc_code.h"
#include "router/base/timer_wheel.h"
#include "router/transport/http_exchange.h"

namespace router {

class ServerConnection;

// gRPC's closing headers. The views are copied by the call that takes them.
struct GrpcTrailers {
  GrpcCode code = GrpcCode::kOk;
  std::string_view message = {};  // percent-encoded by the callee
  std::string_view details = {};  // value of grpc-status-details-bin, already base64; empty: absent
  std::string_view accept_encoding = {};  // empty: absent
};

// The answering side of one stream.
// Ownership: the connection's; valid until its handler is destroyed.
class ServerStream final : public HttpResponder {
 public:
  // A unary answer: one message and OK.
  void RespondMessage(std::string_view message);
  // An answer without a message ("trailers-only"). Before the request has ended, the rest of it is
  // refused.
  void RespondStatus(const GrpcTrailers& trailers);
  // An answer of plain HTTP; to HEAD, the body's length without it.
  void Respond(int status, std::span<const HttpField> fields, std::string body) override;
  // A server stream: Push() as often as wanted, then Finish().
  void Push(std::string_view message);
  void Finish(GrpcCode code, std::string_view message);

  // While held, the client can send no more of this request than what its window has left; other
  // streams go on. Released, it has the full window, and the `100` that it waits for.
  void HoldBody(bool is_held) override;

  const std::string& peer() const override;

 private:
  friend class ServerConnection;
  enum class State : std::uint8_t { kRequest, kAnswering, kAnswered };
  ServerStream(ServerConnection& connection, std::int32_t id) : connection_(connection), id_(id) {}
  void AppendMessage(std::string_view message);
  void SubmitResponseWithBody();
  // Nothing more is to be said than what is at hand.
  void SetAnswered();
  // `100`, if the client waits for it and the body may come.
  void SubmitContinue();
  // False: its header fields have become too many.
  bool CountHeader(std::size_t name_size, std::size_t value_size);
  // A field of the request that matters here, too.
  void NoteField(std::string_view name, std::string_view value);
  // What nghttp2 takes of out_ for DATA; as a data source's read callback.
  ssize_t ReadBody(nghttp2_session* session, std::span<std::uint8_t> out, std::uint32_t* flags);

  ServerConnection& connection_;
  std::int32_t id_;
  State state_ = State::kRequest;
  bool has_request_ended_ = false;
  bool is_deferred_ = false;  // nghttp2 waits for more of out_
  bool is_finished_ = false;  // trailers follow out_
  bool is_http_ = false;      // no trailers
  bool is_head_ = false;      // the method
  bool is_continue_due_ = false;
  TimePoint answered_at_{};
  // The client was answered early and has not stopped by itself.
  void StopRequest();
  MemberTimer<ServerStream, &ServerStream::StopRequest> linger_timer_{*this};
  bool is_held_ = false;
  std::size_t held_bytes_ = 0;  // received, not given back to the window
  std::size_t header_bytes_ = 0;
  std::string out_;
  std::size_t out_position_ = 0;
  GrpcCode code_ = GrpcCode::kOk;
  std::string message_;
  std::unique_ptr<StreamHandler> handler_;  // until the head of the whole answer has left
};

}  // namespace router
