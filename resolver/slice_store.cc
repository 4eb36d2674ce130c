#include "resolver/slice_store.h"

#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

namespace resolver {
namespace {

std::string WithPort(const std::string& host, std::uint16_t port) {
  return host + ":" + std::to_string(port);
}

void AddMember(const SliceEndpoint& endpoint, const KubernetesOptions& options, std::uint16_t port,
               bool has_port, std::vector<Endpoint>& members) {
  const boost::asio::ip::tcp::endpoint address(endpoint.address, port);
  if (options.return_hostnames) {
    const std::string host =
        endpoint.hostname + "." + options.service + "." + options.service_namespace;
    const std::string name = WithPort(host, port);
    members.push_back({name, has_port ? name : host, address});
    return;
  }
  const std::string name = CanonicalName(address);
  // Without ports the Collector takes the address as it is written, an IPv6 one without brackets.
  members.push_back({name, has_port ? name : endpoint.address.to_string(), address});
}

}  // namespace

bool SliceStore::Replace(std::vector<EndpointSlice> slices) {
  if (slices.size() > kSlicesMax) return false;
  slices_.clear();
  for (EndpointSlice& slice : slices) {
    std::string name = slice.name;
    slices_.insert_or_assign(std::move(name), std::move(slice));
  }
  return true;
}

bool SliceStore::Put(EndpointSlice slice) {
  if (slices_.size() >= kSlicesMax && slices_.count(slice.name) == 0) return false;
  std::string name = slice.name;
  slices_.insert_or_assign(std::move(name), std::move(slice));
  return true;
}

void SliceStore::Delete(const std::string& name) { slices_.erase(name); }

SliceStore::Members SliceStore::MembersFor(const KubernetesOptions& options) const {
  Members members;
  std::set<std::string_view> has_v4;  // targets
  for (const auto& [name, slice] : slices_) {
    members.unusable += slice.unusable;
    members.known += slice.endpoints.size() + slice.unusable;
    for (const SliceEndpoint& endpoint : slice.endpoints) {
      if (endpoint.address.is_v4() && endpoint.is_ready && !endpoint.target.empty()) {
        has_v4.insert(endpoint.target);
      }
    }
  }
  std::vector<Endpoint> found;
  for (const auto& [name, slice] : slices_) {
    for (const SliceEndpoint& endpoint : slice.endpoints) {
      if (!endpoint.is_ready) continue;
      if (endpoint.address.is_v6() && has_v4.count(endpoint.target) > 0) continue;
      if (options.return_hostnames && endpoint.hostname.empty()) {
        ++members.unusable;
        continue;
      }
      if (options.ports.empty()) AddMember(endpoint, options, kDefaultPort, false, found);
      for (const std::uint16_t port : options.ports) {
        AddMember(endpoint, options, port, true, found);
      }
    }
  }
  members.endpoints = MakeEndpointSet(std::move(found), &members.cut);
  return members;
}

}  // namespace resolver
