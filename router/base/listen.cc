#include "router/base/listen.h"

#include <utility>

namespace router {
namespace {

using boost::asio::ip::tcp;
constexpr int kBacklog = 4096;

boost::system::error_code Open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  return error;
}

}  // namespace

Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   std::uint16_t port) {
  std::vector<tcp::endpoint> endpoints;
  const bool is_any = host.empty();
  if (is_any) {
    // A v6 socket takes IPv4 too; the second is for machines without IPv6.
    endpoints.emplace_back(boost::asio::ip::address_v6::any(), port);
    endpoints.emplace_back(boost::asio::ip::address_v4::any(), port);
  } else {
    boost::system::error_code error;
    tcp::resolver resolver(io);
    for (const auto& entry :
         resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error)) {
      endpoints.push_back(entry.endpoint());
    }
    if (error) return Failure("cannot resolve " + host + ": " + error.message());
  }
  AcceptorList acceptors;
  std::string last_error = "it has no address";
  for (const tcp::endpoint& endpoint : endpoints) {
    if (!acceptors.empty() && (is_any || port == 0)) break;
    auto acceptor = std::make_shared<tcp::acceptor>(io);
    if (const auto error = Open(*acceptor, endpoint)) {
      last_error = error.message();
    } else {
      acceptors.push_back(std::move(acceptor));
    }
  }
  if (acceptors.empty()) {
    return Failure("cannot listen on " + host + ":" + std::to_string(port) + ": " + last_error);
  }
  return acceptors;
}

}  // namespace router
