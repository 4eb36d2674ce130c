// SliceStore: the EndpointSlices of one Service, merged into one set of members.
//
//   * a member for each ready endpoint and port; an endpoint that several slices have, which
//   happens
//     while Kubernetes moves it, counts once and is ready when one of them says so;
//   * a pod with an IPv4 and an IPv6 address is one member, the IPv4 one; what has only an IPv6
//     address is a member with that;
//   * with `return_hostnames` the name is "hostname.service.namespace" and endpoints without a
//     hostname are left out and counted.
// Thread safety: none needed, one owner; no clock, no I/O.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "resolver/endpoint.h"
#include "resolver/endpoint_slice.h"
#include "resolver/kubernetes_options.h"

namespace resolver {

class SliceStore {
 public:
  // Slices at most; what a Service with kEndpointsMax endpoints has, with room for the half-empty.
  static constexpr std::size_t kSlicesMax = 4096;

  struct Members {
    EndpointSet endpoints;
    std::size_t cut = 0;       // over kEndpointsMax
    std::size_t unusable = 0;  // without a usable address, or without the hostname that is wanted
    std::size_t known = 0;     // endpoints of all slices, ready or not
  };

  // All there are. False, and nothing is changed: more than kSlicesMax.
  bool Replace(std::vector<EndpointSlice> slices);
  // A new slice, or a new state of one. False: as above.
  bool Put(EndpointSlice slice);
  void Delete(const std::string& name);

  std::size_t size() const { return slices_.size(); }
  Members MembersFor(const KubernetesOptions& options) const;

 private:
  std::map<std::string, EndpointSlice> slices_;
};

}  // namespace resolver
