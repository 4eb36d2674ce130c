#include "router/app/owner.h"

#include <boost/algorithm/hex.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "router/app/application.h"
#include "router/app/discovery.h"

namespace router {
namespace {

std::optional<std::vector<std::uint8_t>> ParseTraceId(const std::string& text) {
  constexpr std::size_t kHexDigits = 32;
  if (text.size() != kHexDigits) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  try {
    boost::algorithm::unhex(text, std::back_inserter(bytes));
  } catch (const boost::algorithm::hex_decode_error&) {
    return std::nullopt;
  }
  return bytes;
}

struct Resolved {
  std::vector<BackendEndpoint> backends;
  std::map<std::string, std::string> failures;  // by hostname, why
};

// Each name once: all entries of a static list, or one answer of DNS or Kubernetes.
Resolved ResolveOnce(const Config& config) {
  boost::asio::io_context io(1);
  ResolverStats stats;
  Resolved resolved;
  std::multiset<std::string> left;
  Discovery discovery(
      io, config, stats,
      [&](std::vector<BackendEndpoint> endpoints) { resolved.backends = std::move(endpoints); },
      [&](const resolver::ResolutionReport& report) {
        const auto name = left.find(report.hostname);
        if (name == left.end() && !left.empty()) return;  // a second attempt, others being slow
        if (report.outcome != resolver::Outcome::kSuccess) {
          resolved.failures[report.hostname] =
              std::string(resolver::OutcomeName(report.outcome)) +
              (report.detail.empty() ? "" : " (" + report.detail + ")");
        }
        if (name != left.end()) left.erase(name);
        if (left.empty()) io.stop();
      });
  left = discovery.HostNames();
  discovery.Start();
  io.run();
  return resolved;
}

}  // namespace

int PrintOwners(const Config& config, const std::vector<std::string>& trace_ids) {
  std::vector<std::vector<std::uint8_t>> ids;
  for (const std::string& text : trace_ids) {
    const auto id = ParseTraceId(text);
    if (!id) {
      std::fprintf(stderr, "%s: not a trace ID (32 hex digits)\n", text.c_str());
      return 1;
    }
    ids.push_back(*id);
  }
  const Resolved resolved = ResolveOnce(config);
  for (const auto& [hostname, reason] : resolved.failures) {
    std::fprintf(stderr, "%s: not resolved: %s\n", Printable(hostname).c_str(), reason.c_str());
  }
  Membership membership;
  membership.SetKnown(resolved.backends);
  for (const BackendEndpoint& endpoint : resolved.backends) membership.OnReady(0, endpoint.name);
  const auto table = BuildRoutingTable(membership, ToRingOptions(config.ring), {});
  if (!table) {
    std::fprintf(stderr, "%s\n", table.error().message.c_str());
    return 1;
  }
  const Ring& ring = (*table)->ring;
  if (ring.empty()) {
    std::fprintf(stderr, "no backends\n");
    return 1;
  }
  if (!resolved.failures.empty()) {
    std::fprintf(stderr,
                 "this ring is without the backends of %zu names: once they resolve, "
                 "traces have other owners\n",
                 resolved.failures.size());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::printf("%s %s\n", trace_ids[i].c_str(),
                (*table)->owner_names[ring.OwnerOf(ids[i])].c_str());
  }
  std::printf("ring %016llx %.*s %zu backends\n",
              static_cast<unsigned long long>(ring.fingerprint()),
              static_cast<int>(RingAlgorithmName(ToRingOptions(config.ring).algorithm).size()),
              RingAlgorithmName(ToRingOptions(config.ring).algorithm).data(), ring.size());
  return resolved.failures.empty() ? 0 : 1;
}

}  // namespace router
