// BackendTest: one Backend, and a scripted HTTP/2 server it connects to.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/backend/backend.h"
#include "tests/support/http2_peer.h"

namespace router {

class KeepingAttempt final : public Attempt {
 public:
  void OnAttemptDone(AttemptResult&& done) override {
    EXPECT_FALSE(result.has_value()) << "a second end";
    result = std::move(done);
    if (then) then();
  }
  std::optional<AttemptResult> result;
  std::function<void()> then;
};

class BackendTest : public ::testing::Test, public BackendObserver {
 protected:
  using Kind = AttemptResult::Kind;
  using Peer = test::Http2Peer;

  void TearDown() override {
    if (server_) server_->Close();
    if (backend_) {
      backend_->Retire();
      EXPECT_TRUE(Until([&] { return backend_->state() == BackendState::kGone; })) << "retired";
      const auto metrics = backend_->metrics();
      std::uint64_t ended = 0;
      for (const Counter& outcome : metrics->attempts) ended += outcome.Value();
      EXPECT_EQ(ended, attempts_.size()) << "metrics: every attempt ends once";
      EXPECT_EQ(metrics->in_flight.Value(), 0U);
      EXPECT_EQ(metrics->waiting.Value(), 0U);
    }
    backend_.reset();
    attempts_.clear();
    loop_.Turn(false);
    EXPECT_EQ(account_.charged(), 0U) << "a body is still alive";
  }

  bool Until(const std::function<bool()>& is_met) { return test::TurnUntil(loop_, is_met); }

  void Listen(const test::PeerOptions& options = {}) {
    server_ = std::make_unique<test::Http2Server>(loop_, options);
    address_ = server_->address();
  }
  void Open() {
    backend_ =
        std::make_shared<Backend>(loop_, codec_, std::make_shared<const BackendOptions>(options_),
                                  BackendEndpoint{"b:1", "b:1", address_}, *this);
    backend_->Start();
  }
  void ListenAndConnect(const test::PeerOptions& options = {}) {
    Listen(options);
    Open();
    ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kReady; }));
  }
  // An address that refuses connections: a port that was just free.
  void UseRefusingAddress() {
    boost::asio::ip::tcp::acceptor gone(loop_.io(), {boost::asio::ip::address_v4::loopback(), 0});
    address_ = gone.local_endpoint();
  }

  KeepingAttempt& Send(std::string_view message = "spans", std::size_t spans = 10) {
    attempts_.push_back(std::make_unique<KeepingAttempt>());
    KeepingAttempt& attempt = *attempts_.back();
    auto body = std::make_shared<Body>(account_);
    EXPECT_TRUE(body->Reserve(message.size()));
    EXPECT_TRUE(
        body->Append({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()}));
    attempt.frame = body->FrameAsGrpc(false);
    attempt.body = std::move(body);
    attempt.spans = spans;
    attempt.is_retry = next_is_retry_;
    attempt.compression = next_compression_;
    attempt.deadline = loop_.Now() + next_time_;
    backend_->Send(attempt);
    EXPECT_FALSE(attempt.result.has_value()) << "inline from Send()";
    return attempt;
  }
  bool Done(const KeepingAttempt& attempt) {
    return Until([&] { return attempt.result.has_value(); });
  }
  std::uint64_t Outcomes(AttemptOutcome outcome) const {
    return backend_->metrics()->attempts[static_cast<std::size_t>(outcome)].Value();
  }

  WorkerLoop loop_;
  Codec codec_;
  MemoryBudget budget_{256 << 20};
  MemoryAccount account_{budget_};
  BackendOptions options_;
  boost::asio::ip::tcp::endpoint address_;
  std::unique_ptr<test::Http2Server> server_;
  std::shared_ptr<Backend> backend_;
  std::vector<std::unique_ptr<KeepingAttempt>> attempts_;
  std::vector<std::pair<bool, TimePoint>> states_;  // what the observer heard
  bool may_take_down_ = true;
  bool next_is_retry_ = false;
  Compression next_compression_ = Compression::kNone;
  Duration next_time_ = std::chrono::seconds(5);

 private:
  bool MayTakeDown() override { return may_take_down_; }
  void OnBackendState(const std::string& name, bool is_ready) override {
    EXPECT_EQ(name, "b:1");
    states_.emplace_back(is_ready, Clock::now());
  }
};

}  // namespace router
