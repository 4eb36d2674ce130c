#include "router/app/plain_http.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "resolver/endpoint.h"

namespace router {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr std::uint16_t kHttpPort = 80;
constexpr std::size_t kBodyBytesMax = 64 * 1024;

// One connection, one request, one answer; each step starts the next, an error ends them.
class Exchange {
 public:
  Exchange(boost::asio::io_context& io, const std::string& authority, std::string_view path)
      : stream_(io) {
    request_.version(11);
    request_.method(http::verb::get);
    request_.target(beast::string_view(path.data(), path.size()));
    request_.set(http::field::host, authority);
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
  }

  void Start(const tcp::resolver::results_type& addresses, TimePoint deadline) {
    stream_.expires_at(deadline);
    stream_.async_connect(addresses, [this](const beast::error_code& error, const auto&) {
      if (!Fails(error)) Send();
    });
  }
  const std::string& error() const { return error_; }
  HttpReply TakeReply() {
    return {.status = parser_.get().result_int(), .body = std::move(parser_.get().body())};
  }

 private:
  void Send() {
    http::async_write(stream_, request_, [this](const beast::error_code& error, std::size_t) {
      if (!Fails(error)) Receive();
    });
  }
  void Receive() {
    http::async_read(stream_, buffer_, parser_,
                     [this](const beast::error_code& error, std::size_t) { Fails(error); });
  }
  bool Fails(const beast::error_code& error) {
    if (error) error_ = error == beast::error::timeout ? "no answer in time" : error.message();
    return static_cast<bool>(error);
  }

  beast::tcp_stream stream_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  std::string error_;
};

}  // namespace

Result<HttpReply> GetPlainHttp(std::string_view url, TimePoint deadline) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return Failure(std::string(url) + ": not a URL that begins with http://");
  }
  const std::string_view rest = url.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  const std::string authority(rest.substr(0, slash));
  const std::string_view path = slash == std::string_view::npos ? "/" : rest.substr(slash);
  const auto target = resolver::ParseHostPort(authority);
  if (!target) return Failure(std::string(url) + ": " + target.error());

  boost::asio::io_context io(1);
  boost::system::error_code unresolved;
  const auto addresses = tcp::resolver(io).resolve(
      target->host, std::to_string(target->port.value_or(kHttpPort)), unresolved);
  if (unresolved) return Failure(std::string(url) + ": " + unresolved.message());
  Exchange exchange(io, authority, path);
  exchange.Start(addresses, deadline);
  io.run();
  if (!exchange.error().empty()) return Failure(std::string(url) + ": " + exchange.error());
  return exchange.TakeReply();
}

}  // namespace router
