#include "resolver/endpoint_damping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace resolver {
namespace {

using testing::ElementsAre;

EndpointAnswer Answer(const std::vector<std::string>& addresses) {
  std::vector<Endpoint> endpoints;
  for (const std::string& address : addresses) {
    endpoints.push_back(MakeEndpoint(boost::asio::ip::make_address(address), 1));
  }
  return EndpointAnswer{MakeEndpointSet(std::move(endpoints))};
}

// The last octets of a set: short to read.
std::vector<int> Octets(const EndpointSet& set) {
  std::vector<int> octets;
  for (const Endpoint& endpoint : set) {
    octets.push_back(endpoint.address.address().is_v4()
                         ? endpoint.address.address().to_v4().to_bytes()[3]
                         : 1000 + endpoint.address.address().to_v6().to_bytes()[15]);
  }
  return octets;
}

std::vector<std::string> V4(const std::vector<int>& octets) {
  std::vector<std::string> addresses;
  for (const int octet : octets) {
    addresses.push_back("10.0.0." + std::to_string(octet));
  }
  return addresses;
}

// Scenario: the first answer, then one with a further member.
// Guarantees: FM-24: additions count at once.
TEST(EndpointDampingTest, AddsAtOnce) {
  EndpointDamping damping;
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2}))).value()), ElementsAre(1, 2));
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2, 3}))).value()), ElementsAre(1, 2, 3));
}

// Scenario: the same answer again, in another order.
// Guarantees: no change.
TEST(EndpointDampingTest, SaysNothingWhenNothingChanged) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2})));
  EXPECT_FALSE(damping.Feed(Answer(V4({2, 1}))).has_value());
}

// Scenario: one of three is missing in one, then in two answers.
// Guarantees: FM-24: it stays after one, goes after two.
TEST(EndpointDampingTest, RemovesAfterTwoAnswersInARow) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3})));
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2}))).has_value());
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2}))).value()), ElementsAre(1, 2));
}

// Scenario: a member missing, there, missing, there …
// Guarantees: FM-24: it never goes.
TEST(EndpointDampingTest, KeepsAMemberThatFlaps) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3})));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(damping.Feed(Answer(V4(i % 2 == 0 ? std::vector{1, 2} : std::vector{1, 2, 3}))));
  }
}

// Scenario: two of four are gone: exactly half.
// Guarantees: two answers are enough.
TEST(EndpointDampingTest, RemovesHalfAfterTwoAnswers) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3, 4})));
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2}))).has_value());
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2}))).value()), ElementsAre(1, 2));
}

// Scenario: three of five are gone: more than half.
// Guarantees: A-23: it takes three answers.
TEST(EndpointDampingTest, RemovesMoreThanHalfOnlyAfterThreeAnswers) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3, 4, 5})));
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2}))).has_value());
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2}))).has_value());
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2}))).value()), ElementsAre(1, 2));
}

// Scenario: a great shrink for two answers, then the members are back.
// Guarantees: nobody has gone, and their absences are forgotten.
TEST(EndpointDampingTest, ForgetsAbsencesWhenMembersReturn) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3, 4, 5})));
  damping.Feed(Answer(V4({1})));
  damping.Feed(Answer(V4({1})));
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2, 3, 4, 5}))).has_value());
  EXPECT_FALSE(damping.Feed(Answer(V4({1, 2, 3, 4}))).has_value());
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2, 3, 4}))).value()), ElementsAre(1, 2, 3, 4));
}

// Scenario: all members are replaced.
// Guarantees: the new ones count at once, the old ones go with the second answer (half of the set).
TEST(EndpointDampingTest, ReplacesAllMembersInTwoSteps) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2})));
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({3, 4}))).value()), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({3, 4}))).value()), ElementsAre(3, 4));
}

// Scenario: empty answers, any number of them.
// Guarantees: FM-19: nobody goes, and a row of absences neither grows nor ends.
TEST(EndpointDampingTest, IgnoresEmptyAnswers) {
  EndpointDamping damping;
  damping.Feed(Answer(V4({1, 2, 3})));
  damping.Feed(Answer(V4({1, 2})));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(damping.Feed(Answer({})).has_value());
  }
  EXPECT_THAT(Octets(damping.Feed(Answer(V4({1, 2}))).value()), ElementsAre(1, 2));
}

// Scenario: the IPv6 part of the question fails again and again; an IPv4 member goes meanwhile.
// Guarantees: the IPv6 members stay, the IPv4 member goes.
TEST(EndpointDampingTest, KeepsAFamilyThatIsNotKnown) {
  EndpointDamping damping;
  damping.Feed(Answer({"10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"}));
  EndpointAnswer half = Answer({"10.0.0.1"});
  half.v6_known = false;
  EXPECT_FALSE(damping.Feed(half).has_value());
  EXPECT_THAT(Octets(damping.Feed(half).value()), ElementsAre(1, 1001, 1002));
  EXPECT_FALSE(damping.Feed(half).has_value());
}

// Scenario: a full set of remembered members and a full answer of others.
// Guarantees: never more than kEndpointsMax; those that answered go first.
TEST(EndpointDampingTest, PrefersAnsweringMembersAtTheCap) {
  std::vector<std::string> old_ones;
  std::vector<std::string> new_ones;
  for (std::size_t i = 0; i < kEndpointsMax; ++i) {
    const auto offset = static_cast<std::uint32_t>(i);
    old_ones.push_back(boost::asio::ip::address_v4(0x0A000000U + offset).to_string());
    new_ones.push_back(boost::asio::ip::address_v4(0x0B000000U + offset).to_string());
  }
  EndpointDamping damping;
  damping.Feed(Answer(old_ones));
  const EndpointAnswer answer = Answer(new_ones);
  const auto set = damping.Feed(answer);
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(*set, answer.endpoints);
}

// Scenario: 2000 random answers over ten members, seeded.
// Guarantees: after every answer the set holds the whole answer, and a member that is in it without
// having answered now was in one of the last three answers.
TEST(EndpointDampingTest, HoldsItsLawsForRandomAnswers) {
  std::mt19937 random(7);
  EndpointDamping damping;
  std::vector<std::vector<int>> history;
  for (int round = 0; round < 2000; ++round) {
    std::vector<int> octets;
    for (int octet = 1; octet <= 10; ++octet) {
      if (random() % 3 != 0) {
        octets.push_back(octet);
      }
    }
    if (octets.empty()) {
      continue;
    }
    damping.Feed(Answer(V4(octets)));
    history.push_back(octets);
    const std::vector<int> current = Octets(damping.current());
    for (const int octet : octets) {
      ASSERT_THAT(current, testing::Contains(octet));
    }
    const std::size_t window = std::min<std::size_t>(3, history.size());
    for (const int octet : current) {
      const bool seen =
          std::any_of(history.end() - static_cast<std::ptrdiff_t>(window), history.end(),
                      [&](const auto& past) {
                        return std::find(past.begin(), past.end(), octet) != past.end();
                      });
      ASSERT_TRUE(seen) << octet << " in round " << round;
    }
  }
}

}  // namespace
}  // namespace resolver
