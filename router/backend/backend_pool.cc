#include "router/backend/backend_pool.h"

#include <algorithm>
#include <utility>

namespace router {

void BackendPool::SetEndpoints(const std::vector<BackendEndpoint>& endpoints) {
  std::unordered_map<std::string, std::shared_ptr<Backend>> kept;
  for (const BackendEndpoint& endpoint : endpoints) {
    const auto found = backends_.find(endpoint.name);
    if (found != backends_.end() && found->second->endpoint().address == endpoint.address) {
      found->second->SetServerName(endpoint.server_name);
      kept.insert(backends_.extract(found));
      continue;
    }
    auto backend = std::make_shared<Backend>(loop_, codec_, options_, endpoint, observer_);
    backend->Start();
    kept.emplace(endpoint.name, std::move(backend));
  }
  std::swap(backends_, kept);
  for (auto& [name, backend] : kept) backend->Retire();
}

void BackendPool::SetOptions(std::shared_ptr<const BackendOptions> options) {
  options_ = std::move(options);
  for (const auto& [name, backend] : backends_) backend->SetOptions(options_);
}

bool BackendPool::MayTakeDown() const {
  const auto down = std::count_if(backends_.begin(), backends_.end(),
                                  [](const auto& entry) { return entry.second->is_down(); });
  return 2 * (static_cast<std::size_t>(down) + 1) <= backends_.size();
}

std::shared_ptr<Backend> BackendPool::Find(const std::string& name) const {
  const auto found = backends_.find(name);
  return found == backends_.end() ? nullptr : found->second;
}

std::vector<std::pair<std::string, std::shared_ptr<const BackendMetrics>>> BackendPool::Metrics()
    const {
  std::vector<std::pair<std::string, std::shared_ptr<const BackendMetrics>>> all;
  for (const auto& [name, backend] : backends_) all.emplace_back(name, backend->metrics());
  return all;
}

}  // namespace router
