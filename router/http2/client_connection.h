// ClientConnection: the client side of one HTTP/2 connection, for unary gRPC calls.
//
// Thread safety: its worker only.
// Invariants: every Send() that returned a call ends in exactly one OnResponse(), unless Cancel()
// came first; never inline from Send(). CanSend() respects the peer's MAX_CONCURRENT_STREAMS.
// A status is what the block of headers that ends the answer says, whole and without contradiction;
// a block before it says nothing of how the call ended, a 1xx nothing at all. An answer whose
// header fields pass kResponseHeaderBytesMax, those that nghttp2 leaves out included, is broken.
// Ownership: what a request consists of is shared and kept until it is written or the call has
// ended.
#pragma once

#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "router/base/grpc_code.h"
#include "router/http2/connection.h"

namespace router {

// How one call ended.
struct GrpcResponse {
  enum class Kind : std::uint8_t {
    kStatus,       // the peer gave a status (or an HTTP status that maps to one)
    kUnprocessed,  // proved not processed: GOAWAY below our stream, REFUSED_STREAM; safe to send
                   // again
    kBroken,       // reset, or the connection died: nobody knows whether it was processed
  };
  Kind kind = Kind::kBroken;
  GrpcCode code = GrpcCode::kUnavailable;
  std::string message = {};   // grpc-message, decoded; or what broke
  std::string details = {};   // grpc-status-details-bin, base64 as received
  std::string encoding = {};  // grpc-encoding of the message
  // grpc-retry-pushback-ms; negative, or unreadable: this call must not be repeated (rule P-11)
  std::optional<std::chrono::milliseconds> pushback = {};
  // Raw DATA: length-prefixed messages. The usual one is empty: nothing is allocated for it.
  boost::container::small_vector<std::uint8_t, 16> body = {};
};

// A part of a request: `bytes` lie inside `body`, its headroom included.
struct BodyRange {
  std::shared_ptr<const Body> body;
  std::span<const std::uint8_t> bytes;
};
// One for most; several when messages are joined.
using BodyRanges = boost::container::small_vector<BodyRange, 1>;

class ResponseSink {
 public:
  virtual void OnResponse(GrpcResponse&& response) = 0;

 protected:
  ~ResponseSink() = default;
};

// One call in flight; owned by the connection.
class ClientCall;

// The one who opened the connection. Outlives it.
class ConnectionOwner {
 public:
  // The peer's SETTINGS arrived: it speaks HTTP/2 and may be sent to.
  virtual void OnConnectionReady() = 0;
  // The peer may take more calls than a moment ago: a cancelled one has ended, or its limit has
  // changed.
  virtual void OnConnectionRoom() {}
  // The peer sent GOAWAY: what runs may finish, CanSend() is false from now on.
  virtual void OnConnectionDraining() = 0;
  // The connection is dead and all its calls have ended. Once.
  virtual void OnConnectionClosed(std::string_view reason) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class ClientConnection final : public Connection {
 public:
  // `owner` outlives the connection or calls Abandon().
  static std::shared_ptr<ClientConnection> Start(WorkerLoop& loop, Transport transport,
                                                 ConnectionOwner& owner);
  ~ClientConnection() override;

  bool CanSend() const;
  // Sends `headers` (copied unless flagged otherwise) and `ranges`, one after the other.
  // nullptr: the session takes no more calls. `sink` outlives the call or cancels it.
  ClientCall* Send(std::span<const nghttp2_nv> headers, BodyRanges ranges, ResponseSink& sink);
  // Resets the stream; the sink hears nothing more.
  void Cancel(ClientCall& call);
  // No more callbacks to the owner; the connection closes when its calls have ended.
  void Abandon();
  std::size_t call_count() const { return calls_.size(); }
  // Since the beginning. Stream numbers are used up after 2^30.
  std::uint32_t calls_started() const { return calls_started_; }

 private:
  ClientConnection(WorkerLoop& loop, Transport transport, ConnectionOwner& owner);
  void OpenSession() override;
  void OnEnded(std::string_view reason) override;
  void AppendBody(void* source, std::size_t size) override;

  static nghttp2_session_callbacks* Callbacks();
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
  ClientCall* Find(std::int32_t id);

  ConnectionOwner* owner_;
  bool is_ready_ = false;
  bool is_draining_ = false;
  std::uint32_t calls_started_ = 0;
  std::unordered_map<std::int32_t, std::unique_ptr<ClientCall>> calls_;
};

}  // namespace router
