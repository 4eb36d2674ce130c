// /metrics as text: names, labels, sums, and the page that documents them.
#include "router/admin/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/http_get.h"

namespace router {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two workers that have both seen everything that is counted.
class TelemetryTest : public testing::Test {
 protected:
  TelemetryTest() {
    telemetry_.version = "9.9.9";
    telemetry_.started = now_ - std::chrono::seconds(90);
    telemetry_.budget = &budget_;
    telemetry_.resolver.type = "dns";
    telemetry_.resolver.resolutions = {{"success", 5}, {"timeout", 2}, {"nxdomain", 1}};
    telemetry_.resolver.updates = 3;
    telemetry_.resolver.last_success = now_ - std::chrono::seconds(7);
    auto table = std::make_shared<RoutingTable>();
    table->generation = 4;
    table->ring = *Ring::Build({{.endpoint = "10.0.0.1:4317"}, {.endpoint = "10.0.0.2:4317"}}, {});
    telemetry_.table = std::move(table);
    for (std::uint64_t worker = 0; worker < 2; ++worker) {
      Ledger& ledger = ledgers_[worker];
      ledger.received_bytes.Add(1000 + worker);
      ledger.shards.Add(3);
      ledger.invalid_trace_ids.Add(1);
      for (LedgerColumn* column : {&ledger.requests, &ledger.spans}) {
        const std::uint64_t weight = column == &ledger.spans ? 100 : 1;
        column->received.Add(weight * (10 + worker));
        column->forwarded.Add(weight * 4);
        column->cancelled.Add(weight * 2);
        column->in_flight.Add(weight);
        column->rejected[RejectIndex(RejectReason::kBackend, GrpcCode::kInvalidArgument)].Add(
            weight);
        column->refused[static_cast<std::size_t>(RefuseReason::kThrottled)].Add(weight * 2);
      }
      auto metrics = std::make_shared<BackendMetrics>();
      metrics->attempts[static_cast<std::size_t>(AttemptOutcome::kOk)].Add(20);
      metrics->attempts[static_cast<std::size_t>(AttemptOutcome::kPermanent)].Add(1);
      metrics->attempts[static_cast<std::size_t>(AttemptOutcome::kTransient)].Add(2);
      metrics->attempts[static_cast<std::size_t>(AttemptOutcome::kTimeout)].Add(3);
      metrics->attempts[static_cast<std::size_t>(AttemptOutcome::kCancelled)].Add(4);
      metrics->AddLatency(milliseconds(7));
      metrics->AddLatency(std::chrono::minutes(1));
      metrics->state.store(worker == 0 ? BackendState::kReady : BackendState::kDown);
      telemetry_.workers.push_back({.ledger = &ledger,
                                    .connections = [worker] { return 5 + worker; },
                                    .backends = {{"10.0.0.1:4317", metrics}}});
    }
  }

  test::Samples Scrape() { return test::ParsePrometheus(RenderMetrics(telemetry_, now_)); }
  double Value(const std::string& series) {
    const test::Samples samples = Scrape();
    const auto found = samples.find(series);
    EXPECT_NE(found, samples.end()) << series;
    return found == samples.end() ? -1 : found->second;
  }
  // The names of the families, as scraped.
  std::set<std::string> Names() {
    std::set<std::string> names;
    std::istringstream lines(RenderMetrics(telemetry_, now_));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
    }
    return names;
  }

  const TimePoint now_ = TimePoint{} + std::chrono::hours(100);
  MemoryBudget budget_{1 << 20};
  std::array<Ledger, 2> ledgers_;
  Telemetry telemetry_;
};

// Scenario: two workers with different counts.
// Guarantees: each value is the sum over the workers.
TEST_F(TelemetryTest, ValuesAreSumsOverTheWorkers) {
  EXPECT_EQ(Value("spanring_received_requests_total"), 21);
  EXPECT_EQ(Value("spanring_received_spans_total"), 2100);
  EXPECT_EQ(Value("spanring_forwarded_spans_total"), 800);
  EXPECT_EQ(Value("spanring_cancelled_spans_total"), 400);
  EXPECT_EQ(Value("spanring_in_flight_spans"), 200);
  EXPECT_EQ(Value(R"(spanring_rejected_spans_total{reason="backend_invalid_argument"})"), 200);
  EXPECT_EQ(Value(R"(spanring_rejected_spans_total{reason="malformed"})"), 0);
  EXPECT_EQ(Value(R"(spanring_refused_spans_total{reason="throttled"})"), 400);
  EXPECT_EQ(Value("spanring_received_bytes_total"), 2001);
  EXPECT_EQ(Value("spanring_shards_total"), 6);
  EXPECT_EQ(Value("spanring_invalid_trace_ids_total"), 2);
  EXPECT_EQ(Value("spanring_client_connections"), 11);
  EXPECT_EQ(Value(R"(spanring_backend_requests_total{endpoint="10.0.0.1:4317",outcome="ok"})"), 40);
  EXPECT_EQ(Value(R"(spanring_backend_state{endpoint="10.0.0.1:4317",state="ready"})"), 1);
  EXPECT_EQ(Value(R"(spanring_backend_state{endpoint="10.0.0.1:4317",state="down"})"), 1);
  EXPECT_EQ(Value(R"(spanring_backend_state{endpoint="10.0.0.1:4317",state="gone"})"), 0);
}

