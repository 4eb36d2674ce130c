#include "router/forward/shard_plan.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace router {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::trace::v1::Span;

// The ring of so many members, bound to no backends.
Routes MakeRoutes(int members) {
  std::vector<RingMember> list;
  for (int i = 0; i < members; ++i) {
    list.push_back({.endpoint = "10.0.0." + std::to_string(i + 1) + ":4317"});
  }
  auto table = std::make_shared<RoutingTable>();
  table->ring = *Ring::Build(std::move(list), {.slots_log2 = 16});
  Routes routes;
  routes.table = std::move(table);
  return routes;
}

// `scopes` groups of `spans` spans each, one trace per span, the names padded to `padding` bytes.
ExportTraceServiceRequest MakeRequest(int scopes, int spans, std::size_t padding) {
  ExportTraceServiceRequest request;
  std::uint64_t number = 0;
  for (int s = 0; s < scopes; ++s) {
    auto* resource = request.add_resource_spans();
    resource->mutable_resource()->add_attributes()->set_key(std::string(200, 'r'));
    auto* scope = resource->add_scope_spans();
    scope->mutable_scope()->set_name("scope");
    for (int i = 0; i < spans; ++i) {
      auto* span = scope->add_spans();
      std::string id(16, '\1');
      ++number;
      for (int b = 0; b < 8; ++b)
        id[static_cast<std::size_t>(b)] = static_cast<char>(number >> (8 * b));
      span->set_trace_id(id);
      span->set_name(std::string(padding, 'n'));
    }
  }
  return request;
}

