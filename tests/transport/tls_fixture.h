// TlsTest: both ends of a TLS connection on one loop: each a Channel that keeps what it hears.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/base/limits.h"
#include "router/transport/channel.h"
#include "router/transport/tls_session.h"
#include "tests/support/http2_peer.h"
#include "tests/support/scratch.h"
#include "tests/support/test_ca.h"

namespace router {

// A protocol that is nothing but bytes.
class PlainChannel final : public Channel {
 public:
  static std::shared_ptr<PlainChannel> Start(WorkerLoop& loop, Transport transport) {
    std::shared_ptr<PlainChannel> channel(new PlainChannel(loop, std::move(transport)));
    channel->Channel::Start();
    return channel;
  }
  void Send(std::string_view text) {
    to_send_ += text;
    MarkDirty();
  }
  void SendBody(std::shared_ptr<const Body> body) {
    body_ = std::move(body);
    MarkDirty();
  }
  void AnnounceShutDown() override {}
  void ShutDown() override {}
  using Channel::is_established;

  std::string received;
  std::optional<std::string> end;  // why it was closed
  std::size_t reads = 0;
  std::size_t written = 0;  // times everything was written

 private:
  PlainChannel(WorkerLoop& loop, Transport transport)
      : Channel(loop, std::move(transport), WhenBlocked::kReadOn) {}
  void OnBytes(std::span<const std::uint8_t> bytes) override {
    ++reads;
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void Gather() override {
    EXPECT_TRUE(is_established()) << "asked for bytes before the handshake has ended";
    out().AppendCopy({reinterpret_cast<const std::uint8_t*>(to_send_.data()), to_send_.size()});
    to_send_.clear();
    if (body_ == nullptr) return;
    const std::span<const std::uint8_t> bytes = body_->bytes();
    out().AppendReference(bytes, std::move(body_));
  }
  void OnAllWritten() override { ++written; }
  void OnClosed(std::string_view reason) override {
    EXPECT_FALSE(end.has_value()) << "closed twice";
    end = reason;
  }

  std::string to_send_;
  std::shared_ptr<const Body> body_;
};

class TlsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const auto& channel : {client_, server_}) {
      if (channel) channel->Close("end of test");
    }
    client_.reset();
    server_.reset();
    loop_.Turn(false);
    EXPECT_EQ(gate_->under_way(), 0U) << "a handshake holds its place";
    EXPECT_EQ(account_.charged(), 0U) << "a body is still alive";
  }

  // A server that is `options`, signed by ca_; a client that trusts ca_.
  TlsSettings Serving(const test::CertificateOptions& options = {.names = {kName}}) const {
    return WithCertificate({}, ca_.Sign(options));
  }
  TlsSettings Trusting() const {
    TlsSettings settings;
    settings.ca_pem = ca_.pem();
    return settings;
  }
  static TlsSettings WithCertificate(TlsSettings settings, const test::TestCertificate& made) {
    settings.cert_pem = made.cert_pem;
    settings.key_pem = made.key_pem;
    return settings;
  }
  static TlsContext::Ptr Server(const TlsSettings& settings,
                                std::vector<std::string> protocols = {"h2"},
                                bool is_alpn_optional = false) {
    auto context = TlsContext::NewServer(settings, std::move(protocols), is_alpn_optional);
    EXPECT_TRUE(context.has_value()) << context.error().message;
    return *context;
  }
  static TlsContext::Ptr Client(const TlsSettings& settings) {
    auto context = TlsContext::NewClient(settings);
    EXPECT_TRUE(context.has_value()) << context.error().message;
    return *context;
  }
  void Connect(const TlsSettings& serving, const TlsSettings& trusting,
               const std::string& name = kName, int buffer_bytes = 0) {
    ConnectTo(Server(serving), Client(trusting), name, buffer_bytes);
  }
  void ConnectTo(TlsContext::Ptr server, TlsContext::Ptr client, const std::string& name = kName,
                 int buffer_bytes = 0) {
    auto [left, right] = test::ConnectedSockets(loop_, buffer_bytes);
    server_ = PlainChannel::Start(loop_, Transport(std::move(right), TlsAccept{server, gate_}));
    client_ = PlainChannel::Start(loop_, Transport(std::move(left), client, name));
  }
  bool IsEstablished() { return client_->is_established() && server_->is_established(); }
  // The handshake fails; what each side says about it.
  void ExpectRefused() {
    ASSERT_TRUE(Until([&] { return client_->end && server_->end; })) << "nobody has refused";
    EXPECT_EQ(client_->received + server_->received, "");
  }

  static constexpr const char* kName = "backend.test";

  bool Until(const std::function<bool()>& is_met) { return test::TurnUntil(loop_, is_met); }

  WorkerLoop loop_;
  MemoryBudget budget_{256 << 20};
  MemoryAccount account_{budget_};
  std::shared_ptr<HandshakeGate> gate_ = std::make_shared<HandshakeGate>(loop_);
  test::TestCa ca_;
  std::shared_ptr<PlainChannel> client_;
  std::shared_ptr<PlainChannel> server_;
};

}  // namespace router
