#include "resolver/endpoint.h"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <tuple>
#include <utility>

namespace resolver {
namespace asio = boost::asio;
namespace {

std::string Bracketed(const asio::ip::address& address) {
  return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

bool IsV6Literal(const std::string& host) {
  boost::system::error_code error;
  return asio::ip::make_address_v6(host, error), !error;
}

}  // namespace

asio::ip::address Canonical(const asio::ip::address& address) {
  if (!address.is_v6()) {
    return address;
  }
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  }
  return asio::ip::address_v6(v6.to_bytes());
}

bool IsDialable(const asio::ip::address& address) {
  if (address.is_unspecified() || address.is_multicast()) {
    return false;
  }
  return address.is_v6() || address.to_v4() != asio::ip::address_v4::broadcast();
}

std::string CanonicalName(const asio::ip::tcp::endpoint& address) {
  return Bracketed(address.address()) + ":" + std::to_string(address.port());
}

Endpoint MakeEndpoint(const asio::ip::address& address, std::optional<std::uint16_t> port) {
  const asio::ip::tcp::endpoint where(Canonical(address), port.value_or(kDefaultPort));
  std::string name = CanonicalName(where);
  std::string collector_name = port ? name : Bracketed(where.address());
  return Endpoint{std::move(name), std::move(collector_name), where};
}

EndpointSet MakeEndpointSet(std::vector<Endpoint> endpoints, std::size_t* cut) {
  std::sort(endpoints.begin(), endpoints.end(), [](const Endpoint& a, const Endpoint& b) {
    return std::tie(a.name, a.collector_name, a.address) <
           std::tie(b.name, b.collector_name, b.address);
  });
  const auto same_name = [](const Endpoint& a, const Endpoint& b) { return a.name == b.name; };
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end(), same_name), endpoints.end());
  const std::size_t over = endpoints.size() > kEndpointsMax ? endpoints.size() - kEndpointsMax : 0;
  endpoints.erase(endpoints.end() - static_cast<std::ptrdiff_t>(over), endpoints.end());
  if (cut != nullptr) {
    *cut = over;
  }
  return endpoints;
}

tl::expected<HostPort, std::string> ParseHostPort(std::string_view text) {
  const auto fail = [&](const char* why) {
    return tl::make_unexpected("\"" + std::string(text) + "\": " + why);
  };
  std::string host;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return fail("missing ]");
    }
    host = std::string(text.substr(1, close - 1));
    rest = text.substr(close + 1);
    if (!IsV6Literal(host)) {
      return fail("no IPv6 address between the brackets");
    }
  } else if (IsV6Literal(std::string(text))) {
    host = std::string(text);
  } else {
    const std::size_t colon = text.find(':');
    host = std::string(text.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (host.empty()) {
    return fail("no host");
  }
  if (rest.empty()) {
    return HostPort{std::move(host), std::nullopt};
  }
  const std::optional<std::uint16_t> port =
      rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port) {
    return fail("the port must be a number from 1 to 65535");
  }
  return HostPort{std::move(host), port};
}

}  // namespace resolver
