#include "tests/integration/router_test_fixture.h"

#include <utility>

namespace router::test {

std::unique_ptr<RouterTest::Installation> RouterTest::installation_;

void RouterTest::StartSuite(RunningRouter::Options options) {
  installation_ = std::make_unique<Installation>();
  for (std::size_t i = 0; i < kBackends; ++i) {
    installation_->backends.push_back(GrpcBackend::Start({}).value());
    options.backends.push_back(installation_->backends.back()->endpoint());
  }
  installation_->router = std::make_unique<RunningRouter>(std::move(options));
  installation_->client = std::make_unique<GrpcClient>(installation_->router->endpoint());
  ASSERT_TRUE(installation_->client->WaitForConnection(seconds(10)));
  LearnOwners();
}

void RouterTest::LearnOwners() {
  for (std::uint64_t trace = 1; trace <= 64; ++trace) {
    const CallResult result = client().Export(RequestFor({trace}));
    ASSERT_EQ(result.code(), 0) << result.status.error_message();
    for (std::size_t i = 0; i < kBackends; ++i) {
      if (backend(i).request_count() > 0) installation_->traces_of[i].push_back(trace);
      backend(i).Reset();
    }
  }
  for (const auto& traces : installation_->traces_of) ASSERT_GE(traces.size(), 4u);
}

void RouterTest::TearDownTestSuite() {
  ASSERT_FALSE(router().process().HasExited()) << router().process().Output();
  installation_.reset();
}

void RouterTest::TearDown() {
  EXPECT_TRUE(router().WaitUntilIdle(seconds(15))) << "still in flight";
  EXPECT_EQ(router().Spans().Missing(), 0) << "the ledger of spans does not close (I4)";
  EXPECT_EQ(router().Requests().Missing(), 0) << "the ledger of requests does not close (I4)";
  for (std::size_t i = 0; i < kBackends; ++i) backend(i).Reset();
}

void RouterTest::AllAnswer(const Answer& answer) {
  for (std::size_t i = 0; i < kBackends; ++i) backend(i).AlwaysAnswer(answer);
}

std::uint64_t RouterTest::TraceOf(std::size_t backend, std::size_t nth) {
  return installation_->traces_of[backend].at(nth);
}

std::vector<std::uint64_t> RouterTest::TraceOfEach() {
  std::vector<std::uint64_t> traces;
  for (std::size_t i = 0; i < kBackends; ++i) traces.push_back(TraceOf(i));
  return traces;
}

std::uint64_t RouterTest::RequestsAtBackends() {
  std::uint64_t requests = 0;
  for (std::size_t i = 0; i < kBackends; ++i) requests += backend(i).request_count();
  return requests;
}

SpanLedger RouterTest::LedgerOfBackends() {
  SpanLedger ledger;
  for (std::size_t i = 0; i < kBackends; ++i) ledger.Merge(backend(i).ledger());
  return ledger;
}

PartialAnswer PartialOf(const CallResult& result) {
  ExportResponse response;
  EXPECT_TRUE(response.ParseFromString(result.response));
  return {.is_set = response.has_partial_success(),
          .rejected_spans = response.partial_success().rejected_spans(),
          .message = response.partial_success().error_message()};
}

}  // namespace router::test
