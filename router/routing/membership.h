// Membership: which of the known backends are on the ring. The rules, without threads, clock or
// I/O.
//
// Those whom discovery names at first join as a whole, once one of them has connected and each
// has been heard of or enough was waited (is_settled): those that did not connect are down. So
// replicas that start at different times have the same ring. Whoever is named later joins when
// a worker has connected to it for the first time. A backend leaves when discovery drops it,
// and only then. It is down while a worker says so; it stays on the ring, and its traces fail
// over. When discovery drops all that are on the ring at once, they stay, and stay known, until
// one of the others has connected: a ring that was settled is never empty.
// Thread safety: one thread.
// Invariant: every joined name is known. Not settled: nobody has joined as far as others see.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "router/backend/backend_endpoint.h"

namespace router {

class Membership {
 public:
  // Each returns true when the routing table must be built anew.
  bool SetKnown(std::vector<BackendEndpoint> endpoints);
  bool OnReady(std::size_t worker, const std::string& name);
  bool OnDown(std::size_t worker, const std::string& name);
  // Enough waited for the first set.
  bool EndWait();

  bool is_settled() const { return is_settled_; }
  const std::vector<BackendEndpoint>& known() const { return known_; }
  // Those on the ring, in the order of known(); empty before is_settled().
  std::vector<BackendEndpoint> Joined() const;
  bool is_down(const std::string& name) const { return down_.contains(name); }

 private:
  // Adds to `endpoints` those on the ring, if it has none of them.
  void KeepLast(std::vector<BackendEndpoint>& endpoints);
  bool Heard(const std::string& name);
  bool Settle();

  std::vector<BackendEndpoint> known_;
  std::set<std::string> names_;  // of known_
  std::set<std::string> joined_;
  std::set<std::string> leaving_;  // joined ones that discovery has dropped, with all others
  std::set<std::string> first_;    // known since before it was settled
  std::set<std::string> unheard_;  // of these: neither connected nor failed yet
  std::map<std::string, std::set<std::size_t>>
      down_;  // known ones, and the workers that say so; never empty
  bool is_settled_ = false;
};

}  // namespace router
