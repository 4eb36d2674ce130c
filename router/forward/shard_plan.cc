#include "router/forward/shard_plan.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <numeric>

namespace router {
namespace {

constexpr std::size_t kShardsMax = std::numeric_limits<std::uint16_t>::max();
// Tag and length of a group, at most.
constexpr std::size_t kGroupHeaderBytes = 8;
constexpr std::size_t kLookupsAtOnce = 32;
// Above this the memory of one huge request is given back.
constexpr std::size_t kScratchSpansKept = 256 * 1024;

}  // namespace

void ShardPlan::Build(const SpanIndex& index, const Routes& routes, std::size_t shard_bytes_max,
                      const std::vector<bool>* delivered) {
  assert(index.span_count() > 0 && !routes.ring().empty());
  FindOwners(index, routes, delivered);
  // One more than the ring has: the owner of what is not sent.
  const std::size_t owners = routes.ring().size() + (delivered != nullptr ? 1 : 0);
  // No shard is larger than the body it comes from.
  const bool fits = index.body().size() <= shard_bytes_max;
  pass_through_ = fits || index.span_count() == 1 ? Splitter::SoleOwner(owners_) : std::nullopt;
  if (pass_through_.has_value()) return;
  if (fits) {
    owner_of_shard_.resize(owners);
    std::iota(owner_of_shard_.begin(), owner_of_shard_.end(), std::uint16_t{0});
    splitter_.Plan(index, owners_, owners);
  } else {
    Cut(index, owners, shard_bytes_max);
    splitter_.Plan(index, shards_, owner_of_shard_.size());
  }
  if (delivered != nullptr) {
    const auto nobody = static_cast<std::uint16_t>(routes.ring().size());
    std::replace(owner_of_shard_.begin(), owner_of_shard_.end(), nobody, kNobody);
  }
}

void ShardPlan::FindOwners(const SpanIndex& index, const Routes& routes,
                           const std::vector<bool>* delivered) {
  const Ring& ring = routes.ring();
  const std::size_t spans = index.span_count();
  owners_.resize(spans);
  invalid_trace_ids_ = 0;
  failover_spans_ = 0;
  // Hashing each ID costs less than finding out that it is the one before: no branch to mispredict,
  // and the loads of neighbouring spans overlap.
  std::array<std::size_t, kLookupsAtOnce> slots;
  for (std::size_t begin = 0; begin < spans; begin += kLookupsAtOnce) {
    const std::size_t end = std::min(begin + kLookupsAtOnce, spans);
    for (std::size_t i = begin; i < end; ++i) {
      slots[i - begin] = ring.SlotOf(index.trace_id(i));
      ring.Prefetch(slots[i - begin]);
      invalid_trace_ids_ += index.has_valid_trace_id(i) ? 0 : 1;
    }
    for (std::size_t i = begin; i < end; ++i) owners_[i] = ring.OwnerAt(slots[i - begin]);
  }
  if (delivered != nullptr) {
    for (std::size_t i = 0; i < spans; ++i) {
      if ((*delivered)[i]) owners_[i] = static_cast<std::uint16_t>(ring.size());
    }
  }
  if (!routes.has_fallback()) return;
  for (std::size_t i = 0; i < spans; ++i) {
    if (owners_[i] == ring.size()) continue;
    const std::uint16_t now = routes.OwnerOf(index.trace_id(i));
    failover_spans_ += now != owners_[i] ? 1 : 0;
    owners_[i] = now;
  }
}

void ShardPlan::Cut(const SpanIndex& index, std::size_t members, std::size_t shard_bytes_max) {
  owner_of_shard_.clear();
  shards_.resize(index.span_count());
  open_.assign(members, {});
  const auto resources = index.resources();
  const auto scopes = index.scopes();
  for (std::uint32_t r = 0; r < resources.size(); ++r) {
    for (std::uint32_t s = resources[r].child_begin; s < resources[r].child_end; ++s) {
      const std::size_t resource_bytes = resources[r].part_bytes + kGroupHeaderBytes;
      const std::size_t scope_bytes = scopes[s].part_bytes + kGroupHeaderBytes;
      for (std::uint32_t i = scopes[s].child_begin; i < scopes[s].child_end; ++i) {
        OpenShard& open = open_[owners_[i]];
        const bool is_new_scope = !open.is_open || open.scope != s;
        const bool is_new_resource = !open.is_open || open.resource != r;
        std::size_t cost = index.span_bytes(i) + (is_new_scope ? scope_bytes : 0) +
                           (is_new_resource ? resource_bytes : 0);
        // Every owner may still need its first.
        const bool is_full =
            open.bytes + cost > shard_bytes_max && owner_of_shard_.size() + members < kShardsMax;
        if (!open.is_open || is_full) {
          open = {.is_open = true, .number = static_cast<std::uint16_t>(owner_of_shard_.size())};
          owner_of_shard_.push_back(owners_[i]);
          cost = index.span_bytes(i) + scope_bytes + resource_bytes;
        }
        open.bytes += cost;
        open.resource = r;
        open.scope = s;
        shards_[i] = open.number;
      }
    }
  }
}

void ShardPlan::Clear() {
  splitter_.Clear();
  if (owners_.capacity() > kScratchSpansKept) {
    owners_ = {};
    shards_ = {};
  }
}

}  // namespace router
