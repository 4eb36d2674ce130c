// What a client may make a request hold without a body: targets, what a web page asks for, time.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "router/base/limits.h"
#include "tests/ingress/http_fixture.h"

namespace router::test {
namespace {

class RequestBoundsTest : public HttpIngressTest {};

// Scenario: over HTTP/2 a target of 8 KiB, and of a byte more; the same on the gRPC port.
// Guarantees: 404 at the limit, 414 beyond it, as over HTTP/1; gRPC knows no such method.
TEST_F(RequestBoundsTest, TargetsOver8KiBAreRefused) {
  SetUpHttp();
  for (const std::size_t extra : {std::size_t{0}, std::size_t{1}}) {
    const std::string target = "/" + std::string(kRequestLineBytesMax - 1 + extra, 'a');
    EXPECT_EQ(StatusOf(Ask(RequestHeaders(target))), "12");
    const std::uint16_t grpc_port = std::exchange(port_, http_port_);
    EXPECT_EQ(Ask(RequestHeaders(target)).headers.at(":status"), extra == 0 ? "404" : "414");
    port_ = grpc_port;
  }
}

// Scenario: preflights that ask for 8 KiB of names, and for a byte more, all of them allowed; a
// page whose origin is 1 KiB long, and a byte longer. Guarantees: at the limit it is granted;
// beyond it there is an answer without a grant.
TEST_F(RequestBoundsTest, NoMoreThanItsBoundIsSaidBackToAPage) {
  options_.http.cors = {.allowed_origins = {"http://*"}, .allowed_headers = {"*"}};
  SetUpHttp();
  port_ = http_port_;
  const auto granted = [&](const std::string& origin, const std::string& names) {
    const auto& call =
        Ask(RequestHeaders("/v1/traces", {{":method", "OPTIONS"},
                                          {"origin", origin},
                                          {"access-control-request-method", "POST"},
                                          {"access-control-request-headers", names}}));
    EXPECT_EQ(call.headers.at(":status"), "204");
    const bool is_granted = call.headers.contains("access-control-allow-origin");
    EXPECT_EQ(call.headers.contains("access-control-allow-headers"), is_granted);
    return is_granted;
  };
  const auto origin = [](std::size_t bytes) { return "http://" + std::string(bytes - 7, 'o'); };
  EXPECT_TRUE(granted("http://a", std::string(8192, 'n')));
  EXPECT_FALSE(granted("http://a", std::string(8193, 'n')));
  EXPECT_FALSE(granted("http://a", std::string(60'000, 'n')));
  EXPECT_TRUE(granted(origin(1024), "n"));
  EXPECT_FALSE(granted(origin(1025), "n"));
}

// Scenario: health requests that do not end, with a deadline of the client's, and without one.
// Guarantees: DEADLINE_EXCEEDED when it has passed; a watch that has begun has none.
TEST_F(RequestBoundsTest, HealthRequestThatDoesNotEndHasADeadline) {
  options_.deadline.default_timeout = milliseconds(60);
  SetUpIngress();
  for (const char* path : {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}) {
    EXPECT_EQ(StatusOf(AskWithoutEnd(RequestHeaders(path, {{"grpc-timeout", "40m"}}))), "4");
    EXPECT_EQ(StatusOf(AskWithoutEnd(RequestHeaders(path), Framed(""))), "4");
  }
  Http2Client& client = NewClient();
  const std::int32_t id = client.Open(RequestHeaders("/grpc.health.v1.Health/Watch"));
  client.Write(id, Framed(""));
  client.End(id);
  const TimePoint until = Clock::now() + milliseconds(120);
  ASSERT_TRUE(PumpUntil([&] { return Clock::now() >= until; }));
  EXPECT_FALSE(client.call(id).is_ended);
  EXPECT_FALSE(client.call(id).body.empty());
}

}  // namespace
}  // namespace router::test
