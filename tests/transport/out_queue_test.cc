#include "router/transport/out_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace router {
namespace {

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class OutQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
    const int small = 4096;
    ASSERT_EQ(::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    boost::asio::ip::tcp::socket socket(io_);
    socket.assign(boost::asio::ip::tcp::v4(), ends_[0]);
    transport_.emplace(std::move(socket));
  }
  void TearDown() override {
    transport_.reset();  // closes its end
    ::close(ends_[1]);
    EXPECT_EQ(account_.charged(), 0U) << "a body is still alive";
  }

  std::shared_ptr<const Body> MakeBody(std::string_view text) {
    auto body = std::make_shared<Body>(account_);
    EXPECT_TRUE(body->Append(Bytes(text)));
    return body;
  }
  // What has arrived at the other end.
  std::string Receive() {
    std::string all;
    std::array<char, 8192> buffer;
    for (ssize_t size; (size = ::read(ends_[1], buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

  MemoryBudget budget_{64 << 20};
  MemoryAccount account_{budget_};
  std::array<int, 2> ends_{};
  boost::asio::io_context io_;
  std::optional<Transport> transport_;
  OutQueue queue_;
};

// Scenario: copies and references in turn.
// Guarantees: they leave in the order in which they came; the queue is empty afterwards and can be
// used again.
TEST_F(OutQueueTest, KeepsTheOrderOfCopiesAndReferences) {
  const auto body = MakeBody("world");
  for (int round = 0; round < 2; ++round) {
    queue_.AppendCopy(Bytes("hel"));
    queue_.AppendCopy(Bytes("lo "));
    queue_.AppendReference(body->bytes(), body);
    queue_.AppendCopy(Bytes("!"));
    queue_.AppendCopy({});
    EXPECT_EQ(queue_.bytes(), 12U);
    EXPECT_EQ(queue_.WriteTo(*transport_), Transport::Status::kOk);
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.bytes(), 0U);
    EXPECT_EQ(Receive(), "hello world!");
  }
}

// Scenario: nothing, and a reference to nothing.
// Guarantees: still empty; writing an empty queue is done.
TEST_F(OutQueueTest, EmptyQueueIsDone) {
  queue_.AppendReference({}, MakeBody(""));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.WriteTo(*transport_), Transport::Status::kOk);
}

// Scenario: the only owner of a body lets go of it while its bytes wait behind a full socket.
// Guarantees: the queue keeps it alive until its last byte is taken, and not longer than the
// segment behind it.
TEST_F(OutQueueTest, KeepsBodiesAliveUntilTheirLastByteIsTaken) {
  const std::string text(100'000, 'b');
  std::weak_ptr<const Body> watch;
  {
    const auto body = MakeBody(text);
    watch = body;
    queue_.AppendReference(body->bytes(), body);
  }
  std::string received;
  ASSERT_EQ(queue_.WriteTo(*transport_), Transport::Status::kBlocked);
  EXPECT_FALSE(watch.expired());
  while (!queue_.empty()) {
    EXPECT_FALSE(watch.expired());
    received += Receive();
    queue_.WriteTo(*transport_);
  }
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(received + Receive(), text);
}

// Scenario: 300 segments of seeded sizes, both kinds, more than one writev takes, through a small
// socket; some are added while others are half written.
// Guarantees: partial writes lose, double and reorder nothing; bytes() counts what is left.
TEST_F(OutQueueTest, PartialWritesLoseNothing) {
  std::mt19937 random(42);
  std::string expected;
  std::string received;
  for (int i = 0; i < 300; ++i) {
    std::string piece;
    const std::size_t size = random() % 3000;
    for (std::size_t n = 0; n < size; ++n) piece += static_cast<char>(random());
    expected += piece;
    if (random() % 2 == 0) {
      queue_.AppendCopy(Bytes(piece));
    } else {
      const auto body = MakeBody(piece);
      queue_.AppendReference(body->bytes(), body);
    }
    if (random() % 40 == 0) {
      queue_.WriteTo(*transport_);
      received += Receive();
      ASSERT_EQ(queue_.bytes(), expected.size() - received.size());
    }
  }
  int writes = 0;
  while (!queue_.empty()) {
    ASSERT_NE(queue_.WriteTo(*transport_), Transport::Status::kFailed);
    received += Receive();
    ++writes;
  }
  EXPECT_EQ(received, expected);
  EXPECT_GT(writes, 5) << "the socket took too much at once to test partial writes";
}

// Scenario: the other end is closed.
// Guarantees: kFailed and errno, no signal; what waits is released with the queue.
TEST_F(OutQueueTest, ClosedSocketFails) {
  ::close(ends_[1]);
  ends_[1] = ::open("/dev/null", O_RDONLY);
  const auto body = MakeBody("late");
  queue_.AppendReference(body->bytes(), body);
  EXPECT_EQ(queue_.WriteTo(*transport_), Transport::Status::kFailed);
  EXPECT_EQ(errno, EPIPE);
  queue_ = OutQueue();
}

}  // namespace
}  // namespace router
