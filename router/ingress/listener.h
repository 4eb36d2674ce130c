// Listener: accepts client connections and spreads them over the workers by count.
//
// A few long-lived gRPC connections must spread evenly, so the worker with the fewest gets the next
// one, and not whichever the kernel's hash picks. At connections_max a new connection is closed at
// once.
// Thread safety: control thread only; connection counts are read from the workers' servers (any
// thread).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router/base/listen.h"
#include "router/base/log.h"
#include "router/base/result.h"

namespace router {

// Where an accepted socket can go.
struct ListenerTarget {
  std::function<std::size_t()> connection_count;
  // Takes the file descriptor; called on the control thread, acts on the worker.
  std::function<void(int fd, bool is_v6)> take;
};

class Listener {
 public:
  Listener(boost::asio::io_context& control, std::size_t connections_max,
           std::vector<ListenerTarget> targets);

  // Binds and listens on every address `host` has ("" is every address of this machine). Clients
  // can connect and wait; nothing is accepted yet. Returns the port.
  Result<std::uint16_t> Bind(const std::string& host, std::uint16_t port);
  // Begins to accept, once; after Close() it does nothing.
  void StartAccepting();
  // Those that are open stay, also above it.
  void SetConnectionsMax(std::size_t connections_max) { connections_max_ = connections_max; }
  // Hands over what the kernel has already accepted, then closes.
  void Close();

  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t turned_away() const { return turned_away_; }

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;
  void Accept(const std::shared_ptr<Acceptor>& acceptor);
  void Dispatch(boost::asio::ip::tcp::socket socket);

  boost::asio::io_context& control_;
  std::size_t connections_max_;
  const std::vector<ListenerTarget> targets_;
  AcceptorList acceptors_;
  bool is_accepting_ = false;
  std::uint64_t accepted_ = 0;
  std::uint64_t turned_away_ = 0;
  LogLimiter log_limiter_;
};

}  // namespace router
