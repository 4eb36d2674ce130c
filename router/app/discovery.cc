#include "router/app/discovery.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "router/app/kubernetes_access.h"

namespace router {
namespace {

resolver::DnsOptions AskingOptions(const Config& config) {
  resolver::DnsOptions options;
  options.srv = config.dns.srv;
  for (const Config::Address& server : config.dns.servers) {
    const bool is_v6 = server.host.find(':') != std::string::npos;
    options.servers.push_back((is_v6 ? "[" + server.host + "]" : server.host) + ":" +
                              std::to_string(server.port));
  }
  return options;
}

bool UsesCollectorNames(Config::Ring::Algorithm algorithm) {
  return algorithm != Config::Ring::Algorithm::kSpanring;
}

// Sets are sorted by name.
const resolver::Endpoint* FindByName(const resolver::EndpointSet& set, const std::string& name) {
  const auto found =
      std::lower_bound(set.begin(), set.end(), name,
                       [](const resolver::Endpoint& endpoint, const std::string& wanted) {
                         return endpoint.name < wanted;
                       });
  return found != set.end() && found->name == name ? &*found : nullptr;
}

resolver::StaticHost ToStaticHost(const Config::StaticHost& host) {
  // The name was checked when the file was read; the parser also makes addresses canonical.
  if (auto parsed = resolver::ParseStaticHost(host.name)) return *std::move(parsed);
  return {.name = host.name,
          .collector_name = host.name,
          .host = host.address.host,
          .port = host.address.port};
}

std::string_view TypeOf(const decltype(Config::resolver)& resolver) {
  if (std::holds_alternative<Config::DnsResolver>(resolver)) return "dns";
  return std::holds_alternative<Config::KubernetesResolver>(resolver) ? "k8s" : "static";
}

}  // namespace

bool FindsTheSame(const Config& one, const Config& other) {
  if (one.resolver != other.resolver || one.dns.servers != other.dns.servers) return false;
  if (std::holds_alternative<Config::DnsResolver>(one.resolver)) {
    return one.dns.srv == other.dns.srv;
  }
  return !std::holds_alternative<Config::KubernetesResolver>(one.resolver) ||
         one.kubernetes == other.kubernetes;
}

Discovery::Discovery(boost::asio::io_context& control, const Config& config, ResolverStats& stats,
                     OnEndpointsHandler on_endpoints, OnAttemptHandler on_attempt)
    : use_collector_names_(UsesCollectorNames(config.ring.algorithm)),
      stats_(stats),
      on_endpoints_(std::move(on_endpoints)),
      on_attempt_(std::move(on_attempt)) {
  const std::string_view type = TypeOf(config.resolver);
  if (stats_.type != type) stats_ = {};  // counters of another label
  stats_.type = type;
  MakeResolver(control, config);
}

void Discovery::MakeResolver(boost::asio::io_context& control, const Config& config) {
  resolver::Listener& self = *this;
  resolver::DnsOptions options = AskingOptions(config);
  if (const auto* dns = std::get_if<Config::DnsResolver>(&config.resolver)) {
    options.hostname = hostname_ = dns->hostname;
    if (dns->has_port) options.port = dns->port;
    options.interval = dns->interval;
    options.timeout = dns->timeout;
    dns_ = std::make_unique<resolver::DnsResolver>(control, std::move(options), self);
  } else if (std::holds_alternative<Config::KubernetesResolver>(config.resolver)) {
    resolver::KubernetesOptions kubernetes = ToKubernetesOptions(config);
    kubernetes.server.dns = std::move(options);
    are_names_hosts_ = kubernetes.return_hostnames;
    kubernetes_ =
        std::make_unique<resolver::KubernetesResolver>(control, std::move(kubernetes), self);
  } else {
    for (const auto& host : std::get<Config::StaticResolver>(config.resolver).hosts) {
      hosts_.push_back(ToStaticHost(host));
    }
    static_ = std::make_unique<resolver::StaticResolver>(control, hosts_, options, self);
  }
}

Discovery::~Discovery() { Stop(); }

void Discovery::TakeOverFrom(const Discovery& former) {
  known_ = former.known_;
  if (dns_ && former.dns_) dns_->TakeOverFrom(*former.dns_);
}

void Discovery::Start() {
  if (dns_) dns_->Start();
  if (static_) static_->Start();
  if (kubernetes_) kubernetes_->Start();
}

void Discovery::Stop() {
  if (dns_) dns_->Stop();
  if (static_) static_->Stop();
  if (kubernetes_) kubernetes_->Stop();
}

void Discovery::OnEndpoints(const resolver::EndpointSet& endpoints) {
  ++stats_.updates;
  resolver::EndpointSet next = endpoints;
  // A host name of the list that has not resolved yet here, but had under the former configuration.
  for (const resolver::StaticHost& host : hosts_) {
    if (FindByName(endpoints, host.name) != nullptr) continue;
    const resolver::Endpoint* former = FindByName(known_, host.name);
    if (former != nullptr) next.push_back({host.name, host.collector_name, former->address});
  }
  known_ = resolver::MakeEndpointSet(std::move(next));
  spdlog::info("discovery: {} backends", known_.size());
  on_endpoints_(Known());
}

std::multiset<std::string> Discovery::HostNames() const {
  std::map<std::string, std::string> host_of;  // members of the same name count once
  for (const resolver::StaticHost& host : hosts_) host_of.emplace(host.name, host.host);
  std::multiset<std::string> names;
  for (const auto& [name, host] : host_of) names.insert(host);
  return names;
}

std::vector<BackendEndpoint> Discovery::NameFor(Config::Ring::Algorithm algorithm) {
  use_collector_names_ = UsesCollectorNames(algorithm);
  return Known();
}

// What its certificate is for: the name that was asked for, not the address it happens to have.
std::string Discovery::ServerName(const resolver::Endpoint& endpoint) const {
  // A name that ends with a dot is complete already; no certificate has that dot.
  const auto without_dot = [](std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return name;
  };
  if (!hostname_.empty()) return without_dot(hostname_);
  if (are_names_hosts_) return endpoint.name.substr(0, endpoint.name.rfind(':'));
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const auto& host) { return host.name == endpoint.name; });
  return found == hosts_.end() ? endpoint.address.address().to_string() : without_dot(found->host);
}

