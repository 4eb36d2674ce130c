#include "router/routing/membership.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace router {
namespace {

BackendEndpoint Named(const std::string& name, std::uint16_t port = 1) {
  return {name, name, {boost::asio::ip::address_v4::loopback(), port}};
}

std::vector<std::string> JoinedNames(const Membership& membership) {
  std::vector<std::string> names;
  for (const BackendEndpoint& endpoint : membership.Joined()) names.push_back(endpoint.name);
  return names;
}
using Names = std::vector<std::string>;

// Scenario: a first set of three: one connects, one fails, the last connects.
// Guarantees: no ring until every one has been heard of; then all are on it, and the one that
// failed is down, as on a replica that had seen it before.
TEST(MembershipTest, FirstRingWaitsForEveryoneOfTheFirstSet) {
  Membership membership;
  EXPECT_TRUE(membership.SetKnown({Named("a"), Named("b"), Named("c")}));
  EXPECT_FALSE(membership.OnReady(0, "b"));
  EXPECT_FALSE(membership.OnDown(0, "c"));
  EXPECT_TRUE(membership.Joined().empty());
  EXPECT_FALSE(membership.is_settled());
  EXPECT_TRUE(membership.OnReady(0, "a"));
  EXPECT_TRUE(membership.is_settled());
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b", "c"}));
  EXPECT_TRUE(membership.is_down("c"));
  EXPECT_FALSE(membership.is_down("a"));
  EXPECT_FALSE(membership.OnReady(1, "c")) << "worker 0 has not taken its word back";
  EXPECT_TRUE(membership.OnReady(0, "c"));
  EXPECT_FALSE(membership.is_down("c"));
}

// Scenario: one of the first set is never heard of; the wait is ended.
// Guarantees: it is on the ring and down until any worker has reached it; ending the wait twice is
// once.
TEST(MembershipTest, EndOfTheWaitSettles) {
  Membership membership;
  EXPECT_FALSE(membership.EndWait()) << "nobody is known";
  membership.SetKnown({Named("a"), Named("b")});
  membership.OnReady(0, "a");
  EXPECT_TRUE(membership.EndWait());
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b"}));
  EXPECT_TRUE(membership.is_down("b"));
  EXPECT_FALSE(membership.EndWait());
  EXPECT_TRUE(membership.OnReady(1, "b"));
  EXPECT_FALSE(membership.is_down("b"));
}

// Scenario: all of the first set fail, one by a timeout; later one connects.
// Guarantees: no ring, so not ready, before; then all of them are on it.
TEST(MembershipTest, WithoutAnyConnectionThereIsNoRing) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("b"), Named("c")});
  EXPECT_FALSE(membership.OnDown(0, "a"));
  EXPECT_FALSE(membership.OnDown(0, "b"));
  EXPECT_FALSE(membership.EndWait());
  EXPECT_FALSE(membership.is_settled());
  EXPECT_TRUE(membership.Joined().empty());
  EXPECT_TRUE(membership.OnReady(0, "b"));
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b", "c"}));
  EXPECT_TRUE(membership.is_down("a"));
  EXPECT_FALSE(membership.is_down("b"));
  EXPECT_TRUE(membership.is_down("c"));
}

// Scenario: after the first ring, a member goes down, by two workers, and comes back; a late one
// connects.
// Guarantees: being down does not take a member off; joining happens once; it is down until the
// last worker has taken its word back.
TEST(MembershipTest, MemberStaysThroughFailuresAndJoinsOnce) {
  Membership membership;
  membership.SetKnown({Named("a")});
  membership.OnReady(0, "a");
  membership.SetKnown({Named("a"), Named("b")});
  EXPECT_FALSE(membership.OnDown(0, "b"));
  EXPECT_EQ(JoinedNames(membership), Names{"a"});
  EXPECT_TRUE(membership.OnDown(0, "a"));
  EXPECT_FALSE(membership.OnDown(1, "a"));
  EXPECT_FALSE(membership.OnReady(0, "a"));
  EXPECT_TRUE(membership.is_down("a"));
  EXPECT_EQ(JoinedNames(membership), Names{"a"});
  EXPECT_TRUE(membership.OnReady(1, "a"));
  EXPECT_FALSE(membership.is_down("a"));
  EXPECT_TRUE(membership.OnReady(0, "b"));
  EXPECT_FALSE(membership.OnReady(0, "b"));
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b"}));
}

// Scenario: discovery drops a member and names a new one; then drops everyone; then the first comes
// back.
// Guarantees: the dropped leave at once; the new join when connected, not before; one that comes
// back must connect again.
TEST(MembershipTest, LeavesWithDiscoveryAndComesBackByConnecting) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("b")});
  membership.OnReady(0, "a");
  membership.OnReady(0, "b");
  EXPECT_TRUE(membership.SetKnown({Named("b"), Named("c")}));
  EXPECT_EQ(JoinedNames(membership), Names{"b"});
  EXPECT_TRUE(membership.SetKnown({}));
  EXPECT_TRUE(membership.Joined().empty());
  EXPECT_TRUE(membership.SetKnown({Named("a")}));
  EXPECT_TRUE(membership.Joined().empty());
  EXPECT_TRUE(membership.OnReady(0, "a"));
  EXPECT_EQ(JoinedNames(membership), Names{"a"});
}

