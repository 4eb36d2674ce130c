// Membership: which of the known backends are on the ring. The rules, without threads, clock or I/O.
//
// A backend joins the ring when it was connected for the first time and leaves when discovery drops it; losing
// a connection later does not take it off. The first ring waits until every backend of the first set has either
// connected or failed once (is_settled), so that a start does not send early traces to the fastest to connect.
// Thread safety: one thread. Invariant: every joined name is known.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "router/backend/backend_endpoint.h"

namespace router {

class Membership {
 public:
  // Each returns true when the routing table must be built anew.
  bool SetKnown(std::vector<BackendEndpoint> endpoints);
  bool OnConnected(const std::string& name);
  bool OnConnectFailed(const std::string& name);
  // Enough waited for the first set.
  bool Settle();

  bool is_settled() const { return is_settled_; }
  const std::vector<BackendEndpoint>& known() const { return known_; }
  // Those on the ring, in the order of known(); empty before is_settled().
  std::vector<BackendEndpoint> Joined() const;

 private:
  bool Report(const std::string& name, bool is_connected);

  std::vector<BackendEndpoint> known_;
  std::set<std::string> names_;  // of known_
  std::set<std::string> joined_;
  std::set<std::string> unheard_;  // of the first set: neither connected nor failed yet
  bool is_settled_ = false;
};

}  // namespace router
