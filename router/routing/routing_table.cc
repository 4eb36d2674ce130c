#include "router/routing/routing_table.h"

#include <cassert>
#include <utility>

namespace router {

std::shared_ptr<const Routes> BindRoutes(std::shared_ptr<const RoutingTable> table,
                                         BackendPool& pool) {
  pool.SetEndpoints(table->known);
  auto routes = std::make_shared<Routes>();
  routes->backends.reserve(table->owner_names.size());
  for (const std::string& name : table->owner_names) {
    routes->backends.push_back(pool.Find(name));
    assert(routes->backends.back() != nullptr && "a ring member is not among the known");
  }
  routes->table = std::move(table);
  return routes;
}

}  // namespace router
