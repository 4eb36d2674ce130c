// Discovery: runs the resolver that the configuration names and tells the router what it finds.
//
// The only place that knows both resolver/ and router/: translates endpoints and keeps the
// resolver's numbers.
// Thread safety: control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "resolver/dns_resolver.h"
#include "resolver/endpoint.h"
#include "resolver/kubernetes_resolver.h"
#include "resolver/listener.h"
#include "resolver/static_resolver.h"
#include "router/admin/telemetry.h"
#include "router/app/config.h"
#include "router/backend/backend_endpoint.h"
#include "router/base/log.h"
#include "router/base/result.h"

namespace router {

// True when a discovery of the one would ask the same questions as one of the other. Of
// `spanring.dns` and `spanring.kubernetes` counts what the resolver uses.
bool FindsTheSame(const Config& one, const Config& other);

class Discovery final : private resolver::Listener {
 public:
  using OnEndpointsHandler = std::function<void(std::vector<BackendEndpoint>)>;
  // After each attempt; for `spanring owner`, which needs only the first.
  using OnAttemptHandler = std::function<void(const resolver::ResolutionReport&)>;

  // `stats` outlives it.
  Discovery(boost::asio::io_context& control, const Config& config, ResolverStats& stats,
            OnEndpointsHandler on_endpoints, OnAttemptHandler on_attempt = nullptr);
  ~Discovery() override;

  // Before Start(), in the place of a discovery of another configuration, which was stopped: what
  // that one knew is known until this one has answers of its own. A name that both lists have keeps
  // its address meanwhile; of the same DNS name members leave as slowly as before
  // (DnsResolver::TakeOverFrom).
  void TakeOverFrom(const Discovery& former);
  void Start();
  void Stop();

  // The hostnames of which OnAttemptHandler hears, one per member of a static list; none: of one.
  std::multiset<std::string> HostNames() const;

  // For a ring of that algorithm from now on. Returns what is known, with the names that such a
  // ring hashes.
  std::vector<BackendEndpoint> NameFor(Config::Ring::Algorithm algorithm);

 private:
  void OnEndpoints(const resolver::EndpointSet& endpoints) override;
  void OnResolution(const resolver::ResolutionReport& report) override;

  void LogIfNew(const resolver::ResolutionReport& report);
  // Of the three below, the one that the configuration names.
  void MakeResolver(boost::asio::io_context& control, const Config& config);
  std::string ServerName(const resolver::Endpoint& endpoint) const;
  std::vector<BackendEndpoint> Known() const;

  bool use_collector_names_;
  ResolverStats& stats_;
  const OnEndpointsHandler on_endpoints_;
  const OnAttemptHandler on_attempt_;
  resolver::EndpointSet known_;              // the last that was told
  std::string hostname_;                     // of DNS; empty: a static list
  std::vector<resolver::StaticHost> hosts_;  // of a static list
  bool are_names_hosts_ = false;             // a name is "host:port", of Kubernetes
  LogLimiter log_limiter_;
  // By hostname, what was logged last; only of those that fail.
  std::map<std::string, resolver::Outcome> failing_;
  std::unique_ptr<resolver::DnsResolver> dns_;
  std::unique_ptr<resolver::StaticResolver> static_;
  std::unique_ptr<resolver::KubernetesResolver> kubernetes_;
};

}  // namespace router