// Scenario: the same scrape, read as a ledger.
// Guarantees: every reason to reject or refuse has a series, so that the ledger can be closed from
// outside (I4).
TEST_F(TelemetryTest, EveryReasonHasASeries) {
  const test::Samples samples = Scrape();
  std::size_t rejected = 0;
  std::size_t refused = 0;
  for (const auto& [series, value] : samples) {
    rejected += series.starts_with("spanring_rejected_spans_total{") ? 1 : 0;
    refused += series.starts_with("spanring_refused_spans_total{") ? 1 : 0;
  }
  EXPECT_EQ(rejected, kRejectReasonCount - 1) << "all but backend_ok, which cannot happen";
  EXPECT_EQ(refused, kRefuseReasonCount);
}

// Scenario: latencies of 7 ms and of one minute at each of two workers.
// Guarantees: cumulative buckets, the last is +Inf; count and sum agree.
TEST_F(TelemetryTest, LatencyIsAHistogram) {
  const std::string name = "spanring_backend_latency_milliseconds";
  const std::string endpoint = R"({endpoint="10.0.0.1:4317")";
  EXPECT_EQ(Value(name + "_bucket" + endpoint + R"(,le="5"})"), 0);
  EXPECT_EQ(Value(name + "_bucket" + endpoint + R"(,le="10"})"), 2);
  EXPECT_EQ(Value(name + "_bucket" + endpoint + R"(,le="30000"})"), 2);
  EXPECT_EQ(Value(name + "_bucket" + endpoint + R"(,le="+Inf"})"), 4);
  EXPECT_EQ(Value(name + "_count" + endpoint + "}"), 4);
  EXPECT_EQ(Value(name + "_sum" + endpoint + "}"), 2 * 60007);
}

// Scenario: no backend has been reached yet; then there is a ring.
// Guarantees: an empty ring has no fingerprint to differ from that of the other replicas.
TEST_F(TelemetryTest, OnlyARingWithMembersHasAFingerprint) {
  const auto full = telemetry_.table;
  telemetry_.table = std::make_shared<RoutingTable>();
  EXPECT_THAT(RenderMetrics(telemetry_, now_), Not(HasSubstr("spanring_ring_fingerprint")));
  EXPECT_EQ(Value("spanring_ring_members"), 0);
  telemetry_.table = full;
  EXPECT_THAT(RenderMetrics(telemetry_, now_),
              HasSubstr("spanring_ring_fingerprint{fingerprint=\""));
}

// Scenario: the ring, the resolver and the process.
// Guarantees: what an operator asks for first: members, generation, age of the list, uptime,
// version, ready.
TEST_F(TelemetryTest, DiscoveryAndProcess) {
  EXPECT_EQ(Value("spanring_ring_members"), 2);
  EXPECT_EQ(Value("spanring_ring_generation"), 4);
  EXPECT_EQ(Value("spanring_backend_list_age_seconds"), 7);
  EXPECT_EQ(Value(R"(spanring_resolutions_total{outcome="timeout",resolver="dns"})"), 2);
  EXPECT_EQ(Value("spanring_process_uptime_seconds"), 90);
  EXPECT_EQ(Value(R"(spanring_build_info{version="9.9.9"})"), 1);
  EXPECT_EQ(Value("spanring_ready"), 0);
  EXPECT_EQ(Value("spanring_memory_budget_limit_bytes"), 1 << 20);
  EXPECT_GT(Value("spanring_process_resident_bytes"), 0);
  telemetry_.is_ready = true;
  EXPECT_EQ(Value("spanring_ready"), 1);
  telemetry_.resolver.last_success = {};
  EXPECT_THAT(RenderMetrics(telemetry_, now_), Not(HasSubstr("spanring_backend_list_age_seconds")))
      << "no age before the first success";
}

