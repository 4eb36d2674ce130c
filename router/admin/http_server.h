// HttpServer: the small HTTP/1.1 server of the health, metrics and admin ports (Boost.Beast). GET
// and HEAD only.
//
// Thread safety: control thread only.
// Bounds: kConnectionsMax connections (one more closes the one that was silent longest),
// kIdleTimeout each, 8 KiB of headers, no body. Never on the data path: a slow scraper costs
// nobody else anything.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/base/listen.h"
#include "router/base/result.h"

namespace router {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // more of them
};

// What is asked for; views into the request.
struct HttpQuestion {
  std::string_view path;
  std::string_view query;  // without '?'
  std::string_view host;   // the header; empty: none
};

class HttpServer {
 public:
  static constexpr std::size_t kConnectionsMax = 256;
  static constexpr std::chrono::seconds kIdleTimeout{10};

  // Answers one question. Runs on the control thread.
  using Handler = std::function<HttpAnswer(const HttpQuestion&)>;

  HttpServer(boost::asio::io_context& control, Handler handler);
  ~HttpServer();

  // Listens on every address of `host` ("": all of this machine). Returns the port.
  Result<std::uint16_t> Listen(const std::string& host, std::uint16_t port);
  void Close();

 private:
  class Session;
  using SessionList = std::list<Session*>;  // the one that was silent longest first
  using Acceptor = boost::asio::ip::tcp::acceptor;
  void Accept(const std::shared_ptr<Acceptor>& acceptor);

  boost::asio::io_context& control_;
  // Shared with the sessions, which may outlive the server by a moment.
  std::shared_ptr<const Handler> handler_;
  std::shared_ptr<SessionList> open_ = std::make_shared<SessionList>();
  AcceptorList acceptors_;
};

}  // namespace router