// Scenario: reports about names that were removed or never known, before and after the first ring.
// Guarantees: ignored; they change nothing and settle nothing.
TEST(MembershipTest, ReportsAboutTheUnknownAreIgnored) {
  Membership membership;
  EXPECT_FALSE(membership.OnReady(0, "a"));
  membership.SetKnown({Named("a")});
  EXPECT_FALSE(membership.OnReady(0, "x"));
  EXPECT_FALSE(membership.is_settled());
  EXPECT_TRUE(membership.OnReady(0, "a"));
  membership.SetKnown({Named("a"), Named("b")});
  EXPECT_TRUE(membership.OnReady(0, "b"));
  membership.SetKnown({Named("b")});
  EXPECT_FALSE(membership.OnReady(0, "a")) << "late";
  EXPECT_EQ(JoinedNames(membership), Names{"b"});
}

// Scenario: the first set changes before everyone of it was heard: the silent one is dropped, a new
// one appears.
// Guarantees: the next report settles; the new one does not hold up the first ring.
TEST(MembershipTest, FirstSetThatChangesStillSettles) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("silent")});
  EXPECT_FALSE(membership.OnReady(0, "a"));
  membership.SetKnown({Named("a"), Named("new")});
  EXPECT_TRUE(membership.OnReady(0, "new"));
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "new"}));
}

// Scenario: a stale first set is replaced by another before anyone of it was reached.
// Guarantees: the other joins as a whole, as a first set does.
TEST(MembershipTest, AReplacedFirstSetJoinsAsAWhole) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("b")});
  EXPECT_TRUE(membership.SetKnown({Named("c"), Named("d")}));
  EXPECT_FALSE(membership.OnReady(0, "c"));
  EXPECT_TRUE(membership.OnReady(0, "d"));
  EXPECT_EQ(JoinedNames(membership), (Names{"c", "d"}));
}

// Scenario: the first set was dropped as a whole before it settled, and another comes.
// Guarantees: the other is a first set: everyone of it is waited for.
TEST(MembershipTest, SetAfterAnEmptyOneIsAFirstSetAgain) {
  Membership membership;
  membership.SetKnown({Named("a")});
  membership.SetKnown({});
  membership.SetKnown({Named("b"), Named("c")});
  EXPECT_FALSE(membership.OnReady(0, "b"));
  EXPECT_TRUE(membership.OnReady(0, "c"));
  EXPECT_EQ(JoinedNames(membership), (Names{"b", "c"}));
}

// Scenario: the same set again; the same names with one other address.
// Guarantees: no change; a change, as a worker must reconnect.
TEST(MembershipTest, EqualSetIsNoChange) {
  Membership membership;
  EXPECT_FALSE(membership.SetKnown({}));
  EXPECT_TRUE(membership.SetKnown({Named("a"), Named("b")}));
  EXPECT_FALSE(membership.SetKnown({Named("a"), Named("b")}));
  EXPECT_TRUE(membership.SetKnown({Named("a"), Named("b", 2)}));
}

// Scenario: discovery replaces all members at once, twice before any of the new ones connects.
// Guarantees: the old ones stay on the ring, and known, until a new one has connected; then they
// are gone at once.
TEST(MembershipTest, OldMembersStayUntilANewOneHasConnected) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("b")});
  membership.OnReady(0, "a");
  membership.OnReady(0, "b");
  ASSERT_TRUE(membership.is_settled());
  EXPECT_TRUE(membership.SetKnown({Named("c")}));
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b"}));
  EXPECT_TRUE(membership.SetKnown({Named("d"), Named("e")}));
  EXPECT_EQ(JoinedNames(membership), (Names{"a", "b"}));
  EXPECT_EQ(membership.known().size(), 4u);
  EXPECT_FALSE(membership.OnReady(0, "c")) << "it was dropped again";
  EXPECT_FALSE(membership.OnReady(1, "a"));
  EXPECT_TRUE(membership.OnReady(0, "e"));
  EXPECT_EQ(JoinedNames(membership), (Names{"e"}));
  EXPECT_EQ(membership.known(), (std::vector{Named("d"), Named("e")}));
}

// Scenario: all are replaced, and one of the old ones is named again before a new one connects.
// Guarantees: it is the ring, alone.
TEST(MembershipTest, OldMemberThatIsNamedAgainIsTheRing) {
  Membership membership;
  membership.SetKnown({Named("a"), Named("b")});
  membership.OnReady(0, "a");
  membership.OnReady(0, "b");
  membership.SetKnown({Named("c")});
  EXPECT_TRUE(membership.SetKnown({Named("b"), Named("c")}));
  EXPECT_EQ(JoinedNames(membership), (Names{"b"}));
  EXPECT_EQ(membership.known().size(), 2u);
}

}  // namespace
}  // namespace router
