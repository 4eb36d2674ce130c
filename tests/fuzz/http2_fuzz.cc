// Any bytes as what a client of HTTP/2 sends: nothing crashes, and every handler ends exactly once,
// answered or reset, and hears nothing after that.
//
// Input: one byte that says how much of the rest comes with the connection and how much later, by
// its socket; then the bytes. How a request is answered is up to the last character of its path.
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "router/http2/server_connection.h"

namespace {

using router::ServerConnection;
using router::ServerStream;

class Server final : public router::Acceptor {
 public:
  explicit Server(router::WorkerLoop& loop) : loop_(loop) {}

  void Serve(std::span<const std::uint8_t> first, std::span<const std::uint8_t> later);

 private:
  class Handler;
  std::unique_ptr<router::StreamHandler> NewStream(ServerStream& stream) override;
  void OnConnectionClosed(ServerConnection& connection, std::string_view) override {
    // It may close on its first bytes, before Start() has returned.
    const bool is_known = connection_ == nullptr || connection_.get() == &connection;
    if (!is_known) std::abort();
    connection_.reset();
  }

  router::WorkerLoop& loop_;
  std::shared_ptr<ServerConnection> connection_;
  std::size_t alive_ = 0;  // handlers
};

class Server::Handler final : public router::StreamHandler {
 public:
  Handler(Server& server, ServerStream& stream) : server_(server), stream_(stream) {
    ++server_.alive_;
  }
  ~Handler() override {
    if (!is_over_) std::abort();
    --server_.alive_;
  }
  void OnHeader(std::string_view name, std::string_view value) override {
    Check(!has_headers_);
    if (name == ":path" && !value.empty()) kind_ = value.back();
  }
  void OnHeadersEnd() override {
    Check(!std::exchange(has_headers_, true));
    if (kind_ == 'e') {
      is_over_ = true;
      stream_.RespondStatus({.code = router::GrpcCode::kUnavailable, .message = "100 % \n"});
    } else if (kind_ == 'h') {
      stream_.HoldBody(true);
    } else if (kind_ == 'p') {
      stream_.Push("one");
    }
  }
  void OnData(std::span<const std::uint8_t> bytes) override {
    // nghttp2 shows the end of the headers first.
    Check(has_headers_ && !has_ended_);
    bytes_ += bytes.size();
    if (kind_ == 'h' && bytes_ > 1000) stream_.HoldBody(false);
    if (kind_ == 'd' && bytes_ > 1000) {
      is_over_ = true;
      const router::HttpField field{"x-field", "value"};
      stream_.Respond(413, {&field, 1}, "too large");
    }
  }
  void OnRequestEnd() override {
    Check(has_headers_ && !std::exchange(has_ended_, true));
    is_over_ = true;
    if (kind_ == 'p') {
      stream_.Finish(router::GrpcCode::kOk, "");
    } else {
      stream_.RespondMessage(std::string_view("\x0a\x00", 2));
    }
  }
  void OnReset() override {
    Check(true);
    is_over_ = true;
  }

 private:
  void Check(bool is_right) const {
    if (is_over_ || !is_right) std::abort();
  }

  Server& server_;
  ServerStream& stream_;
  char kind_ = '\0';
  bool has_headers_ = false;
  bool has_ended_ = false;
  bool is_over_ = false;
  std::size_t bytes_ = 0;
};

std::unique_ptr<router::StreamHandler> Server::NewStream(ServerStream& stream) {
  return std::make_unique<Handler>(*this, stream);
}

void Server::Serve(std::span<const std::uint8_t> first, std::span<const std::uint8_t> later) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  boost::asio::ip::tcp::socket socket(loop_.io());
  socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
  connection_ = ServerConnection::Start(loop_, router::Transport(std::move(socket)), *this,
                                        {.concurrent_streams_max = 8}, first);
  if (!connection_->is_open()) connection_.reset();  // on the first bytes, before it was known here
  loop_.Turn(false);
  if (!later.empty() && connection_ != nullptr) {
    (void)!::send(ends[1], later.data(), later.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    loop_.Turn(false);
  }
  if (connection_ != nullptr) connection_->ShutDown();
  loop_.Turn(false);
  if (connection_ != nullptr) connection_->Close("end of input");
  ::close(ends[1]);
  loop_.Turn(false);
  if (connection_ != nullptr || alive_ != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static router::WorkerLoop loop;
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 255;
  Server(loop).Serve(bytes.first(cut), bytes.subspan(cut));
  return 0;
}
