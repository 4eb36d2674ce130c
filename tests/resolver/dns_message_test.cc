#include "resolver/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/support/dns_wire.h"

namespace resolver {
namespace {

using dnstest::AnswerPlan;
using dnstest::Bytes;
using dnstest::Mode;
using dnstest::Question;

Bytes Message(AnswerPlan plan, std::uint16_t type = kDnsTypeA) {
  std::mt19937 random(1);
  Question question;
  question.name = "Backends.Test";
  question.type = type;
  plan.over_tcp = true;
  return dnstest::WriteAnswer(question, plan, random).value();
}

AnswerPlan Plan(std::vector<std::string> addresses, std::uint32_t ttl = 30) {
  AnswerPlan plan;
  plan.addresses = std::move(addresses);
  plan.ttl = ttl;
  return plan;
}

// Scenario: two A records.
// Guarantees: both addresses and the TTL.
TEST(DnsMessageTest, ReadsAddresses) {
  const DnsAnswer answer = ParseDnsAnswer(Message(Plan({"10.0.0.2", "10.0.0.1"}, 17)));
  EXPECT_EQ(answer.outcome, Outcome::kSuccess);
  EXPECT_EQ(answer.addresses.size(), 2U);
  EXPECT_EQ(answer.ttl, 17U);
}

// Scenario: a TTL with the top bit set.
// Guarantees: it counts as zero (RFC 2181).
TEST(DnsMessageTest, TakesAHugeTtlForZero) {
  EXPECT_EQ(ParseDnsAnswer(Message(Plan({"10.0.0.1"}, 0x80000000U))).ttl, 0U);
  EXPECT_EQ(ParseDnsAnswer(Message(Plan({"10.0.0.1"}, 0x7FFFFFFFU))).ttl, 0x7FFFFFFFU);
}

// Scenario: addresses that nobody can connect to, beside a good one and alone.
// Guarantees: left out and counted; alone they are no data.
TEST(DnsMessageTest, LeavesOutUnusableAddresses) {
  const DnsAnswer mixed = ParseDnsAnswer(Message(Plan({"0.0.0.0", "10.0.0.1", "224.0.0.1"})));
  EXPECT_EQ(mixed.outcome, Outcome::kSuccess);
  EXPECT_EQ(mixed.addresses.size(), 1U);
  EXPECT_EQ(mixed.unusable, 2U);
  EXPECT_EQ(ParseDnsAnswer(Message(Plan({"0.0.0.0"}))).outcome, Outcome::kNoData);
}

// Scenario: SRV records: a good one, port 0, the root as target, a name no host has.
// Guarantees: only the good one, in lower case without a final dot.
TEST(DnsMessageTest, ReadsServices) {
  AnswerPlan plan;
  plan.services = {{"Pod-1.Test", 4317}, {"pod-2.test", 0}, {"", 1}, {"a b.test", 1}};
  const DnsAnswer answer = ParseDnsAnswer(Message(plan, kDnsTypeSrv));
  EXPECT_EQ(answer.outcome, Outcome::kSuccess);
  ASSERT_EQ(answer.services.size(), 1U);
  EXPECT_EQ(answer.services[0].target, "pod-1.test");
  EXPECT_EQ(answer.services[0].port, 4317);
  EXPECT_EQ(answer.unusable, 3U);
}

// Scenario: FM-22, records that belong to another name.
// Guarantees: no data (A-23: nobody slips strangers in).
TEST(DnsMessageTest, FM22IgnoresRecordsOfOtherNames) {
  AnswerPlan plan = Plan({"10.0.0.1"});
  plan.mode = Mode::kStrangerRecords;
  EXPECT_EQ(ParseDnsAnswer(Message(plan)).outcome, Outcome::kNoData);
}

// Scenario: FM-22, a good answer cut off after every possible byte.
// Guarantees: never success, never a crash.
TEST(DnsMessageTest, FM22RefusesEveryPrefix) {
  AnswerPlan plan = Plan({"10.0.0.1", "10.0.0.2"});
  plan.alias = "real.test";
  const Bytes message = Message(plan);
  EXPECT_EQ(ParseDnsAnswer(message).outcome, Outcome::kSuccess);
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(ParseDnsAnswer(std::span(message).first(size)).outcome, Outcome::kMalformed) << size;
  }
}

// Scenario: FM-22, a good answer with one byte changed, every byte, every bit.
// Guarantees: no crash and no read past the end (AddressSanitizer).
TEST(DnsMessageTest, FM22SurvivesEveryBitFlip) {
  AnswerPlan plan = Plan({"10.0.0.1", "10.0.0.2"});
  plan.alias = "real.test";
  const Bytes message = Message(plan);
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes changed = message;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    EXPECT_LE(ParseDnsAnswer(changed).addresses.size(), 2U);
  }
}

