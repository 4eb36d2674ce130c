#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tests/ingress/http_fixture.h"
#include "tests/support/allocation_count.h"

namespace router::test {
namespace {

class HttpAllocationTest : public HttpIngressTest {
 protected:
  // What the server allocates for one request on a connection that has had some.
  std::size_t CountOne(Http1Client& client, int spans) {
    const std::string request =
        PostTraces(RequestOf(std::vector<std::string>(static_cast<std::size_t>(spans), Id())));
    std::size_t counted = 0;
    for (int round = 0; round < 3; ++round) {
      const std::size_t answers = client.answers().size();
      client.Send(request);
      counted = 0;
      for (int turn = 0; turn < 10'000 && client.answers().size() == answers; ++turn) {
        client.Pump();
        const std::size_t before = AllocationCount();
        loop_.Turn(false);
        counted += AllocationCount() - before;
      }
      EXPECT_EQ(client.answers().size(), answers + 1);
    }
    return counted;
  }
  static std::string Id() { return std::string(16, 'i'); }
};

// Scenario: requests of 10 and of 1000 spans on one connection, refused because there is no
// backend. Guarantees: reading a request and answering it allocates the same for both, and little;
// the body of a small one may come from malloc.
TEST_F(HttpAllocationTest, PerRequestAndNotPerByte) {
  SetUpHttp();
  Http1Client& client = NewHttpClient();
  CountOne(client, 1000);  // the scratch grows
  const std::size_t for_small = CountOne(client, 10);
  const std::size_t for_large = CountOne(client, 1000);
  EXPECT_LE(for_large, for_small);
  EXPECT_LE(for_small, for_large + 1);
  EXPECT_GT(for_small, 0u) << "the counter does not count";
  EXPECT_LE(for_small, 25u);
}

}  // namespace
}  // namespace router::test
