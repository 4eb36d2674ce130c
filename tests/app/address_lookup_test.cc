#include "router/app/address_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>
#include <chrono>

namespace router {
namespace {

using boost::asio::ip::tcp;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

// Scenario: an address; the name that every machine has.
// Guarantees: the address as it is; the name's address; both with the port.
TEST(AddressLookupTest, NamesAndAddressesAreFound) {
  const tcp::endpoint loopback(boost::asio::ip::address_v4::loopback(), 4317);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto found = LookUp(host, 4317, Clock::now() + seconds(60));
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_THAT(*found, Contains(loopback)) << host;
  }
}

// Scenario: a name that cannot exist; a name that could be found, but only after the deadline.
// Guarantees: an error that names the host and tells the two apart.
TEST(AddressLookupTest, WhatIsNotFoundInTimeIsSaid) {
  const auto unknown = LookUp("no such host", 1, Clock::now() + seconds(60));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("no such host: "));
  const auto late = LookUp("localhost", 1, Clock::now() - seconds(1));
  ASSERT_FALSE(late.has_value());
  EXPECT_THAT(late.error().message, HasSubstr("localhost: the look-up of this name was not"));
}

}  // namespace
}  // namespace router
