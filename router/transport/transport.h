// Transport: one connected byte stream to a peer, non-blocking.
//
// What HTTP/1 and HTTP/2 stand on, on both sides of the router.
// Thread safety: its worker only.
// Ownership: owns the socket; move-only.
// Failure: kFailed says why in error(); the stream is then of no use any more.
#pragma once

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace router {

class Transport {
 public:
  enum class Status : std::uint8_t {
    kOk,       // `size` bytes were moved
    kBlocked,  // none could be moved now
    kClosed,   // the peer has ended its side (reading only)
    kFailed,
  };
  struct Outcome {
    Status status = Status::kOk;
    std::size_t size = 0;
  };

  // `socket` is connected. Makes it non-blocking and sets TCP_NODELAY and keep-alive.
  explicit Transport(boost::asio::ip::tcp::socket socket);

  // At most one system call.
  Outcome Read(std::span<std::uint8_t> buffer);
  // May take fewer bytes than there are.
  Outcome Write(std::span<const iovec> segments);
  void Close();

  // "ip:port" of the other side, for logs.
  const std::string& peer() const { return peer_; }
  const std::string& error() const { return error_; }
  // To wait for readiness.
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  Outcome Fail(int error);

  boost::asio::ip::tcp::socket socket_;
  std::string peer_;
  std::string error_;
};

}  // namespace router
