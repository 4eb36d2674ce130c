// Splitting as the tests use it: index, shard of each span by its trace ID, one string per shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/otlp/splitter.h"
#include "tests/otlp/oracle.h"

namespace router::test {

// A stand-in for the ring: FNV-1a over the bytes that are there.
inline std::uint16_t ShardOf(std::span<const std::uint8_t> trace_id, std::size_t shard_count) {
  std::uint64_t hash = 14695981039346656037u;
  for (const std::uint8_t byte : trace_id) hash = (hash ^ byte) * 1099511628211u;
  return static_cast<std::uint16_t>((hash >> 20) % shard_count);
}

inline std::vector<std::uint16_t> ShardsByTrace(const SpanIndex& index, std::size_t shard_count) {
  std::vector<std::uint16_t> shards(index.span_count());
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i] = ShardOf(index.trace_id(i), shard_count);
  return shards;
}

inline std::vector<std::string> WriteShards(Splitter& splitter) {
  std::vector<std::string> shards(splitter.shard_count());
  std::vector<std::uint8_t*> out(splitter.shard_count());
  for (std::size_t s = 0; s < shards.size(); ++s) {
    shards[s].resize(splitter.shard_bytes(s));
    out[s] = reinterpret_cast<std::uint8_t*>(shards[s].data());
  }
  splitter.Write(out);
  return shards;
}

inline std::vector<std::string> Split(Splitter& splitter, const SpanIndex& index,
                                      std::span<const std::uint16_t> shard_of_span,
                                      std::size_t shard_count) {
  splitter.Plan(index, shard_of_span, shard_count);
  return WriteShards(splitter);
}

}  // namespace router::test
