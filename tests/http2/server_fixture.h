// ServerConnectionTest: one ServerConnection with a scripted handler, and a raw HTTP/2 client.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/http2/server_connection.h"
#include "tests/support/http2_peer.h"

namespace router {

// One request as its handler saw it; outlives the handler.
struct SeenRequest {
  ServerStream* stream = nullptr;  // null once the handler is destroyed
  std::vector<std::string> events;
  test::HeaderList headers;
  std::string body;
  int resets = 0;
};

class ServerConnectionTest : public ::testing::Test, protected Acceptor {
 protected:
  void TearDown() override {
    if (client_) client_->Close();
    if (server_) {
      const auto connection = server_;
      EXPECT_TRUE(test::TurnUntil(loop_, [&] { return closed_ == 1; })) << "OnConnectionClosed";
      loop_.Turn(false);
    }
    for (const auto& seen : seen_) EXPECT_EQ(seen->stream, nullptr) << "a handler is left";
  }

  // Server and client on one connection. A client of another kind takes `raw_` instead.
  void Connect(const test::PeerOptions& options = {}) {
    ConnectRaw();
    client_ =
        test::Http2Peer::Start(loop_, std::move(*raw_), test::Http2Peer::Side::kClient, options);
  }
  void ConnectRaw(int buffer_bytes = 0) {
    auto [left, right] = test::ConnectedSockets(loop_, buffer_bytes);
    server_ = ServerConnection::Start(loop_, Transport(std::move(right)), *this, options_);
    raw_.emplace(std::move(left));
  }
  bool Until(const std::function<bool()>& is_met) { return test::TurnUntil(loop_, is_met); }

  static test::HeaderList Export() {
    return {{":method", "POST"},
            {":scheme", "http"},
            {":path", "/x"},
            {":authority", "a"},
            {"content-type", "application/grpc"},
            {"te", "trailers"}};
  }

  WorkerLoop loop_;
  ServerConnectionOptions options_;
  std::shared_ptr<ServerConnection> server_;
  std::shared_ptr<test::Http2Peer> client_;
  std::optional<boost::asio::ip::tcp::socket> raw_;
  std::vector<std::unique_ptr<SeenRequest>> seen_;
  // What handlers do.
  std::function<void(SeenRequest&)> on_headers_end_;
  std::function<void(SeenRequest&)> on_request_end_;
  int closed_ = 0;
  std::string close_reason_;

 private:
  class Handler final : public StreamHandler {
   public:
    Handler(ServerConnectionTest& test, SeenRequest& seen) : test_(test), seen_(seen) {}
    ~Handler() override { seen_.stream = nullptr; }
    void OnHeader(std::string_view name, std::string_view value) override {
      if (seen_.events.empty()) seen_.events.emplace_back("header");
      seen_.headers.emplace_back(name, value);
    }
    void OnHeadersEnd() override {
      seen_.events.emplace_back("headers end");
      if (test_.on_headers_end_) test_.on_headers_end_(seen_);
    }
    void OnData(std::span<const std::uint8_t> bytes) override {
      if (seen_.events.empty() || seen_.events.back() != "data") seen_.events.emplace_back("data");
      seen_.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    void OnRequestEnd() override {
      seen_.events.emplace_back("end");
      if (test_.on_request_end_) test_.on_request_end_(seen_);
    }
    void OnReset() override {
      seen_.events.emplace_back("reset");
      ++seen_.resets;
    }

   private:
    ServerConnectionTest& test_;
    SeenRequest& seen_;
  };

  std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) override {
    EXPECT_EQ(closed_, 0) << "a stream after the end of its connection";
    seen_.push_back(std::make_unique<SeenRequest>());
    seen_.back()->stream = &stream;
    return std::make_unique<Handler>(*this, *seen_.back());
  }
  void OnConnectionClosed(ServerConnection& connection, std::string_view reason) override {
    EXPECT_EQ(&connection, server_.get());
    ++closed_;
    close_reason_ = reason;
    server_.reset();
  }
};

}  // namespace router
