// The admin port: its page, its JSON, and who may ask.
#include "router/admin/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "router/admin/status_page_text.h"

namespace router {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class StatusPageTest : public testing::Test {
 protected:
  StatusPageTest() {
    telemetry_.version = "9.9.9";
    telemetry_.instance = "pod-1";
    telemetry_.budget = &budget_;
    telemetry_.is_ready = true;
    telemetry_.config_in_force = "spanring:\n  workers: 0\n";
    telemetry_.restart_keys = {"spanring.workers"};
    ledger_.spans.received.Add(10);
    ledger_.spans.rejected[RejectIndex(RejectReason::kMalformed)].Add(3);
    auto metrics = std::make_shared<BackendMetrics>();
    metrics->spans_accepted.Add(7);
    metrics->state.store(BackendState::kReady);
    telemetry_.workers.push_back({.ledger = &ledger_,
                                  .connections = [] { return std::size_t{5}; },
                                  .backends = {{"10.0.0.1:4317", metrics}}});
    auto table = std::make_shared<RoutingTable>();
    table->generation = 4;
    table->ring = *Ring::Build({{.endpoint = "10.0.0.1:4317"}, {.endpoint = "10.0.0.2:4317"}}, {});
    table->owner_names = {"10.0.0.1:4317", "10.0.0.2:4317"};
    telemetry_.table = std::move(table);
    telemetry_.resolver.recent.push_front(
        {.at = {}, .hostname = "backend", .outcome = "timeout", .detail = "<b>\x1b[31m\"&"});
  }
  HttpAnswer Ask(std::string_view path, std::string_view query = {}) {
    return AnswerStatus({.path = path, .query = query, .host = "localhost"}, telemetry_,
                        telemetry_.started + std::chrono::seconds(90));
  }
  static std::string Header(const HttpAnswer& answer, const std::string& name) {
    for (const auto& [found, value] : answer.headers) {
      if (found == name) return value;
    }
    return "";
  }

  MemoryBudget budget_{1 << 20};
  Ledger ledger_;
  Telemetry telemetry_;
};

// Scenario: every page.
// Guarantees: none is kept, framed or guessed at, whatever it holds.
TEST_F(StatusPageTest, EveryAnswerIsProtected) {
  for (const char* path : {"/", "/debug/status", "/debug/ring", "/debug/backends", "/debug/config",
                           "/debug/owner", "/nothing"}) {
    const HttpAnswer answer = Ask(path);
    EXPECT_EQ(Header(answer, "cache-control"), "no-store") << path;
    EXPECT_EQ(Header(answer, "x-frame-options"), "DENY") << path;
    EXPECT_EQ(Header(answer, "x-content-type-options"), "nosniff") << path;
    EXPECT_EQ(Header(answer, "access-control-allow-origin"), "") << path;
  }
}

// Scenario: the page itself.
// Guarantees: one file; only its own script and style run, and it loads nothing from elsewhere.
TEST_F(StatusPageTest, ThePageIsSelfContained) {
  const HttpAnswer page = Ask("/");
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.body, kStatusPage);
  EXPECT_THAT(
      Header(page, "content-security-policy"),
      AllOf(HasSubstr("default-src 'none'; script-src 'sha256-"), HasSubstr("style-src 'sha256-"),
            HasSubstr("connect-src 'self'"), Not(HasSubstr("unsafe"))));
  EXPECT_THAT(page.body, AllOf(Not(HasSubstr("http://")), Not(HasSubstr("https://")),
                               Not(HasSubstr("innerHTML"))));
}

// Scenario: what is behind the page.
// Guarantees: the numbers that were counted, as JSON.
TEST_F(StatusPageTest, TheNumbersAreTold) {
  EXPECT_THAT(
      Ask("/debug/status").body,
      AllOf(HasSubstr(R"("state":"ready")"), HasSubstr(R"("uptime_seconds":90)"),
            HasSubstr(R"("rejected":{"malformed":3})"), HasSubstr(R"("instance":"pod-1")"),
            HasSubstr(R"("client_connections":5)"), HasSubstr(R"("detail":"<b>\\x1b[31m\"&")")));
  EXPECT_THAT(Ask("/debug/ring").body,
              AllOf(HasSubstr(R"("algorithm":"spanring")"), HasSubstr(R"("generation":4)"),
                    HasSubstr(R"("endpoint":"10.0.0.2:4317")"), HasSubstr(R"("share":0.)")));
  EXPECT_THAT(Ask("/debug/backends").body,
              AllOf(HasSubstr(R"("workers":{"ready":1})"), HasSubstr(R"("spans":7)")));
  EXPECT_THAT(Ask("/debug/config").body,
              AllOf(HasSubstr(R"("yaml":"spanring:\n  workers: 0\n")"),
                    HasSubstr(R"("waiting_for_restart":["spanring.workers"])")));
}

// Scenario: owners of two traces; IDs that are none; before there is a ring.
// Guarantees: the ring's owner; 400 and 503 with a reason otherwise.
TEST_F(StatusPageTest, OwnerIsTheRings) {
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{9}}) {
    std::array<std::uint8_t, 16> id{};
    id.back() = last;
    const std::string owner = telemetry_.table->owner_names[telemetry_.table->ring.OwnerOf(id)];
    const std::string text = "trace_id=" + std::string(31, '0') + std::to_string(last);
    EXPECT_THAT(Ask("/debug/owner", text).body, HasSubstr("\"owner\":\"" + owner + '"'));
    EXPECT_THAT(Ask("/debug/owner", "x=1&" + text + "&y").body, HasSubstr(owner));
  }
  for (const std::string& query :
       {std::string(), std::string("trace_id="), "trace_id=" + std::string(31, '0'),
        "trace_id=" + std::string(31, '0') + "g", "atrace_id=" + std::string(32, '0')}) {
    EXPECT_EQ(Ask("/debug/owner", query).status, 400U) << query;
  }
  telemetry_.table = std::make_shared<const RoutingTable>();
  EXPECT_EQ(Ask("/debug/owner", "trace_id=" + std::string(32, '1')).status, 503U);
  EXPECT_EQ(Ask("/debug/ring").status, 200U);
}

// Scenario: Host headers of ours, of an allowed name, and of names that point here by somebody
// else's will.
// Guarantees: DNS rebinding gets no answer: only localhost, addresses and allowed names may ask.
TEST(StatusPageHostTest, OnlyOurNamesMayAsk) {
  for (const char* host : {"localhost", "LocalHost:13134", "localhost.", "127.0.0.1:13134",
                           "[::1]:13134", "[::1]", "10.1.2.3", "router.example.com:80"}) {
    EXPECT_TRUE(MayAsk(host, {"router.example.com"})) << host;
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                           "[evil", "router.example.com.evil", "xlocalhost"}) {
    EXPECT_FALSE(MayAsk(host, {"router.example.com"})) << host;
  }
  EXPECT_EQ(RefuseHost().status, 421U);
}

// Scenario: the parts of a ring of two members.
// Guarantees: they are those of all traces: they sum to 1.
TEST(StatusPageRingTest, SharesSumToOne) {
  for (const RingAlgorithm algorithm : {RingAlgorithm::kSpanring, RingAlgorithm::kCollectorV3}) {
    const auto ring = Ring::Build({{.endpoint = "a"}, {.endpoint = "b"}, {.endpoint = "c"}},
                                  {.algorithm = algorithm});
    double sum = 0;
    for (const double share : ring->Shares()) sum += share;
    EXPECT_NEAR(sum, 1, 1e-9);
  }
  EXPECT_TRUE(Ring().Shares().empty());
}

}  // namespace
}  // namespace router
