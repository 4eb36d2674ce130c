// Membership: which of the known backends are on the ring. The rules, without threads, clock or
// I/O.
//
// A backend joins the ring when a worker connected to it for the first time and leaves when
// discovery drops it; losing a connection later does not take it off. The first ring waits until
// every backend of the first set has either connected or failed once (is_settled), so that a start
// does not send early traces to the fastest to connect. A backend is down while a worker says so;
// it stays on the ring, and its traces fail over.
// Thread safety: one thread.
// Invariant: every joined name is known.
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
  bool Settle();

  bool is_settled() const { return is_settled_; }
  const std::vector<BackendEndpoint>& known() const { return known_; }
  // Those on the ring, in the order of known(); empty before is_settled().
  std::vector<BackendEndpoint> Joined() const;
  bool is_down(const std::string& name) const { return down_.contains(name); }

 private:
  bool Heard(const std::string& name);

  std::vector<BackendEndpoint> known_;
  std::set<std::string> names_;  // of known_
  std::set<std::string> joined_;
  std::set<std::string> unheard_;  // of the first set: neither connected nor failed yet
  std::map<std::string, std::set<std::size_t>>
      down_;  // known ones, and the workers that say so; never empty
  bool is_settled_ = false;
};

}  // namespace router
