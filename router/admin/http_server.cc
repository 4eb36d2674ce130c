#include "router/admin/http_server.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

namespace router {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

// One connection; alive while an operation of its runs.
class HttpServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<const Handler> handler,
          std::shared_ptr<SessionList> open)
      : stream_(std::move(socket)),
        handler_(std::move(handler)),
        open_(std::move(open)),
        position_(open_->insert(open_->end(), this)) {}
  ~Session() { Leave(); }

  // Ends the operation that runs, and with it the session.
  void Close() {
    Leave();
    stream_.close();
  }

  void Read() {
    constexpr std::size_t kHeaderBytesMax = 8192;
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(0);
    stream_.expires_after(kIdleTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                       self->OnRead(error);
                     });
  }

 private:
  void Leave() {
    if (std::exchange(is_listed_, false)) open_->erase(position_);
  }

  void OnRead(const beast::error_code& error) {
    if ((error && error != http::error::body_limit) || !is_listed_) return;
    open_->splice(open_->end(), *open_, position_);
    const auto& request = parser_->get();
    const bool is_get = request.method() == http::verb::get || request.method() == http::verb::head;
    const std::string_view target(request.target().data(), request.target().size());
    const std::size_t mark = std::min(target.find('?'), target.size());
    const auto host = request[http::field::host];
    HttpAnswer answer;
    if (is_get && !error) {
      answer = (*handler_)({.path = target.substr(0, mark),
                            .query = target.substr(std::min(mark + 1, target.size())),
                            .host = {host.data(), host.size()}});
    } else {
      answer = {.status = 405, .body = "GET only\n"};
    }
    response_ = {};
    response_.version(request.version());
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) response_.set(name, value);
    if (answer.status == 405) response_.set(http::field::allow, "GET, HEAD");
    response_.keep_alive(request.keep_alive() && !error);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
    stream_.expires_after(kIdleTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const beast::error_code& failed, std::size_t) {
                        if (!failed && self->response_.keep_alive()) self->Read();
                      });
  }

  beast::tcp_stream stream_;
  std::shared_ptr<const Handler> handler_;
  std::shared_ptr<SessionList> open_;
  SessionList::iterator position_;
  bool is_listed_ = true;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

HttpServer::HttpServer(boost::asio::io_context& control, Handler handler)
    : control_(control), handler_(std::make_shared<const Handler>(std::move(handler))) {}

HttpServer::~HttpServer() { Close(); }

Result<std::uint16_t> HttpServer::Listen(const std::string& host, std::uint16_t port) {
  Result<AcceptorList> opened = OpenAcceptors(control_, host, port);
  if (!opened) return tl::unexpected(opened.error());
  acceptors_ = *std::move(opened);
  for (const auto& acceptor : acceptors_) Accept(acceptor);
  return acceptors_.front()->local_endpoint().port();
}

void HttpServer::Accept(const std::shared_ptr<Acceptor>& acceptor) {
  acceptor->async_accept([this, acceptor](const beast::error_code& error, tcp::socket socket) {
    if (!acceptor->is_open()) return;
    if (!error) {
      if (open_->size() >= kConnectionsMax) open_->front()->Close();
      std::make_shared<Session>(std::move(socket), handler_, open_)->Read();
    }
    if (error) {
      // Out of descriptors: give the process a moment instead of spinning.
      auto pause =
          std::make_shared<boost::asio::steady_timer>(control_, std::chrono::milliseconds(100));
      pause->async_wait([this, acceptor, pause](const beast::error_code&) {
        if (acceptor->is_open()) Accept(acceptor);
      });
      return;
    }
    Accept(acceptor);
  });
}

void HttpServer::Close() {
  for (const auto& acceptor : acceptors_) {
    beast::error_code ignored;
    acceptor->close(ignored);
  }
  acceptors_.clear();
}

}  // namespace router
