#include "router/forward/delivered_spans.h"

#include <random>
#include <utility>

namespace router {
namespace {

std::vector<std::uint8_t> RandomSecret() {
  std::random_device random;
  std::vector<std::uint8_t> secret(XXH3_SECRET_SIZE_MIN);
  for (std::uint8_t& byte : secret) byte = static_cast<std::uint8_t>(random());
  return secret;
}

}  // namespace

DeliveredSpans::DeliveredSpans(std::size_t spans_max)
    : spans_max_(spans_max), secret_(RandomSecret()), state_(XXH3_createState(), &XXH3_freeState) {}

DeliveredSpans::~DeliveredSpans() = default;

void DeliveredSpans::Rotate(TimePoint now) {
  if (young_.empty() && old_.empty()) {
    young_since_ = now;
    return;
  }
  if (now - young_since_ < kLifetime) return;
  // Rare: what stood still for more than a lifetime was not rotated in time.
  const bool is_in_time = now - young_since_ < 2 * kLifetime;
  old_ = is_in_time ? std::move(young_) : Keys();
  young_ = Keys();
  // On time, however late the look: what is in old_ must not live longer for it.
  young_since_ = is_in_time ? young_since_ + kLifetime : now;
}

bool DeliveredSpans::IsEmpty(TimePoint now) {
  Rotate(now);
  return young_.empty() && old_.empty();
}

// Over the concatenation of the parts: how they were cut into ranges does not matter.
DeliveredSpans::Key DeliveredSpans::Hash(const Key& context, std::uint32_t tag,
                                         std::span<const std::uint8_t> body,
                                         std::span<const SpanIndex::Range> parts) const {
  XXH3_128bits_reset_withSecret(state_.get(), secret_.data(), secret_.size());
  XXH3_128bits_update(state_.get(), &context, sizeof context);
  XXH3_128bits_update(state_.get(), &tag, sizeof tag);
  for (const SpanIndex::Range& part : parts) {
    XXH3_128bits_update(state_.get(), body.data() + part.begin, part.size());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
  return {.low = hash.low64, .high = hash.high64};
}

template <typename Visit>
void DeliveredSpans::ForEachKey(const SpanIndex& index, Visit&& visit) const {
  const auto body = index.body();
  const auto parts_of = [](std::span<const SpanIndex::Range> parts, const SpanIndex::Group& group) {
    return parts.subspan(group.part_begin, group.part_end - group.part_begin);
  };
  for (const SpanIndex::Group& resource : index.resources()) {
    const Key resource_key =
        Hash({}, resource.tag, body, parts_of(index.resource_parts(), resource));
    for (std::uint32_t s = resource.child_begin; s < resource.child_end; ++s) {
      const SpanIndex::Group& scope = index.scopes()[s];
      const Key scope_key =
          Hash(resource_key, scope.tag, body, parts_of(index.scope_parts(), scope));
      for (std::uint32_t i = scope.child_begin; i < scope.child_end; ++i) {
        visit(i, Hash(scope_key, 0, body, {&index.spans()[i].field, 1}));
      }
    }
  }
}

void DeliveredSpans::Remember(const SpanIndex& index, TimePoint now) {
  Rotate(now);
  ForEachKey(index, [this](std::uint32_t, const Key& key) {
    if (young_.size() < spans_max_) young_.insert(key);
  });
}

std::size_t DeliveredSpans::Find(const SpanIndex& index, std::vector<bool>* found) const {
  found->assign(index.span_count(), false);
  std::size_t count = 0;
  ForEachKey(index, [&](std::uint32_t i, const Key& key) {
    if (!young_.contains(key) && !old_.contains(key)) return;
    (*found)[i] = true;
    ++count;
  });
  return count;
}

}  // namespace router
