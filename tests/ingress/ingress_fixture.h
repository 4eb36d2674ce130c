// IngressTest: a server port, the forwarder behind it and clients by hand, all on one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/ingress/listener.h"
#include "router/ingress/otlp_server.h"
#include "router/otlp/status_details.h"
#include "tests/forward/forward_fixture.h"
#include "tests/ingress/http2_client.h"

namespace router::test {

class IngressTest : public ForwardTest {
 protected:
  ~IngressTest() override {
    listener_.reset();
    server_.reset();
  }

  void TearDown() override {
    clients_.clear();
    EXPECT_TRUE(RunUntil([&] { return server_->connection_count() == 0; }));
    ForwardTest::TearDown();
  }

  // `backends` 0: the forwarder has no routes.
  void SetUpIngress(std::size_t backends = 0) {
    if (backends > 0) {
      SetUpRouter(backends);
    } else {
      forwarder_.emplace(loop_, memory_, ledger_, ForwarderOptions{});
    }
    server_ = std::make_unique<OtlpServer>(IngressContext{.loop = loop_,
                                                          .memory = memory_,
                                                          .codec = codec_,
                                                          .json = json_,
                                                          .forwarder = *forwarder_,
                                                          .health = health_,
                                                          .authenticator = authenticator_,
                                                          .options = options_},
                                           authenticator_);
    port_ = Listen(Face::kGrpc, listener_);
  }

  std::uint16_t Listen(Face face, std::unique_ptr<Listener>& listener) {
    listener = std::make_unique<Listener>(
        loop_.io(), 100,
        std::vector<ListenerTarget>{
            {.connection_count = [this] { return server_->connection_count(); },
             .take =
                 [this, face](int fd, bool) {
                   boost::asio::ip::tcp::socket socket(loop_.io());
                   socket.assign(boost::asio::ip::tcp::v4(), fd);
                   server_->Expect();
                   server_->Add(face, std::move(socket));
                 }}});
    const auto port = listener->Bind("127.0.0.1", 0);
    EXPECT_TRUE(port.has_value()) << port.error().message;
    listener->StartAccepting();
    return port.value_or(0);
  }

  Http2Client& NewClient() { return *clients_.emplace_back(std::make_unique<Http2Client>(port_)); }
  bool PumpUntil(const std::function<bool()>& is_done) {
    return RunUntil([&] {
      for (const auto& client : clients_) client->Pump();
      return is_done();
    });
  }
  void PumpTurns(int count = 200) {
    for (int i = 0; i < count; ++i) {
      for (const auto& client : clients_) client->Pump();
      loop_.Turn(false);
    }
  }
  // Sends a whole request on a new connection and waits for the end of the answer.
  const Http2Client::Call& Ask(const Headers& headers, std::string_view bytes = "") {
    Http2Client& client = NewClient();
    const std::int32_t id = client.Open(headers);
    client.Write(id, bytes);
    client.End(id);
    EXPECT_TRUE(PumpUntil([&] { return client.call(id).is_closed; })) << "no answer";
    return client.call(id);
  }
  // Sends headers and `bytes` but no end, and waits for the answer.
  const Http2Client::Call& AskWithoutEnd(const Headers& headers, std::string_view bytes = "") {
    Http2Client& client = NewClient();
    const std::int32_t id = client.Open(headers);
    client.Write(id, bytes);
    EXPECT_TRUE(PumpUntil([&] { return client.call(id).is_ended; })) << "no answer";
    return client.call(id);
  }
  static std::string StatusOf(const Http2Client::Call& call) {
    const auto found = call.headers.find("grpc-status");
    return found == call.headers.end() ? "none" : found->second;
  }
  static std::optional<milliseconds> RetryOf(const Http2Client::Call& call) {
    const auto found = call.headers.find("grpc-status-details-bin");
    if (found == call.headers.end()) return std::nullopt;
    return RetryDelayFromDetails(found->second);
  }
  std::string Gzipped(std::string_view text) {
    Body out(memory_);
    EXPECT_TRUE(codec_.Deflate(Compression::kGzip,
                               {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                               out));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }

  HealthService health_;
  JsonCodec json_;
  CredentialVerifier verifier_;
  Authenticator authenticator_{loop_, verifier_};
  IngressOptions options_;
  std::unique_ptr<OtlpServer> server_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Http2Client>> clients_;
};

}  // namespace router::test
