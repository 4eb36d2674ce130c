// RouterTest: the base of the integration suites: one spanring and four backends per suite.
//
// A suite that wants another configuration shadows SettingsOfSuite() and calls StartSuite() itself.
// After each test the ledger must close and nothing may be in flight (invariant I4); backends are
// then reset.
// Thread safety: one thread.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "tests/integration/requests.h"
#include "tests/integration/running_router.h"
#include "tests/support/grpc_backend.h"
#include "tests/support/grpc_client.h"

namespace router::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RouterTest : public testing::Test {
 protected:
  static constexpr std::size_t kBackends = 4;

  static void StartSuite(RunningRouter::Options options);
  static void SetUpTestSuite() { StartSuite({}); }
  static void TearDownTestSuite();
  void TearDown() override;

  static RunningRouter& router() { return *installation_->router; }
  static GrpcClient& client() { return *installation_->client; }
  static GrpcBackend& backend(std::size_t index) { return *installation_->backends[index]; }
  static void AllAnswer(const Answer& answer);
  // A trace number whose trace belongs to that backend; `nth` gives different ones.
  static std::uint64_t TraceOf(std::size_t backend, std::size_t nth = 0);
  // One trace number per backend: a request for these has a shard for each.
  static std::vector<std::uint64_t> TraceOfEach();
  static std::uint64_t RequestsAtBackends();
  static SpanLedger LedgerOfBackends();

 private:
  struct Installation {
    std::vector<std::unique_ptr<GrpcBackend>> backends;
    std::unique_ptr<RunningRouter> router;
    std::unique_ptr<GrpcClient> client;
    std::array<std::vector<std::uint64_t>, kBackends> traces_of;
  };
  static void LearnOwners();

  static std::unique_ptr<Installation> installation_;
};

// The response's partial_success, or an empty one; `is_set` tells whether it was on the wire.
struct PartialAnswer {
  bool is_set = false;
  std::int64_t rejected_spans = 0;
  std::string message;
};
PartialAnswer PartialOf(const CallResult& result);

}  // namespace router::test
