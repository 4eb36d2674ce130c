#include "resolver/endpoint_damping.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace resolver {
namespace {

bool Contains(const EndpointSet& set, const std::string& name) {
  const auto at = std::lower_bound(
      set.begin(), set.end(), name,
      [](const Endpoint& endpoint, const std::string& wanted) { return endpoint.name < wanted; });
  return at != set.end() && at->name == name;
}

}  // namespace

std::size_t EndpointDamping::CountAbsent(int absences) const {
  return static_cast<std::size_t>(
      std::count_if(absences_.begin(), absences_.end(),
                    [&](const auto& entry) { return entry.second >= absences; }));
}

std::optional<EndpointSet> EndpointDamping::Feed(const EndpointAnswer& answer) {
  if (answer.endpoints.empty()) {
    return std::nullopt;
  }
  for (const Endpoint& member : current_) {
    const bool known = member.address.address().is_v4() ? answer.v4_known : answer.v6_known;
    if (Contains(answer.endpoints, member.name)) {
      absences_.erase(member.name);
    } else if (known) {
      ++absences_[member.name];
    }
  }
  const bool takes_most = 2 * CountAbsent(kAbsencesToRemove) > current_.size();
  const int limit = takes_most ? kAbsencesToRemoveMost : kAbsencesToRemove;

  std::vector<Endpoint> kept;
  for (const Endpoint& member : current_) {
    const auto absent = absences_.find(member.name);
    if (absent != absences_.end() && absent->second >= limit) {
      absences_.erase(absent);
    } else if (!Contains(answer.endpoints, member.name)) {
      kept.push_back(member);
    }
  }
  // Over the limit of members, those that answered go before those merely remembered.
  const std::size_t room = kEndpointsMax - std::min(kEndpointsMax, answer.endpoints.size());
  while (kept.size() > room) {
    absences_.erase(kept.back().name);
    kept.pop_back();
  }
  kept.insert(kept.end(), answer.endpoints.begin(), answer.endpoints.end());
  EndpointSet next = MakeEndpointSet(std::move(kept));
  if (next == current_) {
    return std::nullopt;
  }
  current_ = next;
  return next;
}

}  // namespace resolver
