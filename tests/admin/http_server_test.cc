// The admin ports' HTTP server, byte for byte over sockets.
#include "router/admin/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/base/clock.h"

namespace router {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A plain socket driven by hand.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Peer() { ::close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(std::string_view text) {
    ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void Pump() {
    char buffer[4096];
    while (is_open_) {
      const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (size <= 0) {
        is_open_ = false;
        return;
      }
      received_.append(buffer, static_cast<std::size_t>(size));
    }
  }
  const std::string& received() const { return received_; }
  bool is_open() const { return is_open_; }

 private:
  const int socket_;
  bool is_open_ = false;
  std::string received_;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    const auto port = server_.Listen("127.0.0.1", 0);
    EXPECT_TRUE(port.has_value());
    port_ = port.value_or(0);
  }
  ~HttpServerTest() override {
    server_.Close();
    peers_.clear();
    control_.restart();
    control_.poll();
  }

  Peer& NewPeer() { return *peers_.emplace_back(std::make_unique<Peer>(port_)); }
  bool RunUntil(const std::function<bool()>& is_done) {
    const TimePoint until = Clock::now() + std::chrono::seconds(20);
    while (!is_done()) {
      if (Clock::now() > until) return false;
      control_.restart();
      control_.poll();
      for (const auto& peer : peers_) peer->Pump();
    }
    return true;
  }
  // Sends one request and reads until the server closes.
  std::string Ask(std::string_view request) {
    Peer& peer = NewPeer();
    peer.Send(request);
    EXPECT_TRUE(RunUntil([&] { return !peer.is_open(); })) << "the server keeps " << request;
    return peer.received();
  }

  boost::asio::io_context control_{1};
  std::vector<std::string> asked_;
  HttpServer server_{control_, [this](const HttpQuestion& question) -> HttpAnswer {
                       const std::string_view path = question.path;
                       asked_.emplace_back(path);
                       if (path != "/metrics") return {.status = 404, .body = "nothing\n"};
                       return {.content_type = "text/plain; version=0.0.4", .body = "a 1\n"};
                     }};
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
};

// Scenario: GET of a known path, with and without a query; of an unknown one.
// Guarantees: the handler sees the path without its query; its status, type and body arrive.
TEST_F(HttpServerTest, GetIsAnsweredByTheHandler) {
  EXPECT_THAT(
      Ask("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"),
            HasSubstr("Content-Length: 4\r\n"), EndsWith("\r\n\r\na 1\n")));
  EXPECT_THAT(Ask("GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 404 "), EndsWith("nothing\n")));
  EXPECT_EQ(asked_, (std::vector<std::string>{"/metrics", "/other"}));
}

// Scenario: HEAD.
// Guarantees: the headers of GET, its length included, and no body.
TEST_F(HttpServerTest, HeadHasNoBody) {
  EXPECT_THAT(
      Ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Length: 4\r\n"), EndsWith("\r\n\r\n")));
}

// Scenario: POST without and with a body, DELETE, an invented method; GET with a body.
// Guarantees: 405 with Allow (the handler is not asked), and the connection ends where a body
// follows.
TEST_F(HttpServerTest, OtherMethodsAreNotAllowed) {
  for (const char* request : {"POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                              "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                              "DELETE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                              "BREW /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                              "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"}) {
    EXPECT_THAT(Ask(request), AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n")))
        << request;
  }
  EXPECT_TRUE(asked_.empty());
}

// Scenario: three requests on one connection, one after the other and then pipelined; the last asks
// to close.
// Guarantees: keep-alive: all are answered, in order.
TEST_F(HttpServerTest, ConnectionsAreKeptAlive) {
  Peer& peer = NewPeer();
  const std::string get = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  peer.Send(get);
  ASSERT_TRUE(RunUntil([&] { return peer.received().ends_with("a 1\n"); }));
  EXPECT_TRUE(peer.is_open());
  peer.Send(get + "GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(RunUntil([&] { return !peer.is_open(); }));
  EXPECT_THAT(peer.received(), EndsWith("nothing\n"));
  EXPECT_EQ(asked_.size(), 3u);
}

// Scenario: HTTP/1.0 without keep-alive.
// Guarantees: answered and closed.
TEST_F(HttpServerTest, Http10EndsAfterItsAnswer) {
  EXPECT_THAT(Ask("GET /metrics HTTP/1.0\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.0 200 "), EndsWith("a 1\n")));
}

// Scenario: headers of 7 KiB and of 9 KiB; bytes that are no HTTP.
// Guarantees: the first is served, the others are cut off without reaching the handler.
TEST_F(HttpServerTest, HeadersAreBounded) {
  const auto with = [](std::size_t size) {
    return "GET /metrics HTTP/1.1\r\nConnection: close\r\nX: " + std::string(size, 'x') +
           "\r\n\r\n";
  };
  EXPECT_THAT(Ask(with(7 * 1024)), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask(with(9 * 1024)), Not(HasSubstr(" 200 ")));
  EXPECT_THAT(Ask("\x16\x03\x01 hello\r\n\r\n"), Not(HasSubstr(" 200 ")));
  EXPECT_EQ(asked_.size(), 1u);
}

// Scenario: as many connections as allowed; the oldest asks something; then come two more.
// Guarantees: those silent longest are closed for them, not the one that asked; all others are
// served.
TEST_F(HttpServerTest, ConnectionsAreBounded) {
  for (std::size_t i = 0; i < HttpServer::kConnectionsMax; ++i) NewPeer();
  RunUntil([&, turns = 0]() mutable { return ++turns > 200; });
  peers_[0]->Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(RunUntil([&] { return peers_[0]->received().ends_with("a 1\n"); }));
  NewPeer();
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(RunUntil([&] { return !peers_[1]->is_open() && !peers_[2]->is_open(); }));
  EXPECT_EQ(peers_[1]->received(), "");
  for (std::size_t i = 0; i <= HttpServer::kConnectionsMax; ++i) {
    if (i == 1 || i == 2) continue;
    ASSERT_TRUE(peers_[i]->is_open()) << i;
    peers_[i]->Send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  ASSERT_TRUE(RunUntil([&] { return asked_.size() == HttpServer::kConnectionsMax + 1; }));
}

// Scenario: the port is taken.
// Guarantees: a failure that names address and reason.
TEST_F(HttpServerTest, APortInUseIsAFailure) {
  HttpServer second(control_, [](const HttpQuestion&) { return HttpAnswer{}; });
  const auto port = second.Listen("127.0.0.1", port_);
  ASSERT_FALSE(port.has_value());
  EXPECT_THAT(port.error().message,
              AllOf(HasSubstr("127.0.0.1:" + std::to_string(port_)), HasSubstr("in use")));
}

// Scenario: the server closes.
// Guarantees: nobody is accepted any more.
TEST_F(HttpServerTest, CloseEndsListening) {
  server_.Close();
  EXPECT_FALSE(NewPeer().is_open());
}

}  // namespace
}  // namespace router
