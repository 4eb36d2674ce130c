#include "router/ingress/otlp_server.h"

#include <utility>
#include <vector>

#include "router/base/log.h"
#include "router/ingress/grpc_stream.h"
#include "router/ingress/http_stream.h"

namespace router {

OtlpServer::OtlpServer(const IngressContext& context, Authenticator& http_authenticator)
    : context_(context),
      http_context_{.loop = context.loop,
                    .memory = context.memory,
                    .codec = context.codec,
                    .json = context.json,
                    .forwarder = context.forwarder,
                    .health = context.health,
                    .authenticator = http_authenticator,
                    .options = context.options},
      handshakes_(std::make_shared<HandshakeGate>(context.loop)) {}

OtlpServer::~OtlpServer() { CloseAll("shut down"); }

void OtlpServer::Add(Face face, boost::asio::ip::tcp::socket socket) {
  const IngressOptions& options = context_.options;
  const TlsContext::Ptr& tls = face == Face::kGrpc ? options.tls : options.http.tls;
  Transport transport(std::move(socket), TlsAccept{tls, handshakes_});
  if (face == Face::kGrpc) {
    Hold(ServerConnection::Start(context_.loop, std::move(transport), *this,
                                 Http2Options(context_)));
  } else {
    Hold(ProtocolSniffer::Start(context_.loop, std::move(transport), *this,
                                context_.options.http.connection.header_timeout));
  }
}

ServerConnectionOptions OtlpServer::Http2Options(const IngressContext& context) const {
  ServerConnectionOptions options = context.options.connection;
  if (context.authenticator.policy() != nullptr) {
    options.first_window_bytes = kUnknownClientWindowBytes;
  }
  return options;
}

// It may have closed already, on the bytes that came with it.
void OtlpServer::Hold(const std::shared_ptr<Channel>& connection) {
  if (!connection->is_open()) return;
  connections_.insert(connection);
  if (is_draining_) connection->AnnounceShutDown();
  if (is_shut_down_) connection->ShutDown();
}

void OtlpServer::OnProtocol(ProtocolSniffer& sniffer, bool is_http2, Transport transport,
                            std::span<const std::uint8_t> first_bytes) {
  const auto alive = sniffer.shared_from_this();  // `first_bytes` may be its own
  connections_.erase(alive);
  if (is_http2) {
    Hold(ServerConnection::Start(context_.loop, std::move(transport), http2_of_http_,
                                 Http2Options(http_context_), first_bytes));
  } else {
    Http1Options options = context_.options.http.connection;
    options.asks_credentials = http_context_.authenticator.policy() != nullptr;
    Hold(Http1Connection::Start(context_.loop, context_.memory, std::move(transport), *this,
                                options, first_bytes));
  }
}

void OtlpServer::AnnounceShutDown() {
  is_draining_ = true;
  for (const auto& connection : connections_) connection->AnnounceShutDown();
}

void OtlpServer::ShutDown() {
  is_draining_ = is_shut_down_ = true;
  context_.health.EndWatches();
  // One that has nothing to finish closes at once and leaves the set.
  const std::vector<std::shared_ptr<Channel>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->ShutDown();
}

void OtlpServer::CloseAll(std::string_view reason) {
  const std::vector<std::shared_ptr<Channel>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->Close(reason);
}

void OtlpServer::Drop(Channel& connection, std::string_view reason) {
  if (reason != "closed by peer" && reason != "finished" && reason != "idle") {
    if (const auto left_out = close_log_.Allow(context_.loop.Now()))
      spdlog::info("client {} closed: {}{}", connection.peer(), reason, *left_out);
  }
  connections_.erase(connection.shared_from_this());
  count_.fetch_sub(1, std::memory_order_relaxed);
}

// ---- acceptors ---------------------------------------------------------------------------------

std::unique_ptr<StreamHandler> OtlpServer::NewStream(ServerStream& stream) {
  return std::make_unique<GrpcStream>(context_, stream);
}

std::unique_ptr<StreamHandler> OtlpServer::NewRequest(HttpResponder& responder) {
  return std::make_unique<HttpStream>(http_context_, responder);
}

std::unique_ptr<StreamHandler> OtlpServer::Http2OfHttp::NewStream(ServerStream& stream) {
  return server_.NewRequest(stream);
}

void OtlpServer::OnConnectionClosed(ServerConnection& connection, std::string_view reason) {
  Drop(connection, reason);
}

void OtlpServer::Http2OfHttp::OnConnectionClosed(ServerConnection& connection,
                                                 std::string_view reason) {
  server_.Drop(connection, reason);
}

void OtlpServer::OnConnectionClosed(Http1Connection& connection, std::string_view reason) {
  Drop(connection, reason);
}

void OtlpServer::OnConnectionClosed(ProtocolSniffer& sniffer, std::string_view reason) {
  Drop(sniffer, reason);
}

}  // namespace router