std::vector<BackendEndpoint> Discovery::Known() const {
  std::vector<BackendEndpoint> known;
  known.reserve(known_.size());
  for (const resolver::Endpoint& endpoint : known_) {
    known.push_back({.name = endpoint.name,
                     .ring_name = use_collector_names_ ? endpoint.collector_name : endpoint.name,
                     .address = endpoint.address,
                     .server_name = ServerName(endpoint)});
  }
  return known;
}

void Discovery::OnResolution(const resolver::ResolutionReport& report) {
  ++stats_.resolutions[std::string(resolver::OutcomeName(report.outcome))];
  if (report.used_tcp) ++stats_.tcp_answers;
  stats_.records_cut = report.cut;
  stats_.recent.push_front({.at = std::chrono::system_clock::now(),
                            .hostname = report.hostname,
                            .outcome = std::string(resolver::OutcomeName(report.outcome)),
                            .records = report.records,
                            .ttl = report.ttl.value_or(0),
                            .elapsed = report.elapsed,
                            .used_tcp = report.used_tcp,
                            .detail = report.detail});
  if (stats_.recent.size() > ResolverStats::kRecentMax) stats_.recent.pop_back();
  if (report.outcome == resolver::Outcome::kSuccess) stats_.last_success = Clock::now();
  LogIfNew(report);
  if (on_attempt_) on_attempt_(report);
}

// Once per change of a name's outcome, so that an outage of hours is two lines.
void Discovery::LogIfNew(const resolver::ResolutionReport& report) {
  const auto logged = failing_.find(report.hostname);
  const auto before = logged == failing_.end() ? resolver::Outcome::kSuccess : logged->second;
  if (report.outcome == before || !log_limiter_.Allow(Clock::now())) return;
  if (report.outcome == resolver::Outcome::kSuccess) {
    spdlog::info("resolver: {} resolves again, {} records", report.hostname, report.records);
    failing_.erase(logged);
  } else {
    spdlog::warn("resolver: {}: {} ({}); the last good list stays", report.hostname,
                 resolver::OutcomeName(report.outcome), report.detail);
    failing_[report.hostname] = report.outcome;
  }
}

}  // namespace router
