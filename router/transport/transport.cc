#include "router/transport/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace router {
namespace {

constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 10;
constexpr int kKeepAliveProbes = 3;

std::string PeerName(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const auto address = endpoint.address();
  const std::string port = std::to_string(endpoint.port());
  return address.is_v6() ? "[" + address.to_string() + "]:" + port
                         : address.to_string() + ":" + port;
}

}  // namespace

Transport::Transport(boost::asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), peer_(PeerName(socket_)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  const int on = 1;
  const int fd = socket_.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A peer that vanished without a word is noticed within a minute and a half.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdleS, sizeof kKeepAliveIdleS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveIntervalS, sizeof kKeepAliveIntervalS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepAliveProbes, sizeof kKeepAliveProbes);
}

Transport::Outcome Transport::Fail(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return {Status::kBlocked};
  error_ = std::strerror(error);
  return {Status::kFailed};
}

Transport::Outcome Transport::Read(std::span<std::uint8_t> buffer) {
  ssize_t size = 0;
  do {
    size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return Fail(errno);
  if (size == 0) return {Status::kClosed};
  return {Status::kOk, static_cast<std::size_t>(size)};
}

Transport::Outcome Transport::Write(std::span<const iovec> segments) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(segments.data());
  message.msg_iovlen = segments.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Fail(errno);
  return {Status::kOk, static_cast<std::size_t>(sent)};
}

void Transport::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace router
