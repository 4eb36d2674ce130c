// One worker on its own thread, between a client and a backend on the thread of the test.
#include "router/app/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "router/routing/table_updater.h"
#include "tests/forward/fake_backend.h"
#include "tests/forward/forward_fixture.h"
#include "tests/ingress/http2_client.h"

namespace router::test {
namespace {

class WorkerTest : public testing::Test, private WorkerListener {
 protected:
  void SetUp() override {
    WorkerListener& self = *this;
    WorkerOptions options;
    options.forwarder.compression = Compression::kNone;
    worker_ = std::make_unique<Worker>(0, budget_, verifier_, options, self);
    worker_->Start();
    const BackendEndpoint endpoint = {
        .name = "127.0.0.1:" + std::to_string(backend_.address().port()),
        .ring_name = "b",
        .address = backend_.address()};
    Membership membership;
    membership.SetKnown({endpoint});
    membership.OnReady(0, endpoint.name);
    worker_->SetTable(*BuildRoutingTable(membership, {}, {}));
    ASSERT_TRUE(RunUntil([&] { return ready_.load() == 1; }));
    boost::asio::ip::tcp::acceptor listening(loop_.io(),
                                             {boost::asio::ip::address_v4::loopback(), 0});
    client_ = std::make_unique<Http2Client>(listening.local_endpoint().port());
    const ListenerTarget target = worker_->Target(Face::kGrpc);
    target.take(listening.accept().release(), false);
    EXPECT_EQ(target.connection_count(), 1u) << "counted at once";
  }

  bool RunUntil(const std::function<bool()>& is_done) {
    const TimePoint until = Clock::now() + std::chrono::seconds(30);
    while (!is_done()) {
      if (Clock::now() > until) return false;
      if (client_) client_->Pump();
      loop_.Turn(false);
    }
    return true;
  }
  std::int32_t Export(std::string_view request) {
    const std::int32_t id = client_->Open(RequestHeaders(kExportPath));
    client_->Write(id, Framed(request));
    client_->End(id);
    return id;
  }

  MemoryBudget budget_{std::size_t{256} << 20};
  CredentialVerifier verifier_;
  WorkerLoop loop_;
  FakeBackend backend_{loop_};
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Http2Client> client_;

 private:
  void OnBackendState(std::size_t, std::string, bool is_ready) override {
    ready_ += is_ready ? 1 : 0;
  }
  void OnBackends(std::size_t, Telemetry::BackendList) override {}
  std::atomic<int> ready_{0};
};

const std::string kTraceId(16, 't');

// Scenario: a request through a worker; then the worker is asked for a sign of life.
// Guarantees: it answers, the counters can be read from outside, the sign is fresh.
TEST_F(WorkerTest, ServesRequestsAndGivesSigns) {
  const std::int32_t id = Export(RequestOf({kTraceId}));
  ASSERT_TRUE(RunUntil([&] { return client_->call(id).is_closed; }));
  EXPECT_EQ(client_->call(id).headers.at("grpc-status"), "0");
  ASSERT_TRUE(RunUntil([&] { return worker_->ledger().spans.forwarded.Value() == 1; }));
  const TimePoint before = Clock::now();
  worker_->Ping();
  EXPECT_TRUE(RunUntil([&] { return worker_->last_sign() >= before; }));
}

// Scenario: the steps of a drain while a request is at the backend.
// Guarantees: FM-33: the client hears GOAWAY, the request is answered, then the connection is gone.
TEST_F(WorkerTest, DrainsStepByStep) {
  backend_.Hold();
  const std::int32_t id = Export(RequestOf({kTraceId}));
  ASSERT_TRUE(RunUntil([&] { return backend_.held() == 1; }));
  worker_->SetServing(false);
  worker_->AnnounceShutDown();
  ASSERT_TRUE(RunUntil([&] { return client_->is_leaving(); }));
  worker_->ShutDownConnections();
  backend_.Release([](ServerStream& stream) { stream.RespondMessage(""); });
  ASSERT_TRUE(RunUntil([&] { return client_->call(id).is_closed; }));
  EXPECT_EQ(client_->call(id).headers.at("grpc-status"), "0");
  EXPECT_TRUE(RunUntil([&] { return worker_->connection_count() == 0; }));
}

// Scenario: megabytes of requests wait for a backend that has stopped reading; then the worker is
// destroyed.
// Guarantees: nothing touches what is gone (runs under AddressSanitizer), the budget is whole
// again.
TEST_F(WorkerTest, DiesWithRequestsInFlight) {
  backend_.Hold();
  const std::string request = RequestOf({kTraceId}, std::string(400 * 1024, 'r'));
  for (int i = 0; i < 40; ++i) Export(request);
  const TimePoint until = Clock::now() + std::chrono::seconds(30);
  while (worker_->ledger().spans.in_flight.Value() < 40 && Clock::now() < until) client_->Pump();
  ASSERT_EQ(worker_->ledger().spans.in_flight.Value(), 40u);
  EXPECT_GT(budget_.used(), 0u);
  worker_.reset();
  EXPECT_EQ(budget_.used(), 0u);
}

}  // namespace
}  // namespace router::test
