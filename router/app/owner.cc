#include "router/app/owner.h"

#include <boost/algorithm/hex.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <iterator>
#include <optional>
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

// Resolves once: all entries of a static list, or one DNS answer.
std::vector<BackendEndpoint> ResolveOnce(const Config& config, std::string* why_not) {
  boost::asio::io_context io(1);
  ResolverStats stats;
  std::vector<BackendEndpoint> found;
  std::size_t left = 1;
  if (const auto* list = std::get_if<Config::StaticResolver>(&config.resolver)) {
    left = list->hosts.size();
  }
  Discovery discovery(
      io, config, stats,
      [&](std::vector<BackendEndpoint> endpoints) { found = std::move(endpoints); },
      [&](const resolver::ResolutionReport& report) {
        if (report.outcome != resolver::Outcome::kSuccess) {
          *why_not = report.hostname + ": " + std::string(resolver::OutcomeName(report.outcome)) +
                     (report.detail.empty() ? "" : " (" + report.detail + ")");
        }
        if (--left == 0) io.stop();
      });
  discovery.Start();
  io.run();
  return found;
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
  std::string why_not = "no backend";
  const std::vector<BackendEndpoint> endpoints = ResolveOnce(config, &why_not);
  Membership membership;
  membership.SetKnown(endpoints);
  for (const BackendEndpoint& endpoint : endpoints) membership.OnReady(0, endpoint.name);
  const auto table = BuildRoutingTable(membership, ToRingOptions(config.ring), {});
  if (!table) {
    std::fprintf(stderr, "%s\n", table.error().message.c_str());
    return 1;
  }
  const Ring& ring = (*table)->ring;
  if (ring.empty()) {
    std::fprintf(stderr, "no backends: %s\n", why_not.c_str());
    return 1;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::printf("%s %s\n", trace_ids[i].c_str(),
                (*table)->owner_names[ring.OwnerOf(ids[i])].c_str());
  }
  std::printf("ring %016llx %.*s %zu backends\n",
              static_cast<unsigned long long>(ring.fingerprint()),
              static_cast<int>(RingAlgorithmName(ToRingOptions(config.ring).algorithm).size()),
              RingAlgorithmName(ToRingOptions(config.ring).algorithm).data(), ring.size());
  return 0;
}

}  // namespace router
