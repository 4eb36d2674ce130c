#include "router/routing/table_updater.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "router/base/log.h"

namespace router {
namespace {

Result<Ring> BuildRing(const std::vector<BackendEndpoint>& endpoints, const RingOptions& options,
                       const Ring& previous) {
  std::vector<RingMember> members;
  members.reserve(endpoints.size());
  for (const BackendEndpoint& endpoint : endpoints)
    members.push_back({.endpoint = endpoint.ring_name});
  std::sort(members.begin(), members.end(),
            [](const RingMember& a, const RingMember& b) { return a.endpoint < b.endpoint; });
  const auto has_same_name = [](const RingMember& a, const RingMember& b) {
    return a.endpoint == b.endpoint;
  };
  if (std::equal(members.begin(), members.end(), previous.members().begin(),
                 previous.members().end(), has_same_name)) {
    return previous;
  }
  return Ring::Build(std::move(members), options);
}

}  // namespace

Result<std::shared_ptr<const RoutingTable>> BuildRoutingTable(const Membership& membership,
                                                              const RingOptions& options,
                                                              const RoutingTable& previous) {
  const std::vector<BackendEndpoint> joined = membership.Joined();
  const bool is_same_kind = options == previous.options;
  Result<Ring> ring = BuildRing(joined, options, is_same_kind ? previous.ring : Ring());
  if (!ring) return tl::unexpected(ring.error());
  auto table = std::make_shared<RoutingTable>();
  table->generation = previous.generation + 1;
  table->options = options;
  table->known = membership.known();
  table->ring = *std::move(ring);
  for (const RingMember& member : table->ring.members()) {
    const auto found = std::find_if(
        joined.begin(), joined.end(),
        [&](const BackendEndpoint& endpoint) { return endpoint.ring_name == member.endpoint; });
    table->owner_names.push_back(found->name);
  }
  std::vector<BackendEndpoint> up = joined;
  std::erase_if(up,
                [&](const BackendEndpoint& endpoint) { return membership.is_down(endpoint.name); });
  if (up.empty() || up.size() == joined.size()) return table;
  Result<Ring> fallback = BuildRing(up, options, is_same_kind ? previous.fallback : Ring());
  if (!fallback) return tl::unexpected(fallback.error());
  table->fallback = *std::move(fallback);
  const std::vector<RingMember>& members = table->ring.members();
  for (const RingMember& member : table->fallback.members()) {
    const auto found = std::lower_bound(
        members.begin(), members.end(), member,
        [](const RingMember& a, const RingMember& b) { return a.endpoint < b.endpoint; });
    table->fallback_owners.push_back(static_cast<std::uint16_t>(found - members.begin()));
  }
  return table;
}

TableUpdater::TableUpdater(boost::asio::io_context& control, const RingOptions& options,
                           milliseconds settle, Publish publish)
    : options_(options),
      settle_(settle),
      publish_(std::move(publish)),
      settle_timer_(control),
      rebuild_timer_(control) {}

void TableUpdater::SetEndpoints(std::vector<BackendEndpoint> endpoints) {
  if (Know(std::move(endpoints))) RebuildSoon();
}

bool TableUpdater::BringsBack(const std::vector<BackendEndpoint>& endpoints) const {
  std::set<std::string_view> dropped;
  for (const BackendEndpoint& endpoint : table_->known) dropped.insert(endpoint.name);
  for (const BackendEndpoint& endpoint : membership_.known()) dropped.erase(endpoint.name);
  return std::any_of(endpoints.begin(), endpoints.end(), [&](const BackendEndpoint& endpoint) {
    return dropped.contains(endpoint.name);
  });
}

bool TableUpdater::Know(std::vector<BackendEndpoint> endpoints) {
  if (is_rebuild_waiting_ && BringsBack(endpoints)) Rebuild();
  const bool is_first = membership_.known().empty();
  if (!membership_.SetKnown(std::move(endpoints))) return false;
  if (is_first && !membership_.is_settled()) {
    settle_timer_.expires_after(settle_);
    settle_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && membership_.EndWait()) RebuildSoon();
    });
  }
  return true;
}

void TableUpdater::SetRingOptions(const RingOptions& options,
                                  std::vector<BackendEndpoint> endpoints) {
  options_ = options;
  Know(std::move(endpoints));
  RebuildSoon();
}

void TableUpdater::OnBackendState(std::size_t worker, const std::string& name, bool is_ready) {
  if (is_ready ? membership_.OnReady(worker, name) : membership_.OnDown(worker, name))
    RebuildSoon();
}

void TableUpdater::RebuildSoon() {
  if (is_rebuild_waiting_) return;
  const TimePoint now = Clock::now();
  // Until there is a ring, clients are refused: nothing to spare.
  if (now >= next_rebuild_ || table_->ring.empty()) {
    Rebuild();
    const TimePoint end = Clock::now();
    next_rebuild_ = end + std::max<Duration>(kRebuildInterval, 4 * (end - now));
    return;
  }
  is_rebuild_waiting_ = true;
  rebuild_timer_.expires_at(next_rebuild_);
  rebuild_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    is_rebuild_waiting_ = false;
    RebuildSoon();
  });
}

void TableUpdater::Rebuild() {
  auto table = BuildRoutingTable(membership_, options_, *table_);
  if (!table) {
    spdlog::error("the ring stays as it is: {}", table.error().message);
    return;
  }
  const Ring& ring = (*table)->ring;
  if (ring.size() + table_->ring.size() > 0 && ring.fingerprint() != table_->ring.fingerprint()) {
    spdlog::info("ring {:016x} of {} backends, generation {} (was {:016x} of {})",
                 ring.fingerprint(), ring.size(), (*table)->generation, table_->ring.fingerprint(),
                 table_->ring.size());
  }
  table_ = *std::move(table);
  publish_(table_);
}

}  // namespace router
