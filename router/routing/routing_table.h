// RoutingTable and Routes: who owns which trace, as one immutable snapshot.
//
// The control thread builds a RoutingTable (ring and backends together, one generation); each
// worker binds it to its own connections and gets Routes. A request takes the Routes once and keeps
// them for each part that it sends, so a lookup can never name a backend that is not there.
// Failover: a table built while backends are DOWN also has the ring without them. A worker asks it
// only for traces whose owner is DOWN for itself too; being a pure function of the set, it names
// the same successor in every worker and on every replica.
// Thread safety: immutable once shared. A RoutingTable is shared by all threads, Routes by one
// worker.
// Invariants: ring.members()[i], owner_names[i] and backends[i] are the same backend; so are
// fallback.members()[i] and ring.members()[fallback_owners[i]].
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "router/backend/backend_pool.h"
#include "router/ring/ring.h"

namespace router {

struct RoutingTable {
  std::uint64_t generation = 0;
  RingOptions options;
  std::vector<BackendEndpoint> known;    // to be connected, on the ring or not yet
  Ring ring;                             // of those that were connected at least once
  std::vector<std::string> owner_names;  // BackendEndpoint::name of each ring member
  Ring fallback;  // without those that are DOWN; empty when none is, or all are
  std::vector<std::uint16_t> fallback_owners;
};

struct Routes {
  std::shared_ptr<const RoutingTable> table;
  std::vector<std::shared_ptr<Backend>> backends;

  const Ring& ring() const { return table->ring; }
  bool has_fallback() const { return !table->fallback.empty(); }
  // The owner, or its successor while it is DOWN here.
  std::uint16_t OwnerOf(std::span<const std::uint8_t> trace_id) const {
    const std::uint16_t owner = ring().OwnerOf(trace_id);
    if (!has_fallback() || !backends[owner]->is_down()) return owner;
    return table->fallback_owners[table->fallback.OwnerOf(trace_id)];
  }
};

// Makes the pool follow `table.known` and binds the ring to its backends. Its worker only.
std::shared_ptr<const Routes> BindRoutes(std::shared_ptr<const RoutingTable> table,
                                         BackendPool& pool);

}  // namespace router
