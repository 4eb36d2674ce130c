// OpenAcceptors: sockets that listen on every address of a host, for any port of this process.
// Thread safety: the thread of `io`. Blocks for the look-up of a host name (start only).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "router/base/result.h"

namespace router {

using AcceptorList = std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>>;

// `host` "": every address of this machine, IPv4 and IPv6. One address that works is enough (a
// machine without IPv6 still listens on localhost); none is an error. With port 0 one address gets
// a port of the kernel's choice.
Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   std::uint16_t port);

}  // namespace router
