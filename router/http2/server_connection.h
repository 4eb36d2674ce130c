// ServerConnection: the server side of one HTTP/2 connection.
//
// It knows frames, header and message framing, not what is asked: every stream gets a StreamHandler
// from the Acceptor, which reads the request as it arrives and answers through its ServerStream, at
// once or later.
// Thread safety: its worker only.
// Bounds: a stream whose headers pass ServerStream's is reset. So is one whose answer the client
// has not taken to its end within answer_timeout; within kLingerMax after ShutDown(). A header
// block that is not whole in preface_timeout ends the connection.
// Cost: an answer that leaves in the turn in which it is given sets no timer of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>

#include "router/base/limits.h"
#include "router/http2/connection.h"
#include "router/http2/idle_reset_filter.h"
#include "router/http2/server_stream.h"
#include "router/transport/http_exchange.h"

namespace router {

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
  milliseconds answer_timeout = kWriteStallMax;
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
  void ShutDown() override;

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
  // One that nghttp2 leaves out.
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                             std::size_t name_size, const std::uint8_t* value,
                             std::size_t value_size, std::uint8_t flags, void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame*, void* self);
  static int OnFrameSent(nghttp2_session*, const nghttp2_frame*, void* self);
  static int OnData(nghttp2_session*, std::uint8_t flags, std::int32_t id, const std::uint8_t* data,
                    std::size_t size, void* self);
  static int OnStreamClose(nghttp2_session*, std::int32_t id, std::uint32_t error, void* self);
  static ssize_t ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void* self);
  // Ends a connection that never speaks HTTP/2, or stops inside a header block.
  void OnPrefaceTimeout();
  void WatchHeaderBlock();
  // Resets the streams whose answers have waited too long for the client.
  void OnAnswerTimeout();
  void WatchAnswers();
  milliseconds answer_time() const;
  ServerStream* Find(std::int32_t id);

  Acceptor& acceptor_;
  const ServerConnectionOptions options_;
  IdleResetFilter idle_resets_;
  MemberTimer<ServerConnection, &ServerConnection::OnPrefaceTimeout> preface_timer_{*this};
  std::uint32_t open_block_ = 0;  // the stream whose header block preface_timer_ waits for
  // One for all streams; set while there may be an answer that has not left.
  MemberTimer<ServerConnection, &ServerConnection::OnAnswerTimeout> answer_timer_{*this};
  bool is_shut_down_ = false;
  std::unordered_map<std::int32_t, std::unique_ptr<ServerStream>> streams_;
};

}  // namespace router
