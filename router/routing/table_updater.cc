#include "router/routing/table_updater.h"

#include <algorithm>
#include <utility>

#include "router/base/log.h"

namespace router {

Result<std::shared_ptr<const RoutingTable>> BuildRoutingTable(const Membership& membership,
                                                              const RingOptions& options,
                                                              std::uint64_t generation) {
  const std::vector<BackendEndpoint> joined = membership.Joined();
  std::vector<RingMember> members;
  members.reserve(joined.size());
  for (const BackendEndpoint& endpoint : joined) members.push_back({.endpoint = endpoint.ring_name});
  Result<Ring> ring = Ring::Build(std::move(members), options);
  if (!ring) return tl::unexpected(ring.error());
  auto table = std::make_shared<RoutingTable>();
  table->generation = generation;
  table->known = membership.known();
  table->ring = *std::move(ring);
  for (const RingMember& member : table->ring.members()) {
    const auto found =
        std::find_if(joined.begin(), joined.end(), [&](const BackendEndpoint& endpoint) {
          return endpoint.ring_name == member.endpoint;
        });
    table->owner_names.push_back(found->name);
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
  const bool is_first = membership_.known().empty();
  if (!membership_.SetKnown(std::move(endpoints))) return;
  RebuildSoon();
  if (is_first && !membership_.is_settled()) {
    settle_timer_.expires_after(settle_);
    settle_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && membership_.Settle()) RebuildSoon();
    });
  }
}

void TableUpdater::OnBackendState(const std::string& name, bool is_ready) {
  if (is_ready ? membership_.OnConnected(name) : membership_.OnConnectFailed(name)) RebuildSoon();
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
  auto table = BuildRoutingTable(membership_, options_, table_->generation + 1);
  if (!table) {
    spdlog::error("the ring stays as it is: {}", table.error().message);
    return;
  }
  const Ring& ring = (*table)->ring;
  if (ring.size() + table_->ring.size() > 0 && ring.fingerprint() != table_->ring.fingerprint()) {
    spdlog::info("ring {:016x} of {} backends, generation {} (was {:016x} of {})",
                 ring.fingerprint(), ring.size(), (*table)->generation,
                 table_->ring.fingerprint(), table_->ring.size());
  }
  table_ = *std::move(table);
  publish_(table_);
}

}  // namespace router
