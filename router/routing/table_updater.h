// TableUpdater: turns what discovery and the workers report into routing tables.
//
// Changes that come in a burst (a scale-out: every backend connects on its own) make one table, at most one per
// kRebuildInterval or four times what the last build took, so that building never fills the control thread.
// Thread safety: control thread only. `publish` is called there, never inline from the constructor.
// Failure: a set that makes no ring (too many members) is logged and the present table stays.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router/base/clock.h"
#include "router/routing/membership.h"
#include "router/routing/routing_table.h"

namespace router {

// Builds the snapshot for one state of the membership.
Result<std::shared_ptr<const RoutingTable>> BuildRoutingTable(const Membership& membership,
                                                              const RingOptions& options,
                                                              std::uint64_t generation);

class TableUpdater {
 public:
  static constexpr milliseconds kRebuildInterval{50};
  using Publish = std::function<void(std::shared_ptr<const RoutingTable>)>;

  // `settle` bounds the wait for the first set of backends.
  TableUpdater(boost::asio::io_context& control, const RingOptions& options, milliseconds settle,
               Publish publish);

  void SetEndpoints(std::vector<BackendEndpoint> endpoints);
  // A worker's backend connected, or could not.
  void OnBackendState(const std::string& name, bool is_ready);

  // Never null.
  const std::shared_ptr<const RoutingTable>& table() const { return table_; }

 private:
  // Now, or when enough time has passed since the last time.
  void RebuildSoon();
  void Rebuild();

  const RingOptions options_;
  const milliseconds settle_;
  const Publish publish_;
  boost::asio::steady_timer settle_timer_;
  boost::asio::steady_timer rebuild_timer_;
  bool is_rebuild_waiting_ = false;
  TimePoint next_rebuild_{};
  Membership membership_;
  std::shared_ptr<const RoutingTable> table_ = std::make_shared<const RoutingTable>();
};

}  // namespace router
