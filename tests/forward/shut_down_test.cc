// What is in flight when a worker ends.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/forward/forward_fixture.h"

namespace router::test {
namespace {

// The members of a worker, in its order: the account must outlive every body, wherever it is.
class ShutDownTest : public ForwardTest {
 protected:
  void TearDown() override {}
};

// Scenario: a request is at a backend that does not answer; then the worker's parts are destroyed.
// Guarantees: nothing touches what is gone (runs under AddressSanitizer); every body gives back its
// charge.
TEST_F(ShutDownTest, ARequestAtABackendDiesWithItsWorker) {
  SetUpRouter(2);
  for (const auto& backend : backends_) backend->Hold();
  RecordingSink sink;
  Export(RequestOf({IdOf(0), IdOf(1)}), sink);
  ASSERT_TRUE(RunUntil([&] { return RequestsAtBackends() == 2; }));
  forwarder_.reset();
  EXPECT_TRUE(sink.verdicts.empty());
}

// Scenario: the backend does not read; megabytes of a request lie in the connection's queue at the
// end.
// Guarantees: the same.
TEST_F(ShutDownTest, AQueuedBodyDiesWithItsWorker) {
  SetUpRouter(1, {.shard_bytes_max = 16 << 20, .compression = Compression::kNone});
  backends_[0]->Hold();
  RecordingSink sink;
  Export(RequestOf({IdOf(0)}, std::string(8 << 20, 'r')), sink);
  loop_.Turn(false);
  EXPECT_GT(memory_.charged(), 0u);
}

}  // namespace
}  // namespace router::test
