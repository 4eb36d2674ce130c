#include "router/ingress/listener.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <utility>

namespace router {
namespace {

using boost::asio::ip::tcp;
constexpr std::chrono::milliseconds kAcceptRetry{100};

}  // namespace

Listener::Listener(boost::asio::io_context& control, std::size_t connections_max,
                   std::vector<ListenerTarget> targets)
    : control_(control), connections_max_(connections_max), targets_(std::move(targets)) {}

Result<std::uint16_t> Listener::Bind(const std::string& host, std::uint16_t port) {
  Result<AcceptorList> opened = OpenAcceptors(control_, host, port);
  if (!opened) return tl::unexpected(opened.error());
  acceptors_ = *std::move(opened);
  return acceptors_.front()->local_endpoint().port();
}

void Listener::StartAccepting() {
  if (std::exchange(is_accepting_, true)) return;
  for (const auto& acceptor : acceptors_) Accept(acceptor);
}

void Listener::Accept(const std::shared_ptr<Acceptor>& acceptor) {
  acceptor->async_accept(
      [this, acceptor](const boost::system::error_code& error, tcp::socket socket) {
        if (!error) Dispatch(std::move(socket));  // also one accepted just before Close()
        if (!acceptor->is_open()) return;
        if (!error) {
          Accept(acceptor);
          return;
        }
        if (const auto left_out = log_limiter_.Allow(Clock::now()))
          spdlog::warn("accept: {}{}", error.message(), *left_out);
        // Out of descriptors or memory: trying again at once would spin.
        const auto pause = std::make_shared<boost::asio::steady_timer>(control_, kAcceptRetry);
        pause->async_wait([this, acceptor, pause](const boost::system::error_code& cancelled) {
          if (!cancelled && acceptor->is_open()) Accept(acceptor);
        });
      });
}

void Listener::Dispatch(tcp::socket socket) {
  std::size_t total = 0;
  const ListenerTarget* fewest = nullptr;
  std::size_t fewest_count = std::numeric_limits<std::size_t>::max();
  for (const ListenerTarget& target : targets_) {
    const std::size_t count = target.connection_count();
    total += count;
    if (count < fewest_count) {
      fewest_count = count;
      fewest = &target;
    }
  }
  if (total >= connections_max_) {
    ++turned_away_;
    if (const auto left_out = log_limiter_.Allow(Clock::now()))
      spdlog::warn("connection turned away: {} are open, the limit{}", total, *left_out);
    return;
  }
  boost::system::error_code error;
  const bool is_v6 = socket.local_endpoint(error).protocol() == tcp::v6();
  if (error) return;  // gone already
  ++accepted_;
  fewest->take(socket.release(), is_v6);
}

void Listener::Close() {
  for (const auto& acceptor : acceptors_) {
    boost::system::error_code error;
    acceptor->non_blocking(true, error);
    while (!error) {
      tcp::socket socket(control_);
      acceptor->accept(socket, error);
      if (!error) Dispatch(std::move(socket));
    }
    acceptor->close(error);
  }
  acceptors_.clear();
}

}  // namespace router
