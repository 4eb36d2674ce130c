// The generator's HTTP/1.1 client against written answers.
#include "bench/load/http1_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/load/frame_reader.h"

namespace bench {
namespace {

using std::string_literals::operator""s;

class UpToRequests : public IssueGate {
 public:
  UpToRequests(const LoadResults& results, std::uint64_t count)
      : results_(results), count_(count) {}
  bool MayIssue() override { return results_.issued < count_; }
  std::uint64_t SpansLeft() override { return 0; }

 private:
  const LoadResults& results_;
  std::uint64_t count_;
};

class Http1ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server_ = fds[1];
    client_ = std::make_unique<Http1Connection>(fds[0], std::make_unique<PlainWire>(fds[0]), "",
                                                gate_, *source_, results_);
  }
  void TearDown() override {
    if (server_ >= 0) close(server_);
  }

  // Issues a request and returns it as it arrives.
  std::string NextRequest() {
    client_->Fill();
    EXPECT_FALSE(client_->Flush());
    const ssize_t got = read(server_, buffer_.data(), buffer_.size());
    return got <= 0 ? "" : std::string(buffer_.begin(), buffer_.begin() + got);
  }
  void Say(const std::string& answer) {
    ASSERT_EQ(write(server_, answer.data(), answer.size()), std::ssize(answer));
    client_->OnReadable(buffer_);
  }

  int server_ = -1;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(FrameReader::kBufferBytes);
  LoadResults results_;
  UpToRequests gate_{results_, 10};
  std::unique_ptr<RequestSource> source_ = MakePooledSource({.spans_min = 3, .spans_max = 3});
  std::unique_ptr<Http1Connection> client_;
};

// Scenario: an answer cut in the head and in the body, then one with an empty partial_success.
// Guarantees: both acknowledge their spans; the second request comes only after the first answer.
TEST_F(Http1ConnectionTest, TakesPlainOksHoweverTheyAreCut) {
  const std::string request = NextRequest();
  EXPECT_EQ(request.substr(0, 25), "POST /v1/traces HTTP/1.1\r");
  EXPECT_EQ(NextRequest(), "");
  Say("HTTP/1.1 200 OK\r\ncontent-le");
  EXPECT_EQ(client_->in_flight(), 1u);
  Say("ngth: 0\r\n\r\n");
  EXPECT_EQ(results_.ok, 1u);
  NextRequest();
  Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x0a"s);
  EXPECT_EQ(results_.ok, 1u);
  Say("\0"s);
  EXPECT_EQ(results_.ok, 2u);
  EXPECT_EQ(results_.spans_acknowledged, 6u);
  EXPECT_TRUE(results_.errors.empty());
}

// Scenario: 503, then a partial success, then the server ends the connection without an answer.
// Guarantees: each is an error of its own kind, and no span of them is acknowledged.
TEST_F(Http1ConnectionTest, TellsRefusalsApart) {
  NextRequest();
  Say("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy");
  NextRequest();
  Say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x0a\x02\x08\x01");
  NextRequest();
  close(server_);
  server_ = -1;
  client_->OnReadable(buffer_);
  EXPECT_TRUE(client_->closed());
  EXPECT_EQ(results_.spans_acknowledged, 0u);
  EXPECT_EQ(results_.error_messages.at("http 503"), "busy");
  EXPECT_EQ(results_.errors.at("partial_success"), 1u);
  EXPECT_EQ(results_.errors.at("closed"), 1u);
}

// Scenario: an answer with `connection: close`.
// Guarantees: it counts, and nothing more is sent here.
TEST_F(Http1ConnectionTest, StopsWhenTheServerSaysSo) {
  NextRequest();
  Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(results_.ok, 1u);
  EXPECT_FALSE(client_->usable());
}

}  // namespace
}  // namespace bench
