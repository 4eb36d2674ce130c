// ForwardTest: one worker's forwarding path by hand: loop, forwarder and backends on one thread.
//
// TearDown holds what every request promises: nothing in flight, nothing charged, the ledger closes
// (I4).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "router/backend/backend_pool.h"
#include "router/forward/export_call.h"
#include "router/forward/forwarder.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"
#include "router/routing/table_updater.h"
#include "tests/forward/fake_backend.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {

class RecordingSink final : public ExportSink {
 public:
  void OnVerdict(const Verdict& verdict) override { verdicts.push_back(verdict); }
  std::vector<Verdict> verdicts;
};

// What became of everything in one column, without what is in flight.
inline std::uint64_t Settled(const LedgerColumn& column) {
  std::uint64_t sum =
      column.forwarded.Value() + column.suppressed.Value() + column.cancelled.Value();
  for (const Counter& counter : column.rejected) sum += counter.Value();
  for (const Counter& counter : column.refused) sum += counter.Value();
  return sum;
}

inline std::uint64_t RefusedFor(const LedgerColumn& column, RefuseReason reason) {
  return column.refused[static_cast<std::size_t>(reason)].Value();
}

inline std::uint64_t RejectedFor(const LedgerColumn& column, RejectReason reason,
                                 GrpcCode code = GrpcCode::kOk) {
  return column.rejected[RejectIndex(reason, code)].Value();
}

inline std::string Field(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}

// For FakeBackend::AnswerBy().
inline FakeBackend::Answer Status(GrpcCode code, std::optional<milliseconds> delay = std::nullopt,
                                  const std::string& message = "said so") {
  return [=](ServerStream& stream) {
    const std::string details = delay ? DetailsWithRetryDelay(code, message, *delay) : "";
    stream.RespondStatus({.code = code, .message = message, .details = details});
  };
}

inline FakeBackend::Answer Partial(std::int64_t rejected, const std::string& message) {
  return [=](ServerStream& stream) {
    stream.RespondMessage(
        SerializeExportResponse({.rejected_spans = rejected, .message = message}));
  };
}

inline void AnswerWithOk(ServerStream& stream) { stream.RespondMessage(""); }

// A Span with an unknown field, so that a re-encoder would be noticed.
inline std::string SpanOf(std::string_view trace_id) {
  return Field(2, Field(1, trace_id) + Field(5, "name") + WireWriter().Number(777, 5).bytes());
}

// One ResourceSpans with one ScopeSpans of these spans.
inline std::string RequestOf(const std::vector<std::string>& trace_ids,
                             std::string_view resource = "") {
  std::string spans = Field(1, Field(1, "scope"));
  for (const std::string& id : trace_ids) spans += SpanOf(id);
  return Field(1, Field(1, Field(1, Field(1, "service.name") + Field(2, Field(1, resource)))) +
                      Field(2, spans) + Field(3, "schema"));
}

class ForwardTest : public testing::Test, private BackendObserver {
 protected:
  static constexpr std::chrono::seconds kPatience{30};

  ~ForwardTest() override { TearDownRouter(); }

  void TearDown() override {
    if (!forwarder_) return;
    EXPECT_TRUE(RunUntil([&] {
      return forwarder_->calls_in_flight() == 0 && memory_.charged() == 0;
    })) << forwarder_->calls_in_flight()
        << " calls, " << memory_.charged() << " bytes are left";
    for (const LedgerColumn* column : {&ledger_.requests, &ledger_.spans}) {
      EXPECT_EQ(column->in_flight.Value(), 0u);
      EXPECT_EQ(column->received.Value(), Settled(*column)) << "I4";
    }
  }

