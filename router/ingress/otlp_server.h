// OtlpServer: the client connections of one worker, of both faces: OTLP/gRPC over HTTP/2, and
// OTLP/HTTP over HTTP/1.1 or HTTP/2.
//
// Thread safety: its worker only, except Expect(), Forget() and connection_count() (any thread).
// Ownership: holds every connection until it has closed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "router/base/log.h"
#include "router/http1/http1_connection.h"
#include "router/http2/server_connection.h"
#include "router/ingress/ingress_context.h"
#include "router/ingress/protocol_sniffer.h"

namespace router {

enum class Face : std::uint8_t { kGrpc, kHttp };

class OtlpServer final : private Acceptor, private Http1Acceptor, private SnifferAcceptor {
 public:
  // All of `context` outlives the server.
  // `http_authenticator`: of the port of OTLP/HTTP; that of `context` is of gRPC's.
  OtlpServer(const IngressContext& context, Authenticator& http_authenticator);
  ~OtlpServer() override;

  // A connection was accepted for this worker and will come by Add(). Any thread.
  void Expect() { count_.fetch_add(1, std::memory_order_relaxed); }
  // An expected connection does not come after all.
  void Forget() { count_.fetch_sub(1, std::memory_order_relaxed); }
  // Takes an accepted, connected socket that was expected.
  void Add(Face face, boost::asio::ip::tcp::socket socket);
  // The steps of a drain: ask clients to leave; finish what has begun and take nothing new; end
  // what is left.
  void AnnounceShutDown();
  void ShutDown();
  void CloseAll(std::string_view reason);

  // Where all TLS handshakes of this worker's clients take turns.
  const std::shared_ptr<HandshakeGate>& handshakes() const { return handshakes_; }
  // Those expected, included: the listener spreads by it before the worker has run.
  std::size_t connection_count() const { return count_.load(std::memory_order_relaxed); }

 private:
  // The streams of HTTP/2 on the port of OTLP/HTTP.
  class Http2OfHttp final : public Acceptor {
   public:
    explicit Http2OfHttp(OtlpServer& server) : server_(server) {}
    std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) override;
    void OnConnectionClosed(ServerConnection& connection, std::string_view reason) override;

   private:
    OtlpServer& server_;
  };

  std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) override;
  void OnConnectionClosed(ServerConnection& connection, std::string_view reason) override;
  std::unique_ptr<StreamHandler> NewRequest(HttpResponder& responder) override;
  void OnConnectionClosed(Http1Connection& connection, std::string_view reason) override;
  void OnProtocol(ProtocolSniffer& sniffer, bool is_http2, Transport transport,
                  std::span<const std::uint8_t> first_bytes) override;
  void OnConnectionClosed(ProtocolSniffer& sniffer, std::string_view reason) override;
  void Hold(const std::shared_ptr<Channel>& connection);
  void Drop(Channel& connection, std::string_view reason);

  // HTTP/2 for clients of which nothing is known yet.
  ServerConnectionOptions Http2Options(const IngressContext& context) const;

  IngressContext context_;
  IngressContext http_context_;
  const std::shared_ptr<HandshakeGate> handshakes_;
  Http2OfHttp http2_of_http_{*this};
  std::unordered_set<std::shared_ptr<Channel>> connections_;
  bool is_draining_ = false;
  bool is_shut_down_ = false;
  std::atomic<std::size_t> count_{0};
  LogLimiter close_log_;
};

}  // namespace router
