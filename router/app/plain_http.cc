#include "router/app/plain_http.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <vector>

#include "resolver/endpoint.h"
#include "router/app/address_lookup.h"
#include "router/base/log.h"

namespace router {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr std::size_t kBodyBytesMax = 64 * 1024;

// One connection, one request, one answer; each step starts the next, an error ends them.
class Exchange {
 public:
  Exchange(boost::asio::io_context& io, const PlainUrl& url) : stream_(io) {
    request_.version(11);
    request_.method(http::verb::get);
    request_.target(url.path);
    request_.set(http::field::host, url.authority);
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
  }

  void Start(const std::vector<tcp::endpoint>& addresses, TimePoint deadline) {
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

Result<PlainUrl> ParsePlainUrl(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const std::string shown = Printable(text);
  if (!text.starts_with(kScheme)) return Failure(shown + ": not a URL that begins with http://");
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  PlainUrl url;
  url.text = shown;
  url.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  const auto target = resolver::ParseHostPort(url.authority);
  if (!target) return Failure(shown + ": " + target.error());
  url.host = target->host;
  url.port = target->port.value_or(url.port);
  return url;
}

Result<HttpReply> GetPlainHttp(const PlainUrl& url, TimePoint deadline) {
  const auto addresses = LookUp(url.host, url.port, deadline);
  if (!addresses) return Failure(url.text + ": " + addresses.error().message);
  boost::asio::io_context io(1);
  Exchange exchange(io, url);
  exchange.Start(*addresses, deadline);
  io.run();
  if (!exchange.error().empty()) return Failure(url.text + ": " + exchange.error());
  return exchange.TakeReply();
}

}  // namespace router
