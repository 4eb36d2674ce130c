// ServerConnection: the server side of one HTTP/2 connection, and the gRPC shape of its answers.
//
// It knows frames, header and message framing, not what is asked: every stream gets a StreamHandler
// from the Acceptor, which reads the request as it arrives and answers through its ServerStream, at
// once or later.
// Thread safety: its worker only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "router/base/grpc_code.h"
#include "router/base/limits.h"
#include "router/http2/connection.h"
#include "router/http2/idle_reset_filter.h"
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
  // An answer of plain HTTP.
  void Respond(int status, std::span<const HttpField> fields, std::string body) override;
  // A server stream: Push() as often as wanted, then Finish().
  void Push(std::string_view message);
  void Finish(GrpcCode code, std::string_view message);

  // While held, the client can send no more of this request than what its window has left; other
  // streams go on. Released, it has the full window.
  void HoldBody(bool is_held) override;

  const std::string& peer() const override;

 private:
  friend class ServerConnection;
  enum class State : std::uint8_t { kRequest, kAnswering, kAnswered };
  ServerStream(ServerConnection& connection, std::int32_t id) : connection_(connection), id_(id) {}
  void AppendMessage(std::string_view message);
  void SubmitResponseWithBody();

  ServerConnection& connection_;
  std::int32_t id_;
  State state_ = State::kRequest;
  bool has_request_ended_ = false;
  bool is_deferred_ = false;  // nghttp2 waits for more of out_
  bool is_finished_ = false;  // trailers follow out_
  bool is_http_ = false;      // no trailers
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
  std::unique_ptr<StreamHandler> handler_;
};

// Makes the handler of each new stream. Outlives the connection.
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  virtual std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) = 0;
  // Once per connection; drop your reference here.
  virtual void OnConnectionClosed(ServerConnection& connection, std::string_view reason) = 0;
};

struct ServerConnectionOptions {
  std::uint32_t concurrent_streams_max = 1000;
  milliseconds preface_timeout = kPrefaceTimeout;
  std::uint32_t first_window_bytes = kServerStreamWindowBytes;  // of each stream
};

class ServerConnection final : public Connection {
 public:
  // `acceptor` outlives the connection. `first_bytes` were read from the transport already.
  static std::shared_ptr<ServerConnection> Start(WorkerLoop& loop, Transport transport,
                                                 Acceptor& acceptor,
                                                 const ServerConnectionOptions& options,
                                                 std::span<const std::uint8_t> first_bytes = {});
  ~ServerConnection() override;

 private:
  friend class ServerStream;
  ServerConnection(WorkerLoop& loop, Transport transport, Acceptor& acceptor,
                   const ServerConnectionOptions& options);
  void OpenSession() override;
  void OnEnded(std::string_view reason) override;
  ssize_t Receive(std::span<const std::uint8_t> bytes) override;
  // Answers are small and go by copy: ReadBody never asks for NO_COPY.
  void AppendBody(void*, std::size_t) override {}

  static nghttp2_session_callbacks* Callbacks();
  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame*, void* self);
  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t flags, void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame*, void* self);
  static int OnFrameSent(nghttp2_session*, const nghttp2_frame*, void* self);
  static int OnData(nghttp2_session*, std::uint8_t flags, std::int32_t id, const std::uint8_t* data,
                    std::size_t size, void* self);
  static int OnStreamClose(nghttp2_session*, std::int32_t id, std::uint32_t error, void* self);
  static ssize_t ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void* self);
  // Ends a connection that never speaks HTTP/2.
  void OnPrefaceTimeout();
  ServerStream* Find(std::int32_t id);

  Acceptor& acceptor_;
  const ServerConnectionOptions options_;
  IdleResetFilter idle_resets_;
  MemberTimer<ServerConnection, &ServerConnection::OnPrefaceTimeout> preface_timer_{*this};
  std::unordered_map<std::int32_t, std::unique_ptr<ServerStream>> streams_;
};

}  // namespace router
