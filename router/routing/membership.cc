#include "router/routing/membership.h"

#include <utility>

namespace router {

bool Membership::SetKnown(std::vector<BackendEndpoint> endpoints) {
  if (endpoints == known_) return false;
  std::set<std::string> names;
  for (const BackendEndpoint& endpoint : endpoints) names.insert(endpoint.name);
  const auto is_unknown = [&](const std::string& name) { return !names.contains(name); };
  std::erase_if(joined_, is_unknown);
  std::erase_if(unheard_, is_unknown);
  if (known_.empty() && !is_settled_) unheard_ = names;
  known_ = std::move(endpoints);
  names_ = std::move(names);
  return true;
}

bool Membership::OnConnected(const std::string& name) { return Report(name, true); }

bool Membership::OnConnectFailed(const std::string& name) { return Report(name, false); }

bool Membership::Report(const std::string& name, bool is_connected) {
  if (!names_.contains(name)) return false;  // a late word about a member that was removed
  const bool is_new = is_connected && joined_.insert(name).second;
  unheard_.erase(name);
  if (!is_settled_) return unheard_.empty() && Settle();
  return is_new;
}

bool Membership::Settle() {
  if (is_settled_ || known_.empty()) return false;
  is_settled_ = true;
  return true;
}

std::vector<BackendEndpoint> Membership::Joined() const {
  std::vector<BackendEndpoint> members;
  if (!is_settled_) return members;
  for (const BackendEndpoint& endpoint : known_) {
    if (joined_.contains(endpoint.name)) members.push_back(endpoint);
  }
  return members;
}

}  // namespace router
