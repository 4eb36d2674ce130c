#include "router/routing/membership.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace router {
namespace {

constexpr std::size_t kNoWorker = std::numeric_limits<std::size_t>::max();

}  // namespace

void Membership::KeepLast(std::vector<BackendEndpoint>& endpoints) {
  leaving_.clear();
  const bool has_one = std::any_of(endpoints.begin(), endpoints.end(), [&](const auto& endpoint) {
    return joined_.contains(endpoint.name);
  });
  if (!is_settled_ || endpoints.empty() || has_one) return;
  for (const BackendEndpoint& endpoint : known_) {
    if (!joined_.contains(endpoint.name)) continue;
    leaving_.insert(endpoint.name);
    endpoints.push_back(endpoint);
  }
}

bool Membership::SetKnown(std::vector<BackendEndpoint> endpoints) {
  KeepLast(endpoints);
  if (endpoints == known_) return false;
  std::set<std::string> names;
  for (const BackendEndpoint& endpoint : endpoints) names.insert(endpoint.name);
  const auto is_unknown = [&](const std::string& name) { return !names.contains(name); };
  std::erase_if(joined_, is_unknown);
  std::erase_if(first_, is_unknown);
  std::erase_if(unheard_, is_unknown);
  std::erase_if(down_, [&](const auto& entry) { return is_unknown(entry.first); });
  if (!is_settled_) {
    for (const std::string& name : names) {
      if (!names_.contains(name)) {
        first_.insert(name);
        unheard_.insert(name);
      }
    }
  }
  known_ = std::move(endpoints);
  names_ = std::move(names);
  // The last one waited for may just have been removed.
  if (!is_settled_ && unheard_.empty()) Settle();
  return true;
}

bool Membership::OnReady(std::size_t worker, const std::string& name) {
  if (!names_.contains(name)) return false;  // a late word about a member that was removed
  bool is_change = joined_.insert(name).second;
  if (!leaving_.empty() && !leaving_.contains(name)) {
    std::vector<BackendEndpoint> staying = known_;
    std::erase_if(staying, [&](const auto& endpoint) { return leaving_.contains(endpoint.name); });
    SetKnown(std::move(staying));
    is_change = true;
  }
  if (const auto found = down_.find(name); found != down_.end()) {
    found->second.erase(worker);
    found->second.erase(kNoWorker);
    if (found->second.empty()) {
      down_.erase(found);
      is_change = true;
    }
  }
  return Heard(name) || (is_settled_ && is_change);
}

bool Membership::OnDown(std::size_t worker, const std::string& name) {
  if (!names_.contains(name)) return false;
  std::set<std::size_t>& workers = down_[name];
  const bool is_change = workers.empty() && joined_.contains(name);
  workers.insert(worker);
  return Heard(name) || (is_settled_ && is_change);
}

bool Membership::Heard(const std::string& name) {
  unheard_.erase(name);
  return !is_settled_ && unheard_.empty() && Settle();
}

bool Membership::EndWait() {
  if (is_settled_) return false;
  unheard_.clear();
  return Settle();
}

bool Membership::Settle() {
  if (joined_.empty()) return false;  // nowhere to send anything to
  is_settled_ = true;
  for (const std::string& name : first_) {
    if (joined_.insert(name).second) down_[name].insert(kNoWorker);
  }
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
