#include "router/ingress/otlp_server.h"

#include <utility>
#include <vector>

#include "router/base/log.h"
#include "router/ingress/grpc_stream.h"

namespace router {

OtlpServer::~OtlpServer() { CloseAll("shut down"); }

void OtlpServer::Add(boost::asio::ip::tcp::socket socket) {
  ServerConnectionOptions options = context_.options.connection;
  if (context_.authenticator.policy() != nullptr) {
    options.first_window_bytes = kUnknownClientWindowBytes;
  }
  Transport transport(std::move(socket), TlsAccept{context_.options.tls, handshakes_});
  connections_.insert(
      ServerConnection::Start(context_.loop, std::move(transport), *this, options));
}

void OtlpServer::AnnounceShutDown() {
  for (const auto& connection : connections_) connection->AnnounceShutDown();
}

void OtlpServer::ShutDown() {
  context_.health.EndWatches();
  // One that never spoke closes at once and leaves the set.
  const std::vector<std::shared_ptr<ServerConnection>> all(connections_.begin(),
                                                           connections_.end());
  for (const auto& connection : all) connection->ShutDown();
}

void OtlpServer::CloseAll(std::string_view reason) {
  const std::vector<std::shared_ptr<ServerConnection>> all(connections_.begin(),
                                                           connections_.end());
  for (const auto& connection : all) connection->Close(reason);
}

std::unique_ptr<StreamHandler> OtlpServer::NewStream(ServerStream& stream) {
  return std::make_unique<GrpcStream>(context_, stream);
}

void OtlpServer::OnConnectionClosed(ServerConnection& connection, std::string_view reason) {
  std::uint64_t left_out = 0;
  if (reason != "closed by peer" && reason != "finished" &&
      close_log_.Allow(context_.loop.Now(), &left_out)) {
    spdlog::info("client {} closed: {} ({} such lines left out)", connection.peer(), reason,
                 left_out);
  }
  connections_.erase(std::static_pointer_cast<ServerConnection>(connection.shared_from_this()));
  count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace router
