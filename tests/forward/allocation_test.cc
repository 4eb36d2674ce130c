#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tests/forward/forward_fixture.h"
#include "tests/support/allocation_count.h"

namespace router::test {
namespace {

class AllocationTest : public ForwardTest {
 protected:
  // `spans` spans over four backends, each span a trace of its own.
  std::string RequestFor(int spans) {
    std::vector<std::string> ids;
    for (int i = 0; i < spans; ++i) ids.push_back(IdOf(static_cast<std::size_t>(i % 4), i / 4));
    return RequestOf(ids);
  }
  // Allocations of one Start(), warm.
  std::size_t CountOne(const std::string& request) {
    std::size_t counted = 0;
    for (int round = 0; round < 3; ++round) {
      RecordingSink sink;
      ledger_.requests.received.Add();
      ledger_.requests.in_flight.Add();
      Body body = BodyOf(request);
      const TimePoint deadline = loop_.Now() + milliseconds(20000);
      const std::size_t before = AllocationCount();
      auto started = forwarder_->Start(std::move(body), deadline, sink);
      counted = AllocationCount() - before;
      EXPECT_TRUE(std::holds_alternative<ExportCall*>(started));
      EXPECT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
    }
    return counted;
  }
};

// Scenario: requests of 100 and of 1000 spans over four backends, warm, plain and compressed.
// Guarantees: taking, indexing, splitting and sending a request allocates for 1000 spans no more
// often than for 100.
TEST_F(AllocationTest, PerRequestAndNotPerSpan) {
  for (const bool compress : {false, true}) {
    SCOPED_TRACE(compress ? "compressed" : "plain");
    SetUpRouter(4, {.compression = compress ? Compression::kGzip : Compression::kNone});
    const std::string large = RequestFor(1000);
    const std::string small = RequestFor(100);
    CountOne(large);  // the scratch grows
    const std::size_t for_small = CountOne(small);
    const std::size_t for_large = CountOne(large);
    EXPECT_LE(for_large, for_small) << "larger bodies are recycled, smaller ones are not";
    EXPECT_GT(for_small, 0u) << "the counter does not count";
    EXPECT_LE(for_small, 60u);
    TearDownRouter();
    RunTurns();
  }
}

}  // namespace
}  // namespace router::test
