// What a connection holds while no request is under way.
#include "router/http1/http1_connection.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/http2_peer.h"

namespace router {
namespace {

// Answers every request with 200, at once or when it is told to.
class Http1ConnectionTest : public testing::Test, protected Http1Acceptor {
 protected:
  void SetUp() override {
    auto [left, right] = test::ConnectedSockets(loop_);
    connection_ =
        Http1Connection::Start(loop_, account_, Transport(std::move(right)), *this, {}, {});
    client_.emplace(std::move(left));
    client_->non_blocking(true);
  }
  void TearDown() override {
    connection_->Close("the test is over");
    EXPECT_EQ(handlers_, 0);
  }

  // Sends all of it, and reads until `answers` answers have come in all and the loop is idle.
  void Ask(std::string_view text, int answers) {
    ASSERT_TRUE(test::TurnUntil(loop_, [&] {
      boost::system::error_code error;
      text.remove_prefix(client_->write_some(boost::asio::buffer(text), error));
      return Answers() >= answers && text.empty();
    }));
    for (int i = 0; i < 3; ++i) loop_.Turn(false);
    EXPECT_EQ(Answers(), answers);
  }
  int Answers() {
    boost::system::error_code error;
    std::array<char, 4096> bytes{};
    const std::size_t size = client_->read_some(boost::asio::buffer(bytes), error);
    read_.append(bytes.data(), size);
    int answers = 0;
    for (std::size_t at = 0; (at = read_.find("HTTP/1.1 200", at)) != std::string::npos; ++at) {
      ++answers;
    }
    return answers;
  }

  WorkerLoop loop_;
  MemoryBudget budget_{64 * 1024 * 1024};
  MemoryAccount account_{budget_};
  std::shared_ptr<Http1Connection> connection_;
  std::optional<boost::asio::ip::tcp::socket> client_;
  std::string read_;
  int handlers_ = 0;  // that live
  bool is_answered_early_ = false;

 private:
  class Handler final : public StreamHandler {
   public:
    Handler(Http1ConnectionTest& test, HttpResponder& responder)
        : test_(test), responder_(responder) {
      ++test_.handlers_;
    }
    ~Handler() override { --test_.handlers_; }
    void OnHeader(std::string_view, std::string_view) override {}
    void OnHeadersEnd() override {
      if (test_.is_answered_early_) Answer();
    }
    void OnData(std::span<const std::uint8_t>) override {}
    void OnRequestEnd() override { Answer(); }
    void OnReset() override {}

   private:
    void Answer() {
      const int before = test_.handlers_;
      responder_.Respond(200, {}, "ok");
      EXPECT_EQ(test_.handlers_, before) << "destroyed while it answers";
    }

    Http1ConnectionTest& test_;
    HttpResponder& responder_;
  };

  std::unique_ptr<StreamHandler> NewRequest(HttpResponder& responder) override {
    return std::make_unique<Handler>(*this, responder);
  }
  void OnConnectionClosed(Http1Connection&, std::string_view) override {}
};

std::string Request(std::size_t head_bytes, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nX: " + std::string(head_bytes, 'v') +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Scenario: requests that are answered when they are whole, and such that are answered before their
// body has come; one, and two at once.
// Guarantees: when the connection is idle no handler is left; never is one destroyed while it
// answers.
TEST_F(Http1ConnectionTest, HoldsNoHandlerWhileIdle) {
  int answers = 0;
  for (const bool is_early : {false, true}) {
    is_answered_early_ = is_early;
    Ask(Request(10, "abc"), ++answers);
    EXPECT_EQ(handlers_, 0) << is_early;
    Ask(Request(10, "abc") + Request(10, "abc"), answers += 2);
    EXPECT_EQ(handlers_, 0) << is_early;
  }
}

// Scenario: a request whose head has 63 KiB, then the connection is idle; then another request.
// Guarantees: less than 20 KiB of it stay, and the next is answered.
TEST_F(Http1ConnectionTest, KeepsLittleOfLargeHeadWhileIdle) {
  const std::string large = Request(63 * 1024, "");
  Ask(Request(10, ""), 1);
  [[maybe_unused]] const std::size_t before = mallinfo2().uordblks;
  Ask(large, 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(mallinfo2().uordblks, before + 20 * 1024);
#endif
  Ask(Request(10, ""), 3);
}

}  // namespace
}  // namespace router
