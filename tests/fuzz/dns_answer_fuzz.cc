// Fuzz target A-22: any bytes as the answer of a name server, through the function the resolver
// uses, on to the set of endpoints and through the damping.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "resolver/dns_message.h"
#include "resolver/endpoint.h"
#include "resolver/endpoint_damping.h"

namespace {

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const resolver::DnsAnswer answer = resolver::ParseDnsAnswer(std::span(data, size));
  const bool any = !answer.addresses.empty() || !answer.services.empty();
  Require(any == (answer.outcome == resolver::Outcome::kSuccess));
  Require(!any || answer.ttl.has_value());

  std::vector<resolver::Endpoint> found;
  for (const auto& address : answer.addresses) {
    Require(resolver::IsDialable(address) && resolver::Canonical(address) == address);
    found.push_back(resolver::MakeEndpoint(address, 4317));
  }
  for (const resolver::SrvRecord& service : answer.services) {
    Require(!service.target.empty() && service.target.size() < 255 && service.port != 0);
  }
  const resolver::EndpointSet set = resolver::MakeEndpointSet(std::move(found));
  Require(set.size() <= resolver::kEndpointsMax);
  for (std::size_t i = 1; i < set.size(); ++i) {
    Require(set[i - 1].name < set[i].name);
  }
  resolver::EndpointDamping damping;
  const auto first = damping.Feed(resolver::EndpointAnswer{set});
  Require(first.has_value() == !set.empty());
  Require(!first || *first == set);
  return 0;
}
