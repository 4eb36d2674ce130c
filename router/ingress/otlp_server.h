// OtlpServer: the client connections of one worker.
//
// Thread safety: its worker only, except Expect() and connection_count() (any thread).
// Ownership: holds every connection until it has closed.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "router/base/log.h"
#include "router/http2/server_connection.h"
#include "router/ingress/ingress_context.h"

namespace router {

class OtlpServer final : private Acceptor {
 public:
  // All of `context` outlives the server.
  explicit OtlpServer(IngressContext context)
      : context_(context), handshakes_(std::make_shared<HandshakeGate>(context.loop)) {}
  ~OtlpServer() override;

  // A connection was accepted for this worker and will come by Add(). Any thread.
  void Expect() { count_.fetch_add(1, std::memory_order_relaxed); }
  // An expected connection does not come after all.
  void Forget() { count_.fetch_sub(1, std::memory_order_relaxed); }
  // Takes an accepted, connected socket that was expected.
  void Add(boost::asio::ip::tcp::socket socket);
  // The steps of a drain: ask clients to leave; name the last stream; end what is left.
  void AnnounceShutDown();
  void ShutDown();
  void CloseAll(std::string_view reason);

  // Where all TLS handshakes of this worker's clients take turns.
  const std::shared_ptr<HandshakeGate>& handshakes() const { return handshakes_; }
  // Those expected, included: the listener spreads by it before the worker has run.
  std::size_t connection_count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) override;
  void OnConnectionClosed(ServerConnection& connection, std::string_view reason) override;

  IngressContext context_;
  const std::shared_ptr<HandshakeGate> handshakes_;
  std::unordered_set<std::shared_ptr<ServerConnection>> connections_;
  std::atomic<std::size_t> count_{0};
  LogLimiter close_log_;
};

}  // namespace router
