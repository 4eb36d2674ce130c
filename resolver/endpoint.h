// Endpoint: where a backend is and what it is called, and the canonical sets of them that a
// resolver reports.
//
// Thread safety: values and pure functions.
// Invariants of an EndpointSet: sorted bytewise by name, names unique, at most kEndpointsMax. Two
// answers with the same members give equal sets, whatever the order and the duplicates (FM-23).
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace resolver {

// Members a resolver reports at most; what is beyond is cut off in the order of names and reported.
inline constexpr std::size_t kEndpointsMax = 4096;
// The port to dial when the configuration names none.
inline constexpr std::uint16_t kDefaultPort = 4317;

struct Endpoint {
  // Identity: "ip:port", "[v6]:port"; for a static host name "host:port".
  std::string name;
  // What the Collector's resolver would have put on its ring: without the port when the
  // configuration has none; for a static list, as written there.
  std::string collector_name;
  boost::asio::ip::tcp::endpoint address;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

using EndpointSet = std::vector<Endpoint>;

// Folds IPv4-mapped IPv6 to IPv4 and forgets a scope: one address, one text.
boost::asio::ip::address Canonical(const boost::asio::ip::address& address);

// False for what nobody can be connected to, or what would connect to ourselves by accident:
// unspecified, multicast and broadcast addresses.
bool IsDialable(const boost::asio::ip::address& address);

// "10.0.0.1:4317", "[::1]:4317".
std::string CanonicalName(const boost::asio::ip::tcp::endpoint& address);

// An endpoint found by resolving a name; without `port` it is dialled at kDefaultPort.
Endpoint MakeEndpoint(const boost::asio::ip::address& address, std::optional<std::uint16_t> port);

// Puts `endpoints` into the form of an EndpointSet. `cut` (may be null) receives how many members
// were over the limit.
EndpointSet MakeEndpointSet(std::vector<Endpoint> endpoints, std::size_t* cut = nullptr);

struct HostPort {
  std::string host;  // without brackets
  std::optional<std::uint16_t> port;
};

// Reads "host", "host:port", "1.2.3.4:port", "[v6]", "[v6]:port" or a bare "v6". The failure is a
// sentence for a person.
tl::expected<HostPort, std::string> ParseHostPort(std::string_view text);

}  // namespace resolver