std::span<const std::uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The shards of `plan`, written and parsed.
std::vector<ExportTraceServiceRequest> Write(ShardPlan& plan, std::size_t bytes_max) {
  Splitter& splitter = plan.splitter();
  std::vector<std::string> texts(plan.shard_count());
  std::vector<std::uint8_t*> out(plan.shard_count(), nullptr);
  for (const std::uint16_t shard : splitter.present_shards()) {
    EXPECT_LE(splitter.shard_bytes(shard), bytes_max);
    texts[shard].resize(splitter.shard_bytes(shard));
    out[shard] = reinterpret_cast<std::uint8_t*>(texts[shard].data());
  }
  splitter.Write(out);
  std::vector<ExportTraceServiceRequest> parsed(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_TRUE(parsed[i].ParseFromString(texts[i]));
  return parsed;
}

// Scenario: one owner, a body of exactly the limit, then one byte less allowed.
// Guarantees: at the limit the request passes untouched, beyond it it is cut (GC-01).
TEST(ShardPlanTest, CutsOnlyWhatIsLargerThanTheLimit) {
  const std::string body = MakeRequest(1, 50, 100).SerializeAsString();
  SpanIndex index;
  ASSERT_FALSE(index.Parse(Bytes(body), {}));
  ShardPlan plan;
  plan.Build(index, MakeRoutes(1), body.size());
  EXPECT_TRUE(plan.PassThroughOwner().has_value());
  plan.Build(index, MakeRoutes(1), body.size() - 1);
  ASSERT_FALSE(plan.PassThroughOwner().has_value());
  EXPECT_EQ(plan.splitter().present_shards().size(), 2U);
}

// Scenario: requests of several groups, many times larger than the limit, for 1 and for 5 owners.
// Guarantees: no shard is over the limit, every span is in exactly one, at its owner.
TEST(ShardPlanTest, KeepsEveryShardWithinTheLimitAndEverySpanAtItsOwner) {
  for (const int members : {1, 5}) {
    const ExportTraceServiceRequest request = MakeRequest(7, 300, 150);
    const std::string body = request.SerializeAsString();
    const Routes routes = MakeRoutes(members);
    SpanIndex index;
    ASSERT_FALSE(index.Parse(Bytes(body), {}));
    constexpr std::size_t kLimit = 8000;
    ShardPlan plan;
    plan.Build(index, routes, kLimit);
    ASSERT_FALSE(plan.PassThroughOwner().has_value());
    const auto shards = Write(plan, kLimit);
    EXPECT_GT(shards.size(), body.size() / kLimit);
    std::set<std::string> seen;
    for (std::size_t s = 0; s < shards.size(); ++s) {
      for (const auto& resource : shards[s].resource_spans()) {
        EXPECT_EQ(resource.resource().attributes_size(), 1);
        for (const auto& span : resource.scope_spans(0).spans()) {
          EXPECT_TRUE(seen.insert(span.trace_id()).second);
          EXPECT_EQ(plan.OwnerOf(static_cast<std::uint16_t>(s)),
                    routes.OwnerOf(Bytes(span.trace_id())));
        }
      }
    }
    EXPECT_EQ(seen.size(), index.span_count());
  }
}

// Scenario: one of four owners has 70,000 spans that each need a shard of their own, more than
// there are numbers; the others come last. Guarantees: shards have numbers of their own, and every
// span is at its owner.
TEST(ShardPlanTest, NumbersDoNotRunOut) {
  const Routes routes = MakeRoutes(4);
  const ExportTraceServiceRequest many = MakeRequest(1, 300'000, 0);
  ExportTraceServiceRequest request;
  auto* scope = request.add_resource_spans()->add_scope_spans();
  int firsts = 0;
  std::vector<const Span*> others;
  for (const Span& span : many.resource_spans(0).scope_spans(0).spans()) {
    if (routes.OwnerOf(Bytes(span.trace_id())) != 0) {
      if (others.size() < 30) others.push_back(&span);
    } else if (firsts++ < 70'000) {
      *scope->add_spans() = span;
    }
  }
  ASSERT_GE(firsts, 70'000);
  for (const Span* span : others) *scope->add_spans() = *span;
  const std::string body = request.SerializeAsString();
  SpanIndex index;
  ASSERT_FALSE(index.Parse(Bytes(body), {}));
  ShardPlan plan;
  plan.Build(index, routes, 1);
  EXPECT_LE(plan.shard_count(), 65535U);
  std::size_t spans = 0;
  const auto shards = Write(plan, body.size());
  for (std::size_t s = 0; s < shards.size(); ++s) {
    for (const auto& resource : shards[s].resource_spans()) {
      for (const auto& span : resource.scope_spans(0).spans()) {
        ++spans;
        ASSERT_EQ(plan.OwnerOf(static_cast<std::uint16_t>(s)),
                  routes.OwnerOf(Bytes(span.trace_id())));
      }
    }
  }
  EXPECT_EQ(spans, index.span_count());
}

// Scenario: one span alone is larger than the limit, among small ones.
// Guarantees: it is a shard of its own; the others stay within the limit.
TEST(ShardPlanTest, GivesASpanOverTheLimitAShardOfItsOwn) {
  ExportTraceServiceRequest request = MakeRequest(1, 20, 50);
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(10)->set_name(
      std::string(5000, 'x'));
  const std::string body = request.SerializeAsString();
  SpanIndex index;
  ASSERT_FALSE(index.Parse(Bytes(body), {}));
  ShardPlan plan;
  plan.Build(index, MakeRoutes(1), 2000);
  std::size_t over = 0;
  for (const std::uint16_t shard : plan.splitter().present_shards()) {
    if (plan.splitter().shard_bytes(shard) <= 2000) continue;
    ++over;
    EXPECT_EQ(plan.splitter().shard_spans(shard), 1U);
  }
  EXPECT_EQ(over, 1U);
}

// Scenario: IDs that are absent, too short and all zero.
// Guarantees: they are counted, and have an owner like any other.
TEST(ShardPlanTest, CountsInvalidTraceIdsAndRoutesThem) {
  ExportTraceServiceRequest request = MakeRequest(1, 4, 10);
  auto* spans = request.mutable_resource_spans(0)->mutable_scope_spans(0);
  spans->mutable_spans(0)->clear_trace_id();
  spans->mutable_spans(1)->set_trace_id("short");
  spans->mutable_spans(2)->set_trace_id(std::string(16, '\0'));
  const std::string body = request.SerializeAsString();
  SpanIndex index;
  ASSERT_FALSE(index.Parse(Bytes(body), {}));
  ShardPlan plan;
  plan.Build(index, MakeRoutes(3), 1 << 20);
  EXPECT_EQ(plan.invalid_trace_ids(), 3U);
}

}  // namespace
}  // namespace router
