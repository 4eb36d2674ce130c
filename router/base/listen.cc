#include "router/base/listen.h"

#include <algorithm>
#include <sstream>
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

// "127.0.0.1:4317", "[::1]:4317".
std::string TextOf(const tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

bool IsNotOfThisMachine(const boost::system::error_code& error) {
  return error == boost::asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available;
}

}  // namespace

Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   std::uint16_t port) {
  if (host.empty()) {
    // A v6 socket takes IPv4 too; the second is for machines without IPv6.
    return OpenAcceptors(io, host,
                         {tcp::endpoint(boost::asio::ip::address_v6::any(), port),
                          tcp::endpoint(boost::asio::ip::address_v4::any(), port)});
  }
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code error;
  tcp::resolver resolver(io);
  for (const auto& entry :
       resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error)) {
    endpoints.push_back(entry.endpoint());
  }
  if (error) return Failure("cannot resolve " + host + ": " + error.message());
  return OpenAcceptors(io, host, endpoints);
}

Result<AcceptorList> OpenAcceptors(boost::asio::io_context& io, const std::string& host,
                                   const std::vector<tcp::endpoint>& endpoints) {
  const auto name = [&host](const tcp::endpoint& endpoint) {
    const bool is_name = !host.empty() && endpoint.address().to_string() != host;
    return TextOf(endpoint) + (is_name ? " (of " + host + ")" : "");
  };
  AcceptorList acceptors;
  std::string passed_over;
  for (auto endpoint = endpoints.begin(); endpoint != endpoints.end(); ++endpoint) {
    if (std::find(endpoints.begin(), endpoint, *endpoint) != endpoint) continue;
    if (!acceptors.empty() && (host.empty() || endpoint->port() == 0)) break;
    auto acceptor = std::make_shared<tcp::acceptor>(io);
    const boost::system::error_code error = Open(*acceptor, *endpoint);
    const std::string text = name(*endpoint) + ": " + error.message();
    if (!error) {
      acceptors.push_back(std::move(acceptor));
    } else if (IsNotOfThisMachine(error)) {
      passed_over += (passed_over.empty() ? "" : "; ") + text;
    } else {
      return Failure("cannot listen on " + text);
    }
  }
  if (!acceptors.empty()) return acceptors;
  return Failure("cannot listen on " +
                 (passed_over.empty() ? host + ": it has no address" : passed_over));
}

}  // namespace router
