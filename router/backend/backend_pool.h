// BackendPool: one worker's backends, by name.
//
// Thread safety: its worker only.
// Ownership: shares each Backend with the routing snapshots that name it; a removed backend is
// retired here and lives until its last request has ended.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "router/backend/backend.h"

namespace router {

class BackendPool {
 public:
  // All references outlive the pool.
  BackendPool(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
              BackendObserver& observer)
      : loop_(loop), codec_(codec), options_(std::move(options)), observer_(observer) {}

  // Makes the pool hold exactly `endpoints`: opens the new, retires the missing. One whose address
  // changed is replaced under the same name; what the ring calls it is nothing to its connection.
  void SetEndpoints(const std::vector<BackendEndpoint>& endpoints);
  // For the backends there are and those to come. Connections stay.
  void SetOptions(std::shared_ptr<const BackendOptions> options);
  // One more may be taken for dead because it is silent: not half of them are down yet.
  bool MayTakeDown() const;
  // nullptr: unknown.
  std::shared_ptr<Backend> Find(const std::string& name) const;
  // Of the present backends. For scrapes: call on the worker, read anywhere.
  std::vector<std::pair<std::string, std::shared_ptr<const BackendMetrics>>> Metrics() const;

 private:
  WorkerLoop& loop_;
  Codec& codec_;
  std::shared_ptr<const BackendOptions> options_;  // never null
  BackendObserver& observer_;
  std::unordered_map<std::string, std::shared_ptr<Backend>> backends_;
};

}  // namespace router