// Scenario: the Collector's five metrics of its exporter, without and with type suffixes.
// Guarantees: its dashboards keep working: the same names, labels and meaning.
TEST_F(TelemetryTest, TheCollectorsNamesAreThere) {
  for (const bool without : {true, false}) {
    telemetry_.without_type_suffix = without;
    const std::string total = without ? "" : "_total";
    const std::string prefix = "otelcol_loadbalancer_";
    EXPECT_EQ(Value(prefix + "num_resolutions" + total + R"({resolver="dns",success="true"})"), 5);
    EXPECT_EQ(Value(prefix + "num_resolutions" + total + R"({resolver="dns",success="false"})"), 3);
    EXPECT_EQ(Value(prefix + R"(num_backends{resolver="dns"})"), 2);
    EXPECT_EQ(Value(prefix + "num_backend_updates" + total + R"({resolver="dns"})"), 3);
    EXPECT_EQ(Value(prefix + R"(backend_latency_count{endpoint="10.0.0.1:4317"})"), 4);
    EXPECT_EQ(
        Value(prefix + "backend_outcome" + total + R"({endpoint="10.0.0.1:4317",success="true"})"),
        40);
    EXPECT_EQ(
        Value(prefix + "backend_outcome" + total + R"({endpoint="10.0.0.1:4317",success="false"})"),
        12);
  }
}

// Scenario: the same with what its receiver, exporter and process tell; a span refused because the
// memory budget is full.
// Guarantees: accepted is what a client was told OK for; what a backend had its part in is
// send_failed, what there was no room for enqueue_failed, and both are refused.
TEST_F(TelemetryTest, TheCollectorsPipelineIsTold) {
  telemetry_.receiver = "otlp/in";
  telemetry_.exporter = "loadbalancing/out";
  ledgers_[0].spans.refused[static_cast<std::size_t>(RefuseReason::kOverload)].Add(30);
  ledgers_[0].spans.suppressed.Add(7);
  ASSERT_TRUE(budget_.TryTake(1000));
  ledgers_[0].grpc_spans.forwarded.Add(500);
  ledgers_[1].grpc_spans.suppressed.Add(7);
  ledgers_[1].grpc_spans.refused[static_cast<std::size_t>(RefuseReason::kOverload)].Add(980);
  ledgers_[1].http_spans.forwarded.Add(300);
  ledgers_[1].http_spans.cancelled.Add(50);
  const std::string grpc = R"({receiver="otlp/in",transport="grpc"})";
  const std::string http = R"({receiver="otlp/in",transport="http"})";
  const std::string out = R"({exporter="loadbalancing/out"})";
  for (const bool without : {true, false}) {
    telemetry_.without_type_suffix = telemetry_.without_units = without;
    const std::string total = without ? "" : "_total";
    EXPECT_EQ(Value("otelcol_receiver_accepted_spans" + total + grpc), 507);
    EXPECT_EQ(Value("otelcol_receiver_accepted_spans" + total + http), 300);
    EXPECT_EQ(Value("otelcol_receiver_refused_spans" + total + grpc), 980);
    EXPECT_EQ(Value("otelcol_receiver_refused_spans" + total + http), 50);
    EXPECT_EQ(Value("otelcol_exporter_sent_spans" + total + out), 800);
    EXPECT_EQ(Value("otelcol_exporter_send_failed_spans" + total + out), 600);
    EXPECT_EQ(Value("otelcol_exporter_enqueue_failed_spans" + total + out), 30);
    EXPECT_EQ(Value("otelcol_process_uptime" + std::string(without ? "" : "_seconds") + total), 90);
    EXPECT_GT(Value("otelcol_process_memory_rss" + std::string(without ? "" : "_bytes")), 0);
  }
  EXPECT_EQ(Value("otelcol_exporter_queue_size" + out), 1000);
  EXPECT_EQ(Value("otelcol_exporter_queue_capacity" + out), 1 << 20);
  budget_.Give(1000);
}

// Scenario: the table of docs/operations.md between its markers.
// Guarantees: it names every metric that is exposed, and no other.
TEST_F(TelemetryTest, OperationsPageNamesEveryMetric) {
  std::ifstream file(SPANRING_SOURCE_DIR "/docs/operations.md");
  ASSERT_TRUE(file.is_open()) << "docs/operations.md is missing";
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const std::size_t begin = page.find("<!-- metrics:begin -->");
  const std::size_t end = page.find("<!-- metrics:end -->");
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end)
      << "no markers";
  std::set<std::string> documented;
  std::istringstream lines(page.substr(begin, end - begin));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    documented.insert(line.substr(3, line.find_first_of("`{", 3) - 3));
  }
  EXPECT_THAT(documented, testing::ContainerEq(Names()));
}

}  // namespace
}  // namespace router
