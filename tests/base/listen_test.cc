#include "router/base/listen.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace router {
namespace {

using boost::asio::ip::tcp;

// Connects to `address`; true when it is taken.
bool CanConnect(boost::asio::io_context& io, const boost::asio::ip::address& address,
                std::uint16_t port) {
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({address, port}, error);
  return !error;
}

// Scenario: no host, port 0.
// Guarantees: one acceptor with a port of the kernel's choice that takes IPv4 connections.
TEST(OpenAcceptorsTest, NoHostListensOnEveryAddress) {
  boost::asio::io_context io;
  const auto acceptors = OpenAcceptors(io, "", 0);
  ASSERT_TRUE(acceptors.has_value()) << acceptors.error().message;
  ASSERT_EQ(acceptors->size(), 1U);
  const std::uint16_t port = acceptors->front()->local_endpoint().port();
  EXPECT_NE(port, 0);
  EXPECT_TRUE(CanConnect(io, boost::asio::ip::address_v4::loopback(), port));
}

// Scenario: a name with, on most machines, an IPv4 and an IPv6 address; port 0.
// Guarantees: one port, so that one number can be told.
TEST(OpenAcceptorsTest, PortZeroOpensOneAddressOnly) {
  boost::asio::io_context io;
  const auto acceptors = OpenAcceptors(io, "localhost", 0);
  ASSERT_TRUE(acceptors.has_value()) << acceptors.error().message;
  EXPECT_EQ(acceptors->size(), 1U);
}

// Scenario: the port is taken already.
// Guarantees: an error that names host, port and cause.
TEST(OpenAcceptorsTest, TakenPortIsAnError) {
  boost::asio::io_context io;
  const auto first = OpenAcceptors(io, "127.0.0.1", 0);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  const std::uint16_t port = first->front()->local_endpoint().port();
  const auto second = OpenAcceptors(io, "127.0.0.1", port);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("127.0.0.1:" + std::to_string(port)), std::string::npos)
      << second.error().message;
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
}

// Scenario: a name with two addresses; somebody else has the port on the first, then on the second.
// Guarantees: an error that names that address and its host, though the other one is free.
TEST(OpenAcceptorsTest, APortThatIsTakenOnOneAddressOnlyIsAnError) {
  boost::asio::io_context io;
  for (const char* taken : {"127.0.0.1", "127.0.0.2"}) {
    const auto foreign = OpenAcceptors(io, taken, 0);
    ASSERT_TRUE(foreign.has_value()) << foreign.error().message;
    const std::uint16_t port = foreign->front()->local_endpoint().port();
    const auto opened = OpenAcceptors(io, "otlp",
                                      {{boost::asio::ip::make_address("127.0.0.1"), port},
                                       {boost::asio::ip::make_address("127.0.0.2"), port}});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().message, "cannot listen on " + std::string(taken) + ":" +
                                          std::to_string(port) +
                                          " (of otlp): Address already in use");
  }
}

// Scenario: a name with an address that this machine does not have, and one that it has twice.
// Guarantees: it listens on the one; alone the other is an error that names it.
TEST(OpenAcceptorsTest, AnAddressOfAnotherMachineIsPassedOver) {
  boost::asio::io_context io;
  const auto free = OpenAcceptors(io, "127.0.0.1", 0);
  ASSERT_TRUE(free.has_value()) << free.error().message;
  const std::uint16_t port = free->front()->local_endpoint().port();
  free->front()->close();
  const tcp::endpoint ours(boost::asio::ip::address_v4::loopback(), port);
  const tcp::endpoint foreign(boost::asio::ip::make_address("192.0.2.1"), port);
  const auto opened = OpenAcceptors(io, "otlp", {foreign, ours, ours});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  ASSERT_EQ(opened->size(), 1U);
  EXPECT_EQ(opened->front()->local_endpoint(), ours);
  const auto none = OpenAcceptors(io, "otlp", {foreign});
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("192.0.2.1:" + std::to_string(port)), std::string::npos)
      << none.error().message;
}

// Scenario: every address of this machine, and somebody else has the port on one of them.
// Guarantees: an error, not IPv4 alone or IPv6 alone.
TEST(OpenAcceptorsTest, EveryAddressMeansEveryAddress) {
  boost::asio::io_context io;
  const auto foreign = OpenAcceptors(io, "::1", 0);
  if (!foreign) GTEST_SKIP() << "no IPv6 here: " << foreign.error().message;
  const auto opened = OpenAcceptors(io, "", foreign->front()->local_endpoint().port());
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("[::]:"), std::string::npos) << opened.error().message;
}

// Scenario: a host that is neither an address nor a name that can exist.
// Guarantees: an error that names it, no exception.
TEST(OpenAcceptorsTest, UnknownHostIsAnError) {
  boost::asio::io_context io;
  const auto acceptors = OpenAcceptors(io, "no such host", 0);
  ASSERT_FALSE(acceptors.has_value());
  EXPECT_NE(acceptors.error().message.find("no such host"), std::string::npos);
}

}  // namespace
}  // namespace router
