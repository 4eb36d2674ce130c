#include "resolver/endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using boost::asio::ip::make_address;

std::vector<Endpoint> Many(std::size_t count) {
  std::vector<Endpoint> endpoints;
  for (const std::string& address : dnstest::ManyAddresses(count)) {
    endpoints.push_back(MakeEndpoint(make_address(address), 4317));
  }
  return endpoints;
}

// Scenario: the same members in another order and with duplicates.
// Guarantees: FM-23: equal sets, sorted bytewise.
TEST(EndpointTest, OrderAndDuplicatesDoNotMatter) {
  std::vector<Endpoint> forwards = Many(300);
  std::vector<Endpoint> backwards(forwards.rbegin(), forwards.rend());
  backwards.insert(backwards.end(), forwards.begin(), forwards.begin() + 50);
  const EndpointSet set = MakeEndpointSet(backwards);
  EXPECT_EQ(set, MakeEndpointSet(forwards));
  EXPECT_EQ(set.size(), 300U);
  EXPECT_TRUE(std::is_sorted(set.begin(), set.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
}

// Scenario: exactly as many members as allowed, and one more.
// Guarantees: nothing cut at the limit; one cut, and said so, above it.
TEST(EndpointTest, CutsAboveTheLimit) {
  std::size_t cut = 99;
  EXPECT_EQ(MakeEndpointSet(Many(kEndpointsMax), &cut).size(), kEndpointsMax);
  EXPECT_EQ(cut, 0U);
  EXPECT_EQ(MakeEndpointSet(Many(kEndpointsMax + 1), &cut).size(), kEndpointsMax);
  EXPECT_EQ(cut, 1U);
}

// Scenario: an IPv4-mapped address and a scoped one.
// Guarantees: one text per address.
TEST(EndpointTest, MakesAddressesCanonical) {
  EXPECT_EQ(Canonical(make_address("::ffff:10.1.2.3")), make_address("10.1.2.3"));
  EXPECT_EQ(Canonical(make_address("fe80::1%7")), make_address("fe80::1"));
  EXPECT_EQ(MakeEndpoint(make_address("FD00:0:0::1"), 80).name, "[fd00::1]:80");
}

// Scenario: addresses that are nobody's or everybody's.
// Guarantees: not dialable; loopback and ordinary ones are.
TEST(EndpointTest, KnowsWhatNobodyCanConnectTo) {
  for (const char* text : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"}) {
    EXPECT_FALSE(IsDialable(make_address(text))) << text;
  }
  for (const char* text : {"10.0.0.1", "127.0.0.1", "::1", "fd00::1"}) {
    EXPECT_TRUE(IsDialable(make_address(text))) << text;
  }
}

struct HostPortCase {
  std::string text;
  std::string host;  // empty: must be refused
  std::optional<std::uint16_t> port;
};

// Scenario: what users write in a list of host names.
// Guarantees: host and port as meant, or a refusal that quotes the text.
TEST(EndpointTest, ReadsHostAndPort) {
  const std::vector<HostPortCase> cases = {
      {"a", "a", std::nullopt},
      {"a.b.c:1", "a.b.c", 1},
      {"10.0.0.1", "10.0.0.1", std::nullopt},
      {"10.0.0.1:65535", "10.0.0.1", 65535},
      {"[::1]:4317", "::1", 4317},
      {"[::1]", "::1", std::nullopt},
      {"::1", "::1", std::nullopt},
      {"", "", std::nullopt},
      {":4317", "", std::nullopt},
      {"a:", "", std::nullopt},
      {"a:0", "", std::nullopt},
      {"a:65536", "", std::nullopt},
      {"a:1x", "", std::nullopt},
      {"a:1:2", "", std::nullopt},
      {"[::1", "", std::nullopt},
      {"[::1]4317", "", std::nullopt},
      {"[a]:1", "", std::nullopt},
  };
  for (const HostPortCase& one : cases) {
    const auto parsed = ParseHostPort(one.text);
    ASSERT_EQ(parsed.has_value(), !one.host.empty()) << one.text;
    if (parsed) {
      EXPECT_EQ(parsed->host, one.host) << one.text;
      EXPECT_EQ(parsed->port, one.port) << one.text;
    } else {
      EXPECT_NE(parsed.error().find("\"" + one.text + "\""), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace resolver
