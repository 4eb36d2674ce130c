// What systemd is told, over a real socket.
#include "router/app/service_notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/scratch.h"

namespace router {
namespace {

class ServiceNoticeTest : public testing::Test {
 protected:
  ServiceNoticeTest() {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = scratch_.path() / "notify";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceNoticeTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  std::string Received() {
    std::array<char, 256> buffer{};
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  test::ScratchDirectory scratch_;
  int socket_ = -1;
};

// Scenario: a notice, with a socket in the environment, and without one.
// Guarantees: one datagram with exactly that text; without a socket nothing happens.
TEST_F(ServiceNoticeTest, OneDatagramIfAskedFor) {
  NotifyServiceManager("READY=1");
  EXPECT_EQ(Received(), "READY=1");
  EXPECT_EQ(Received(), "");
  ::unsetenv("NOTIFY_SOCKET");
  NotifyServiceManager("READY=1");
  EXPECT_EQ(Received(), "");
}

// Scenario: a reload begins.
// Guarantees: systemd is told, with the monotonic time that it wants.
TEST_F(ServiceNoticeTest, AReloadCarriesItsTime) {
  NotifyReloading();
  EXPECT_THAT(Received(), testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
}

// Scenario: a path that is too long, one that is no path, one where nobody listens.
// Guarantees: nothing is sent, nothing breaks.
TEST_F(ServiceNoticeTest, AnUnusableSocketIsLetAlone) {
  for (const std::string& path :
       {std::string(500, '/'), std::string("vsock:2:1"), (scratch_.path() / "nobody").string()}) {
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    NotifyServiceManager("READY=1");
    EXPECT_EQ(Received(), "");
  }
}

}  // namespace
}  // namespace router
