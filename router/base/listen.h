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

// `host` "": every address of this machine, IPv4 and IPv6. An address that this machine does not
// have is passed over (a machine without IPv6 still listens on localhost), as long as another one
// opens. Whatever else keeps one closed is an error that names it: its clients would reach whoever
// has the port. With port 0 one address gets a port of the kernel's choice.
Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   std::uint16_t port);
// The same for addresses that are known; of those that are equal one is opened. `host` is for
// messages; "": the first that opens stands for all.
Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);

}  // namespace router
