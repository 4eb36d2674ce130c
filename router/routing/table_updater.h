// TableUpdater: turns what discovery and the workers report into routing tables.
//
// Changes that come in a burst (a scale-out: every backend connects on its own) make one table, at
// most one per kRebuildInterval or four times what the last build took, so that building never
// fills the control thread.
// Thread safety: control thread only. `publish` is called there, never inline from the
// constructor.
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
// A ring that `previous` has already is copied and not built again.
Result<std::shared_ptr<const RoutingTable>> BuildRoutingTable(const Membership& membership,
                                                              const RingOptions& options,
                                                              const RoutingTable& previous);

class TableUpdater {
 public:
  static constexpr milliseconds kRebuildInterval{50};
  using Publish = std::function<void(std::shared_ptr<const RoutingTable>)>;

  // `settle` bounds the wait for the first set of backends.
  TableUpdater(boost::asio::io_context& control, const RingOptions& options, milliseconds settle,
               Publish publish);

  // Another ring over the same backends. `endpoints` are those known, with the names that this ring
  // hashes: both change in one table.
  void SetRingOptions(const RingOptions& options, std::vector<BackendEndpoint> endpoints);
  void SetEndpoints(std::vector<BackendEndpoint> endpoints);
  // A worker's backend became ready, or went down.
  void OnBackendState(std::size_t worker, const std::string& name, bool is_ready);

  // Never null.
  const std::shared_ptr<const RoutingTable>& table() const { return table_; }

 private:
  // Does it name one that was dropped, which the present table has still? Workers must see it go,
  // or they keep its connection and do not say again that it is ready.
  bool BringsBack(const std::vector<BackendEndpoint>& endpoints) const;
  // True: the table must be built anew.
  bool Know(std::vector<BackendEndpoint> endpoints);
  // Now, or when enough time has passed since the last time.
  void RebuildSoon();
  void Rebuild();

  RingOptions options_;
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
