#include "examples/demo/order_flow.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace router::demo {
namespace {

FlowOptions SmallFlow() {
  return {.seed = 7, .orders = 200, .epoch_unix_nano = 1'700'000'000'000'000'000};
}

std::vector<PlannedSpan> PlanAll(const FlowOptions& flow) {
  std::vector<PlannedSpan> all;
  for (std::uint32_t order = 0; order < flow.orders; ++order) {
    for (PlannedSpan& span : PlanOrder(flow, order)) all.push_back(std::move(span));
  }
  return all;
}

// Scenario: two processes plan the same order.
// Guarantees: the same spans byte for byte; another seed gives others.
TEST(OrderFlowTest, SameOptionsGiveSameBytes) {
  FlowOptions flow = SmallFlow();
  const auto first = PlanOrder(flow, 5);
  const auto again = PlanOrder(flow, 5);
  ASSERT_EQ(first.size(), again.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].span.SerializeAsString(), again[i].span.SerializeAsString());
  }
  flow.seed = 8;
  EXPECT_NE(PlanOrder(flow, 5)[0].span.trace_id(), first[0].span.trace_id());
}

// Scenario: two hundred orders.
// Guarantees: IDs have OTLP's lengths and are unique; every parent is a span of the same trace.
TEST(OrderFlowTest, TracesAreWellFormed) {
  std::map<std::string, std::set<std::string>> ids_of_trace;
  const auto spans = PlanAll(SmallFlow());
  for (const PlannedSpan& planned : spans) {
    ASSERT_EQ(planned.span.trace_id().size(), 16u);
    ASSERT_EQ(planned.span.span_id().size(), 8u);
    EXPECT_TRUE(ids_of_trace[planned.span.trace_id()].insert(planned.span.span_id()).second);
    EXPECT_LT(planned.span.start_time_unix_nano(), planned.span.end_time_unix_nano());
  }
  for (const PlannedSpan& planned : spans) {
    const std::string& parent = planned.span.parent_span_id();
    EXPECT_TRUE(parent.empty() || ids_of_trace[planned.span.trace_id()].contains(parent));
  }
}

// Scenario: two hundred orders.
// Guarantees: the flow has what the demo is to show: all five services in one trace, seconds apart;
// errors with exception events; jobs linked to a span that exists.
TEST(OrderFlowTest, FlowHasErrorsSlowTracesAndLinkedJobs) {
  std::map<std::string, std::set<Role>> roles;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> ends;
  std::set<std::string> ids;
  int exceptions = 0, links = 0;
  const auto spans = PlanAll(SmallFlow());
  for (const PlannedSpan& planned : spans) {
    const std::string& trace = planned.span.trace_id();
    ids.insert(trace + planned.span.span_id());
    roles[trace].insert(planned.role);
    auto [found, is_new] = ends.try_emplace(trace, INT64_MAX, 0);
    found->second.first = std::min(found->second.first, std::int64_t{planned.ends_after.count()});
    found->second.second = std::max(found->second.second, std::int64_t{planned.ends_after.count()});
    exceptions += planned.span.events_size();
  }
  for (const PlannedSpan& planned : spans) {
    for (const auto& link : planned.span.links()) {
      ++links;
      EXPECT_NE(link.trace_id(), planned.span.trace_id());
      EXPECT_TRUE(ids.contains(link.trace_id() + link.span_id()));
    }
  }
  std::size_t through_all = 0, slow = 0;
  for (const auto& [trace, seen] : roles) through_all += seen.size() == kRoles.size() ? 1 : 0;
  for (const auto& [trace, range] : ends) slow += range.second - range.first > 4000 ? 1 : 0;
  EXPECT_GT(through_all, 100u);
  EXPECT_GT(slow, 3u);
  EXPECT_GT(exceptions, 5);
  EXPECT_GT(links, 10);
}

// Scenario: a request is made of spans of three scopes.
// Guarantees: one resource, one ScopeSpans per scope, no span twice or missing.
TEST(OrderFlowTest, RequestGroupsSpansByScope) {
  std::vector<const PlannedSpan*> own;
  const auto spans = PlanAll(SmallFlow());
  for (const PlannedSpan& planned : spans) {
    if (planned.role == Role::kOrders) own.push_back(&planned);
  }
  const ExportRequest request = MakeRequest(Role::kOrders, own);
  ASSERT_EQ(request.resource_spans_size(), 1);
  std::set<std::string> scopes;
  std::size_t count = 0;
  for (const auto& scope_spans : request.resource_spans(0).scope_spans()) {
    EXPECT_TRUE(scopes.insert(scope_spans.scope().name()).second);
    count += static_cast<std::size_t>(scope_spans.spans_size());
  }
  EXPECT_GE(scopes.size(), 3u);
  EXPECT_EQ(count, own.size());
}

}  // namespace
}  // namespace router::demo
