// Bad input against a running spanring. Beside each attack a well-behaved client sends spans that a
// verifying sink counts one by one: whatever the attacker does, that client loses nothing, spanring
// lives, and its memory stays within the bound.
#include "tests/abuse/abuse_fixture.h"

namespace bench {
namespace {

// Scenario: 400 requests that are cut short, or whose fields reach past their message.
// Guarantees: each is answered INVALID_ARGUMENT (GS-13).
TEST_F(AbuseTest, MalformedProtobufIsInvalidArgument) {
  std::vector<Body> bodies;
  const Body valid = ValidRequest(20);
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = 1 + random.Below(valid.size() - 1);
    bodies.emplace_back(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(size));
  }
  for (int i = 0; i < 100; ++i) {
    Body body(1 + random.Below(2000), static_cast<std::uint8_t>(random.Next()));
    body.insert(body.begin(), {0x0a, 0xff, 0xff, 0xff, 0x7f});
    bodies.push_back(body);
  }
  ExpectAll({.in_flight = 20}, bodies, "grpc 3");
}

// Scenario: a content type that is not gRPC, a path that is not served, an encoding we do not take.
// Guarantees: 415, UNIMPLEMENTED, UNIMPLEMENTED (P-01, P-02, P-03).
TEST_F(AbuseTest, RequestsForSomethingElseAreRefusedByKind) {
  const std::vector<Body> bodies(50, ValidRequest(10));
  ExpectAll({.content_type = "text/plain"}, bodies, "http 415");
  ExpectAll({.path = "/nobody.Knows/This"}, bodies, "grpc 12");
  ExpectAll({.encoding = "br"}, bodies, "grpc 12");
}

// Scenario: bodies just over 64 MiB, several at once; small bodies that announce 2 GiB.
// Guarantees: RESOURCE_EXHAUSTED (GS-02, GS-04, A-09), and what was announced is not reserved.
TEST_F(AbuseTest, OversizeIsResourceExhausted) {
  const Body large((64u << 20) + 1, 0);
  ExpectAll({.in_flight = 4}, std::vector<Body>(8, large), "grpc 8");
  ExpectAll({.in_flight = 50, .announced_bytes = 0x7fffffff}, std::vector<Body>(500, Body(1000, 0)),
            "grpc 8");
}

// Scenario: a gzip request that is not gzip, or is cut short.
// Guarantees: a final error, not a retryable one (GS-23).
TEST_F(AbuseTest, BrokenGzipIsRefusedForGood) {
  Body bomb = GzipBomb(100'000);
  bomb.resize(bomb.size() / 2);
  const LoadResults results =
      Send({.encoding = "gzip"}, {bomb, bomb, Body(500, 'x'), Body(3, 0x1f)});
  EXPECT_EQ(results.ok, 0u);
  for (const auto& [code, count] : results.errors) {
    EXPECT_TRUE(code == "grpc 3" || code == "grpc 13") << code << " x " << count;
  }
}

// Scenario: 300 connections that send random bytes, half of them after a correct preface.
// Guarantees: spanring closes or ignores them and lives.
TEST_F(AbuseTest, RandomBytesOnThePortHarmNobody) {
  Random random(2);
  std::size_t closed = 0;
  constexpr int kConnections = 300;
  for (int i = 0; i < kConnections; ++i) {
    std::string bytes =
        i % 2 == 0 ? "" : std::string(kClientPreface) + std::string("\0\0\0\x04\0\0\0\0\0", 9);
    for (std::uint64_t left = 1 + random.Below(20'000); left > 0; --left) {
      bytes.push_back(static_cast<char>(random.Next()));
    }
    // Random frame headers may announce a frame that never ends: waiting for the close would take
    // its time-out.
    if (SendBytes(port_, bytes, milliseconds(100))) ++closed;
  }
  report_ = std::to_string(closed) + " of " + std::to_string(kConnections) + " closed at once";
  EXPECT_GT(closed, std::size_t{kConnections / 2});
}

// Scenario: 10,000 connections are opened; most say nothing, some begin and stop. Then they leave.
// Guarantees: the well-behaved client is served meanwhile, and a new client at once.
TEST_F(AbuseTest, CrowdOfSilentConnectionsLeavesRoomForOthers) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t wanted = std::min<std::size_t>(kCrowd, limit.rlim_cur - 500);
  {
    SilentCrowd crowd(port_);
    const std::size_t opened = crowd.Open(wanted);
    EXPECT_EQ(opened, wanted);
    const LoadResults among = Send({.in_flight = 4}, std::vector<Body>(20, ValidRequest(0)));
    EXPECT_EQ(among.ok, 20u) << Describe(among);
    report_ = std::to_string(opened) + " silent connections, " + std::to_string(crowd.Closed()) +
              " closed by spanring meanwhile; a new client among them: " + report_;
  }
  const LoadResults after = Send({.in_flight = 4}, std::vector<Body>(20, ValidRequest(0)));
  EXPECT_EQ(after.ok, 20u) << Describe(after);
}

}  // namespace
}  // namespace bench
