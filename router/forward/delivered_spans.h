// DeliveredSpans: remembers, for a minute or two, spans that a backend has accepted although their
// client was told to send the request again. When they come again, they are not sent a second time
// (replay suppression).
//
// A span is remembered by a keyed 128-bit hash of its own bytes and of the resource and scope it
// came with, so it is known again whatever it is batched with and whatever the ring has become. The
// key is random per object: nobody outside can prepare bytes that are taken for others.
// Invariant: only spans given to Remember() are ever found: an entry is proof of a delivery.
// Bounds: spans_max per kLifetime, two lifetimes are kept; beyond that nothing is remembered,
// which costs duplicates and never loss. About 40 bytes per span.
// Thread safety: its worker only. A client that comes back on another connection may meet
// another worker (or replica), which knows nothing.
// Cost: nothing while empty; else one hash over the request.
// Source: rules FM-18, option O7.
#pragma once

#include <xxhash.h>

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "router/base/clock.h"
#include "router/otlp/span_index.h"

namespace router {

class DeliveredSpans {
 public:
  static constexpr std::chrono::seconds kLifetime{60};
  static constexpr std::size_t kSpansMax = 262'144;

  explicit DeliveredSpans(std::size_t spans_max = kSpansMax);
  ~DeliveredSpans();
  DeliveredSpans(const DeliveredSpans&) = delete;
  DeliveredSpans& operator=(const DeliveredSpans&) = delete;

  // Forgets what is older than two lifetimes. True: nothing is remembered.
  bool IsEmpty(TimePoint now);
  // Every span of `index` was accepted by a backend.
  void Remember(const SpanIndex& index, TimePoint now);
  // Sets found[i] for every span of `index` that is remembered; returns how many.
  std::size_t Find(const SpanIndex& index, std::vector<bool>* found) const;

 private:
  struct Key {
    std::uint64_t low;
    std::uint64_t high;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.low; }
  };
  using Keys = boost::unordered_flat_set<Key, KeyHash>;

  void Rotate(TimePoint now);
  Key Hash(const Key& context, std::uint32_t tag, std::span<const std::uint8_t> body,
           std::span<const SpanIndex::Range> parts) const;
  template <typename Visit>
  void ForEachKey(const SpanIndex& index, Visit&& visit) const;

  const std::size_t spans_max_;
  std::vector<std::uint8_t> secret_;
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;  // scratch
  TimePoint young_since_{};
  Keys young_;
  Keys old_;
};

}  // namespace router
