// ClientConnectionTest: one ClientConnection, and a raw HTTP/2 server at its other end.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/http2/client_connection.h"
#include "router/http2/nv.h"
#include "tests/support/http2_peer.h"

namespace router {

// Keeps what it hears; more than one answer is a fault.
class KeepingSink final : public ResponseSink {
 public:
  void OnResponse(GrpcResponse&& response) override {
    EXPECT_FALSE(answer.has_value()) << "a second answer";
    answer = std::move(response);
    if (then) then();
  }
  std::optional<GrpcResponse> answer;
  ClientCall* call = nullptr;
  std::function<void()> then;
};

class ClientConnectionTest : public ::testing::Test, protected ConnectionOwner {
 protected:
  using Kind = GrpcResponse::Kind;

  void TearDown() override {
    if (server_) server_->Close();
    if (client_) client_->Close("end of test");
    client_.reset();
    loop_.Turn(false);
    EXPECT_EQ(account_.charged(), 0U) << "a request body is still alive";
    EXPECT_LE(closed_, 1);
  }

  void Connect(const test::PeerOptions& options = {}, int buffer_bytes = 0) {
    auto [left, right] = test::ConnectedSockets(loop_, buffer_bytes);
    client_ = ClientConnection::Start(loop_, Transport(std::move(left)), *this);
    EXPECT_FALSE(client_->CanSend()) << "before the peer's SETTINGS";
    server_ =
        test::Http2Peer::Start(loop_, std::move(right), test::Http2Peer::Side::kServer, options);
    ASSERT_TRUE(Until([&] { return ready_ == 1; }));
    if (options.settings.empty()) {
      EXPECT_TRUE(client_->CanSend());
    }
  }
  bool Until(const std::function<bool()>& is_met) { return test::TurnUntil(loop_, is_met); }

  KeepingSink* Send(std::string_view message = "ping") {
    sinks_.push_back(std::make_unique<KeepingSink>());
    SendTo(*sinks_.back(), message);
    return sinks_.back().get();
  }
  void SendTo(KeepingSink& sink, std::string_view message = "ping") {
    auto body = std::make_shared<Body>(account_);
    ASSERT_TRUE(body->Reserve(message.size()));
    ASSERT_TRUE(
        body->Append({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()}));
    const auto frame = body->FrameAsGrpc(false);
    const std::vector fields = {StaticField(":method", "POST"), StaticField(":scheme", "http"),
                                StaticField(":path", "/x"), StaticField(":authority", "a")};
    BodyRanges ranges;
    ranges.push_back({std::move(body), frame});
    sink.call = client_->Send(fields, std::move(ranges), sink);
    ASSERT_NE(sink.call, nullptr);
    EXPECT_FALSE(sink.answer.has_value()) << "inline from Send()";
  }
  // One block of headers of the server's answer.
  void SendBlock(const test::PeerStream& stream, const test::HeaderList& headers, bool is_end) {
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : headers) fields.push_back(Field(name, value));
    nghttp2_submit_headers(server_->session(), is_end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE,
                           stream.id, nullptr, fields.data(), fields.size(), nullptr);
    server_->Flush();
  }
  // The stream of the n-th call, once the server has it whole.
  test::PeerStream* Arrived(int n) {
    const std::int32_t id = 2 * n + 1;
    const bool has =
        Until([&] { return server_->Find(id) != nullptr && server_->Find(id)->is_ended; });
    EXPECT_TRUE(has) << "call " << n << " did not arrive";
    return has ? server_->Find(id) : nullptr;
  }

  WorkerLoop loop_;
  MemoryBudget budget_{256 << 20};
  MemoryAccount account_{budget_};
  std::shared_ptr<test::Http2Peer> server_;
  std::shared_ptr<ClientConnection> client_;
  int ready_ = 0;
  int draining_ = 0;
  int closed_ = 0;
  std::string close_reason_;

 private:
  std::vector<std::unique_ptr<KeepingSink>> sinks_;

  void OnConnectionReady() override { ++ready_; }
  void OnConnectionDraining() override { ++draining_; }
  void OnConnectionClosed(std::string_view reason) override {
    ++closed_;
    close_reason_ = reason;
  }
};

}  // namespace router
