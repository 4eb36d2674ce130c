// The listener on its own: where accepted sockets go.
#include "router/ingress/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tests/ingress/http2_client.h"

namespace router::test {
namespace {

using boost::asio::ip::tcp;

class ListenerTest : public testing::Test {
 protected:
  ~ListenerTest() override {
    listener_.reset();
    control_.restart();
    control_.poll();
    for (const std::vector<int>& fds : taken_) {
      for (const int fd : fds) ::close(fd);
    }
  }

  std::uint16_t SetUpListener(std::size_t targets, std::size_t connections_max,
                              const std::string& host = "127.0.0.1") {
    taken_.resize(targets);
    std::vector<ListenerTarget> list;
    for (std::size_t i = 0; i < targets; ++i) {
      list.push_back({.connection_count = [this, i] { return taken_[i].size(); },
                      .take = [this, i](int fd, bool) { taken_[i].push_back(fd); }});
    }
    listener_.emplace(control_, connections_max, std::move(list));
    const auto port = listener_->Bind(host, 0);
    EXPECT_TRUE(port.has_value());
    if (accepts_at_once_) listener_->StartAccepting();
    return port.value_or(0);
  }
  bool RunUntil(const std::function<bool()>& is_done) {
    const TimePoint until = Clock::now() + std::chrono::seconds(20);
    while (!is_done()) {
      if (Clock::now() > until) return false;
      control_.restart();
      control_.poll();
    }
    return true;
  }

  boost::asio::io_context control_{1};
  std::vector<std::vector<int>> taken_;
  std::optional<Listener> listener_;
  bool accepts_at_once_ = true;
};

// Scenario: ten connections, three workers of which one already has four.
// Guarantees: the worker with the fewest gets the next one, so that all end with about as many.
TEST_F(ListenerTest, TheWorkerWithTheFewestGetsTheNext) {
  const std::uint16_t port = SetUpListener(3, 100);
  for (int i = 0; i < 4; ++i) taken_[1].push_back(::dup(0));
  std::vector<std::unique_ptr<Http2Client>> clients;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    clients.push_back(std::make_unique<Http2Client>(port));
    ASSERT_TRUE(RunUntil([&] { return listener_->accepted() == i; }));
  }
  EXPECT_EQ(taken_[0].size(), 5u);
  EXPECT_EQ(taken_[1].size(), 5u);
  EXPECT_EQ(taken_[2].size(), 4u);
}

// Scenario: two connections are allowed, three come, then one leaves and a fourth comes.
// Guarantees: the third is closed at once and counted; the fourth has a place.
TEST_F(ListenerTest, TurnsAwayAtTheLimit) {
  const std::uint16_t port = SetUpListener(2, 2);
  Http2Client first(port);
  Http2Client second(port);
  ASSERT_TRUE(RunUntil([&] { return listener_->accepted() == 2; }));
  Http2Client third(port);
  ASSERT_TRUE(RunUntil([&] { return listener_->turned_away() == 1; }));
  ASSERT_TRUE(RunUntil([&] {
    third.Pump();
    return !third.is_open();
  }));
  ::close(taken_[0].back());
  taken_[0].pop_back();
  Http2Client fourth(port);
  ASSERT_TRUE(RunUntil([&] { return listener_->accepted() == 3; }));
  EXPECT_EQ(listener_->turned_away(), 1u);
  listener_->SetConnectionsMax(3);
  Http2Client fifth(port);
  ASSERT_TRUE(RunUntil([&] { return listener_->accepted() == 4; }));
}

// Scenario: three clients connect before the listener may accept; then it may; in a second run it
// closes instead.
// Guarantees: FM-33: they can connect and wait, and are all handed over either way.
TEST_F(ListenerTest, Fm33ClientsWaitUntilItAccepts) {
  accepts_at_once_ = false;
  for (const bool closes : {false, true}) {
    const std::uint16_t port = SetUpListener(1, 100);
    std::vector<std::unique_ptr<Http2Client>> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<Http2Client>(port));
    for (int i = 0; i < 100; ++i) {
      control_.restart();
      control_.poll();
    }
    for (const auto& client : clients) EXPECT_TRUE(client->is_open());
    EXPECT_EQ(listener_->accepted(), 0u);
    closes ? listener_->Close() : listener_->StartAccepting();
    ASSERT_TRUE(RunUntil([&] { return listener_->accepted() == 3; }));
    listener_->Close();
  }
}

// Scenario: connections wait in the kernel's queue when the listener closes.
// Guarantees: FM-33: they are handed over, not reset; afterwards nobody gets in.
TEST_F(ListenerTest, CloseHandsOverWhatWasAccepted) {
  const std::uint16_t port = SetUpListener(1, 100);
  std::vector<std::unique_ptr<Http2Client>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<Http2Client>(port));
  for (const auto& client : clients) ASSERT_TRUE(client->is_open());
  listener_->Close();
  EXPECT_EQ(taken_[0].size(), 5u);
  EXPECT_FALSE(Http2Client(port).is_open());
}

// Scenario: the process runs out of descriptors while both addresses of a host have a client
// waiting; then there are some again.
// Guarantees: A-04: both addresses accept again, without the loop spinning meanwhile.
TEST_F(ListenerTest, RecoversOnEveryAddressWhenDescriptorsAreBack) {
  const auto find_port = [&] {
    boost::asio::io_context io;
    const tcp::acceptor free(io, {boost::asio::ip::address_v4::loopback(), 0});
    return free.local_endpoint().port();
  };
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UndefinedBehaviorSanitizer probes memory through a pipe and cannot do without "
                  "descriptors";
#endif
  taken_.resize(1);
  listener_.emplace(
      control_, 100,
      std::vector<ListenerTarget>{{.connection_count = [] { return std::size_t{0}; },
                                   .take = [this](int fd, bool) { taken_[0].push_back(fd); }}});
  const std::uint16_t port = find_port();
  ASSERT_TRUE(listener_->Bind("localhost", port).has_value());
  listener_->StartAccepting();
  boost::system::error_code error;
  tcp::socket v4(control_);
  tcp::socket v6(control_);
  v4.connect({boost::asio::ip::address_v4::loopback(), port}, error);
  ASSERT_FALSE(error) << error.message();
  v6.connect({boost::asio::ip::address_v6::loopback(), port}, error);
  const std::size_t addresses = error ? 1 : 2;  // a machine may lack IPv6
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 20; ++i) {
    control_.restart();
    control_.poll();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(taken_[0].size(), 0u);
  EXPECT_TRUE(RunUntil([&] { return taken_[0].size() == addresses; })) << taken_[0].size();
}

}  // namespace
}  // namespace router::test
