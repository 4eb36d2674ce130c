// RoutingTable and Routes: who owns which trace, as one immutable snapshot.
//
// The control thread builds a RoutingTable (ring and backends together, one generation); each worker binds it
// to its own connections and gets Routes. A request takes the Routes once and keeps them to its end, so a
// lookup can never name a backend that is not there.
// Thread safety: immutable once shared. A RoutingTable is shared by all threads, Routes by one worker.
// Invariant: ring.members()[i], owner_names[i] and backends[i] are the same backend.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "router/backend/backend_pool.h"
#include "router/ring/ring.h"

namespace router {

struct RoutingTable {
  std::uint64_t generation = 0;
  std::vector<BackendEndpoint> known;    // to be connected, on the ring or not yet
  Ring ring;                             // of those that were connected at least once
  std::vector<std::string> owner_names;  // BackendEndpoint::name of each ring member
};

struct Routes {
  std::shared_ptr<const RoutingTable> table;
  std::vector<std::shared_ptr<Backend>> backends;

  const Ring& ring() const { return table->ring; }
};

// Makes the pool follow `table.known` and binds the ring to its backends. Its worker only.
std::shared_ptr<const Routes> BindRoutes(std::shared_ptr<const RoutingTable> table,
                                         BackendPool& pool);

}  // namespace router