  // `count` backends, the ring of all of them; connected when it returns.
  void SetUpRouter(std::size_t count, ForwarderOptions options = {}) {
    BackendObserver& self = *this;
    ready_ = 0;
    pool_.emplace(loop_, codec_, std::make_shared<const BackendOptions>(backend_options_), self);
    forwarder_.emplace(loop_, memory_, ledger_, options);
    endpoints_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      backends_.push_back(std::make_unique<FakeBackend>(loop_));
      const auto address = backends_.back()->address();
      endpoints_.push_back({.name = "127.0.0.1:" + std::to_string(address.port()),
                            .ring_name = "backend-" + std::to_string(i),
                            .address = address});
    }
    SetRing(endpoints_);
    ASSERT_TRUE(RunUntil([&] { return ready_ == count; })) << "backends do not connect";
    // Ring members are sorted by ring name, which is the order of backends_.
    ASSERT_EQ(routes_->ring().size(), count);
  }

  // The ring of `joined`, of which those in `down` are DOWN for every worker.
  void SetRing(const std::vector<BackendEndpoint>& joined,
               const std::vector<std::size_t>& down = {}) {
    Membership membership;
    membership.SetKnown(joined);
    for (const auto& endpoint : joined) membership.OnReady(0, endpoint.name);
    for (const std::size_t i : down) membership.OnDown(0, endpoints_.at(i).name);
    auto table = BuildRoutingTable(membership, {}, routes_ ? *routes_->table : RoutingTable());
    ASSERT_TRUE(table.has_value());
    routes_ = BindRoutes(*table, *pool_);
    forwarder_->SetRoutes(routes_);
  }
  // The router's side of backends_[i].
  Backend& BackendAt(std::size_t i) const { return *pool_->Find(endpoints_.at(i).name); }
  // backends_[i] dies, and the router knows it.
  void StopBackend(std::size_t i) {
    backends_[i]->Stop();
    ASSERT_TRUE(RunUntil([&] { return BackendAt(i).is_down(); }));
  }

  // For a test of several set-ups.
  void TearDownRouter() {
    forwarder_.reset();
    routes_.reset();
    pool_.reset();
    backends_.clear();
  }

  bool RunUntil(const std::function<bool()>& is_done) {
    const TimePoint until = Clock::now() + kPatience;
    while (!is_done()) {
      if (Clock::now() > until) return false;
      loop_.Turn(false);
    }
    return true;
  }
  // Some turns, for what must not happen.
  void RunTurns(int count = 200) {
    for (int i = 0; i < count; ++i) loop_.Turn(false);
  }

  // The `n`-th trace ID, of a fixed sequence, that ring member `owner` owns.
  std::string IdOf(std::size_t owner, int n = 0) const {
    for (std::uint32_t i = 1;; ++i) {
      std::string id(16, '\1');
      for (int k = 0; k < 4; ++k) id[static_cast<std::size_t>(k)] = static_cast<char>(i >> (8 * k));
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(id.data());
      if (routes_->ring().OwnerOf({bytes, id.size()}) == owner && n-- == 0) return id;
    }
  }

  Body BodyOf(std::string_view text) {
    Body body(memory_);
    EXPECT_TRUE(body.Append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    return body;
  }

  // What ingress does round Start(). Null: the verdict was known at once and is in `sink`.
  ExportCall* Export(std::string_view request, RecordingSink& sink,
                     milliseconds timeout = milliseconds(20000)) {
    ledger_.requests.received.Add();
    ledger_.requests.in_flight.Add();
    auto started = forwarder_->Start(BodyOf(request), loop_.Now() + timeout, sink);
    if (auto* call = std::get_if<ExportCall*>(&started)) return *call;
    sink.verdicts.push_back(std::get<Verdict>(started));
    BookRequest(sink.verdicts.back(), ledger_.requests);
    return nullptr;
  }

  // Exports and waits for the verdict.
  Verdict Await(std::string_view request, milliseconds timeout = milliseconds(20000)) {
    RecordingSink sink;
    Export(request, sink, timeout);
    EXPECT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); })) << "no verdict";
    RunTurns(20);
    EXPECT_EQ(sink.verdicts.size(), 1u) << "exactly one verdict";
    return sink.verdicts.empty() ? Verdict{} : sink.verdicts.front();
  }

  std::size_t RequestsAtBackends() const {
    std::size_t sum = 0;
    for (const auto& backend : backends_) sum += backend->requests().size();
    return sum;
  }

  MemoryBudget budget_{std::size_t{256} << 20};
  MemoryAccount memory_{budget_};
  WorkerLoop loop_;
  Codec codec_;
  Ledger ledger_;
  BackendOptions backend_options_;
  std::vector<std::unique_ptr<FakeBackend>> backends_;
  std::vector<BackendEndpoint> endpoints_;  // of backends_
  std::optional<BackendPool> pool_;
  std::optional<Forwarder> forwarder_;
  std::shared_ptr<const Routes> routes_;

 private:
  void OnBackendState(const std::string&, bool is_ready) override { ready_ += is_ready ? 1 : 0; }
  std::size_t ready_ = 0;
};

}  // namespace router::test
