#include "router/ring/ring.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "router/ring/collector_points.h"
#include "router/ring/native_table.h"

namespace router {
namespace {

static_assert(Ring::kMembersMax <= std::numeric_limits<std::uint16_t>::max());
static_assert(kPointsPerWeight * Ring::kWeightMin >= 1, "every member has a point");
static_assert(kPointsPerWeight * Ring::kWeightSumMax < 0xFFFFFFFF, "points are counted in 32 bits");
static_assert(Ring::kMembersMax < (1u << Ring::kSlotsLog2Min), "every member can have a slot");

const CollectorGeneration* GenerationOf(RingAlgorithm algorithm) {
  switch (algorithm) {
    case RingAlgorithm::kSpanring:
      return nullptr;
    case RingAlgorithm::kCollectorV1:
      return &kCollectorGeneration1;
    case RingAlgorithm::kCollectorV2:
      return &kCollectorGeneration2;
    case RingAlgorithm::kCollectorV3:
      return &kCollectorGeneration3;
  }
  return nullptr;
}

std::string FormatWeight(double weight) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", weight);
  return text;
}

// What is wrong with sorted members without exact duplicates.
std::optional<std::string> FindFault(std::span<const RingMember> members,
                                     const RingOptions& options) {
  if (members.size() > Ring::kMembersMax) {
    return "ring: " + std::to_string(members.size()) + " members, the limit is " +
           std::to_string(Ring::kMembersMax);
  }
  if (options.slots_log2 < Ring::kSlotsLog2Min || options.slots_log2 > Ring::kSlotsLog2Max) {
    return "ring: slots_log2 is " + std::to_string(options.slots_log2) + ", must be " +
           std::to_string(Ring::kSlotsLog2Min) + " to " + std::to_string(Ring::kSlotsLog2Max);
  }
  double weight_sum = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& [endpoint, weight] = members[i];
    if (endpoint.empty()) return "ring: a member has an empty endpoint";
    if (!(weight >= Ring::kWeightMin && weight <= Ring::kWeightMax)) {
      return "ring: weight " + FormatWeight(weight) + " of " + endpoint + ", must be " +
             FormatWeight(Ring::kWeightMin) + " to " + FormatWeight(Ring::kWeightMax);
    }
    if (weight != 1.0 && options.algorithm != RingAlgorithm::kSpanring) {
      return "ring: " + endpoint + " has weight " + FormatWeight(weight) + ", but " +
             std::string(RingAlgorithmName(options.algorithm)) + " has no weights";
    }
    if (i > 0 && members[i - 1].endpoint == endpoint) {
      return "ring: " + endpoint + " is given twice, with weights " +
             FormatWeight(members[i - 1].weight) + " and " + FormatWeight(weight);
    }
    weight_sum += weight;
  }
  if (weight_sum > Ring::kWeightSumMax) {
    return "ring: the weights add up to " + FormatWeight(weight_sum) + ", the limit is " +
           FormatWeight(Ring::kWeightSumMax);
  }
  return std::nullopt;
}

void AppendInteger(std::string& bytes, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t Fingerprint(std::span<const RingMember> members, const RingOptions& options) {
  const bool native = options.algorithm == RingAlgorithm::kSpanring;
  std::string bytes(RingAlgorithmName(options.algorithm));
  bytes.push_back('\n');
  AppendInteger(bytes, native ? options.slots_log2 : 0);
  AppendInteger(bytes, native ? options.seed : 0);
  for (const RingMember& member : members) {
    AppendInteger(bytes, member.endpoint.size());
    bytes += member.endpoint;
    AppendInteger(bytes, std::bit_cast<std::uint64_t>(member.weight));
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

Result<Ring> Ring::Build(std::vector<RingMember> members, const RingOptions& options) {
  // By endpoint only: a weight may still be NaN here.
  std::sort(members.begin(), members.end(),
            [](const RingMember& a, const RingMember& b) { return a.endpoint < b.endpoint; });
  members.erase(std::unique(members.begin(), members.end()), members.end());
  if (auto fault = FindFault(members, options)) return Failure(std::move(*fault));

  Ring ring;
  ring.fingerprint_ = Fingerprint(members, options);
  if (members.empty()) return ring;
  if (const CollectorGeneration* generation = GenerationOf(options.algorithm)) {
    std::vector<std::string> endpoints;
    endpoints.reserve(members.size());
    for (const RingMember& member : members) endpoints.push_back(member.endpoint);
    ring.positions_ = generation->positions;
    ring.table_ =
        BuildCollectorTable(PlaceCollectorPoints(endpoints, *generation), generation->positions);
  } else {
    ring.seed_ = options.seed;
    ring.slot_shift_ = 64 - options.slots_log2;
    ring.table_ = BuildNativeTable(members, options.slots_log2, options.seed);
  }
  ring.members_ = std::move(members);
  return ring;
}

std::vector<double> Ring::Shares() const {
  std::vector<double> shares(members_.size());
  for (const std::uint16_t owner : table_) shares[owner] += 1;
  for (double& share : shares) share /= static_cast<double>(table_.size());
  return shares;
}

}  // namespace router