// Scenario: FM-22, the broken answers of the scripted server.
// Guarantees: each is refused as malformed.
TEST(DnsMessageTest, FM22RefusesBrokenAnswers) {
  for (const Mode mode : {Mode::kGarbageTail, Mode::kHuge, Mode::kPointerLoop, Mode::kPointerChain,
                          Mode::kLyingCounts, Mode::kLyingLength}) {
    AnswerPlan plan;
    plan.mode = mode;
    EXPECT_EQ(ParseDnsAnswer(Message(plan)).outcome, Outcome::kMalformed) << static_cast<int>(mode);
  }
}

// Scenario: FM-21, the TC bit.
// Guarantees: no records, whatever is in the message.
TEST(DnsMessageTest, FM21RefusesATruncatedAnswer) {
  Bytes message = Message(Plan({"10.0.0.1"}));
  message[2] |= 0x02U;
  const DnsAnswer answer = ParseDnsAnswer(message);
  EXPECT_EQ(answer.outcome, Outcome::kTruncated);
  EXPECT_TRUE(answer.addresses.empty());
}

// Scenario: FM-19, every response code.
// Guarantees: the outcomes that the reports name.
TEST(DnsMessageTest, FM19NamesTheResponseCodes) {
  const std::vector<Outcome> expected = {
      Outcome::kSuccess, Outcome::kMalformed, Outcome::kServFail, Outcome::kNxDomain,
      Outcome::kOther,   Outcome::kRefused,   Outcome::kOther};
  for (std::size_t code = 0; code < expected.size(); ++code) {
    Bytes message = Message(Plan({"10.0.0.1"}));
    message[3] = static_cast<std::uint8_t>((message[3] & 0xF0U) | code);
    EXPECT_EQ(ParseDnsAnswer(message).outcome, expected[code]) << code;
  }
}

// Scenario: as many aliases in a row as we follow, and one more; and aliases in a ring.
// Guarantees: found at the limit; no data beyond; a ring ends.
TEST(DnsMessageTest, FollowsSixteenAliases) {
  const auto chain = [](int aliases, bool ring) {
    Bytes message = Message(Plan({}));
    const auto name = [&](int i) {
      const std::string label = "n" + std::to_string(i);
      message.push_back(static_cast<std::uint8_t>(label.size()));
      message.insert(message.end(), label.begin(), label.end());
      message.push_back(0);
      return label.size() + 2;
    };
    const auto rest = [&](std::uint8_t type, std::size_t size) {
      for (const std::size_t byte :
           {0UL, std::size_t{type}, 0UL, 1UL, 0UL, 0UL, 0UL, 9UL, 0UL, size}) {
        message.push_back(static_cast<std::uint8_t>(byte));
      }
    };
    for (int i = 0; i < aliases; ++i) {
      if (i == 0) {
        message.insert(message.end(), {0xC0, 0x0C});
      } else {
        name(i);
      }
      const int next = ring && i == aliases - 1 ? 1 : i + 1;
      rest(kDnsTypeCname, std::to_string(next).size() + 3);
      name(next);
    }
    name(aliases);
    rest(kDnsTypeA, 4);
    message.insert(message.end(), {10, 0, 0, 1});
    message[7] = static_cast<std::uint8_t>(aliases + 1);
    return ParseDnsAnswer(message);
  };
  EXPECT_EQ(chain(16, false).outcome, Outcome::kSuccess);
  EXPECT_EQ(chain(16, false).ttl, 9U);
  EXPECT_EQ(chain(17, false).outcome, Outcome::kNoData);
  EXPECT_EQ(chain(5, true).outcome, Outcome::kNoData);
}

}  // namespace
}  // namespace resolver
