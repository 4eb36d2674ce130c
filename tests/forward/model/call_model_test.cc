// Export calls under random schedules, beside a model that knows each span (rules CP-8, CP-10).
//
// One schedule: a few calls over four backends, each attempt with a fate drawn from a seed, while
// backends go down and come back, the ring changes and clients go away; in virtual time. And every
// combination of what up to three backends can answer up to three times.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "router/backend/answer.h"
#include "router/forward/export_call.h"
#include "router/forward/forwarder.h"
#include "router/otlp/status_details.h"
#include "router/routing/table_updater.h"
#include "tests/forward/model/scripted_backend.h"
#include "tests/forward/model/virtual_clock.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {
namespace {

constexpr int kSchedules = 12'000;
constexpr std::size_t kBackends = 4;
constexpr milliseconds kStep = kTimerTick;

std::string Field(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}

// What the model knows of one span.
struct ModelSpan {
  enum class State { kOpen, kAccepted, kRejected };
  State state = State::kOpen;
  GrpcCode code = GrpcCode::kOk;  // of kRejected, 0: by partial_success
  bool is_in_hands = false;       // of some backend
  bool may_be_sent = true;        // no backend has asked never to see it again
  std::size_t batch = SIZE_MAX;   // the smallest that was "too large"
  TimePoint not_before{};         // a backend asked for patience …
  std::uint64_t generation = 0;   // … and had it under this table
};

// One call, and what its client hears.
struct ModelCall final : public ExportSink {
  void OnVerdict(const Verdict& given) override {
    EXPECT_FALSE(verdict.has_value()) << "a second verdict";
    EXPECT_FALSE(is_cancelled) << "nobody listens any more";
    verdict = given;
    heard_at = Clock::now();
  }
  std::vector<std::string> ids;
  TimePoint deadline{};
  TimePoint heard_at{};
  bool is_cancelled = false;
  std::optional<Verdict> verdict;
  ExportCall* call = nullptr;
};

// What takes long to make and is the same for all schedules.
struct Common {
  WorkerLoop loop;
  Codec codec;
  std::map<std::pair<unsigned, unsigned>, RoutingTable> tables;  // by who is on the ring, and DOWN
};

class Schedule : protected World, private BackendObserver {
 public:
  Schedule(Common& common, unsigned seed)
      : random_(seed), common_(common), loop_(common.loop), codec_(common.codec) {
    SeedRandomDevice(seed);
    SetWorld(this);
    for (std::size_t i = 0; i < kBackends; ++i) {
      endpoints_.push_back(
          {.name = "b" + std::to_string(i), .ring_name = std::to_string(i), .address = {}});
      BackendObserver& self = *this;
      backends_.push_back(std::make_shared<Backend>(
          loop_, codec_, std::make_shared<const BackendOptions>(), endpoints_.back(), self));
      SetState(*backends_.back(), BackendState::kReady);
    }
    forwarder_.emplace(loop_, memory_, ledger_,
                       ForwarderOptions{.compression = Compression::kNone});
    is_on_ring_.fill(true);
    SetRing();
  }

  void Run() {
    const int calls = Draw(1, 4);
    for (int i = 0; i < calls; ++i) Begin(i);
    RunToTheEnd(0.03);
  }

  ~Schedule() override {
    forwarder_.reset();
    routes_.reset();
    backends_.clear();
  }

 protected:
  using State = ModelSpan::State;

  int Draw(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  bool Chance(double share) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }

  // ---- what happens -----------------------------------------------------------------------------

  void RunToTheEnd(double changes) {
    for (int step = 0; forwarder_->calls_in_flight() > 0; ++step) {
      ASSERT_LT(step, 1000) << "a call without end";
      if (Chance(changes)) ChangeSomething();
      AdvanceClock(kStep);
      loop_.Turn(false);
      loop_.Turn(false);
    }
    for (const auto& call : calls_) Check(*call);
    CheckLedger();
  }

  std::string RandomId(int call) {
    std::string id(16, '\1');
    for (char& c : id) c = static_cast<char>(Draw(0, 255));
    id[0] = static_cast<char>(call + 1);
    return id;
  }

  void Begin(int number) {
    std::vector<std::string> ids;
    for (int i = Draw(1, 12); i > 0; --i) ids.push_back(RandomId(number));
    Start(ids, milliseconds(Draw(20, 2000)));
  }

  void Start(const std::vector<std::string>& ids, milliseconds timeout) {
    auto& call = *calls_.emplace_back(std::make_unique<ModelCall>());
    std::string spans;
    for (const std::string& id : ids) {
      if (!spans_.emplace(id, ModelSpan()).second) continue;
      call.ids.push_back(id);
      spans += Field(2, Field(1, id));
    }
    Body body(memory_);
    const std::string request = Field(1, Field(2, spans));
    ASSERT_TRUE(
        body.Append({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()}));
    ledger_.requests.received.Add();
    ledger_.requests.in_flight.Add();
    call.deadline = loop_.Now() + timeout;
    auto started = forwarder_->Start(std::move(body), call.deadline, call);
    if (auto* in_flight = std::get_if<ExportCall*>(&started)) {
      call.call = *in_flight;
    } else {
      call.OnVerdict(std::get<Verdict>(started));
      BookRequest(*call.verdict, ledger_.requests);
    }
  }

  void ChangeSomething() {
    const auto i = static_cast<std::size_t>(Draw(0, kBackends - 1));
    switch (Draw(0, 4)) {
      case 0:
        SetState(*backends_[i], BackendState::kDown);
        break;
      case 1:
      case 2:
        SetState(*backends_[i], BackendState::kReady);
        break;
      case 3:
        is_on_ring_[i] = !is_on_ring_[i];
        SetRing();
        return;
      case 4: {
        ModelCall& call = *calls_[static_cast<std::size_t>(Draw(0, int(calls_.size()) - 1))];
        if (call.verdict || call.is_cancelled) return;
        call.is_cancelled = true;
        forwarder_->Cancel(*call.call);
        return;
      }
    }
    // Sometimes the control thread has heard of it, and publishes a successor.
    if (Chance(0.5)) SetRing();
  }

  void SetRing() {
    unsigned joined = 0, down = 0;
    for (std::size_t i = 0; i < kBackends; ++i) {
      joined |= unsigned{is_on_ring_[i]} << i;
      down |= unsigned{is_on_ring_[i] && backends_[i]->is_down()} << i;
    }
    const auto [place, is_new] = common_.tables.try_emplace({joined, down});
    if (is_new) place->second = TableOf(joined, down);
    auto routes = std::make_shared<Routes>();
    routes->table = std::make_shared<const RoutingTable>(place->second);
    for (const std::string& name : routes->table->owner_names) {
      routes->backends.push_back(backends_[static_cast<std::size_t>(name[1] - '0')]);
    }
    ++generation_;
    routes_ = std::move(routes);
    forwarder_->SetRoutes(routes_);
  }
  RoutingTable TableOf(unsigned joined, unsigned down) {
    Membership membership;
    std::vector<BackendEndpoint> known;
    for (std::size_t i = 0; i < kBackends; ++i) {
      if (joined >> i & 1) known.push_back(endpoints_[i]);
    }
    membership.SetKnown(known);
    for (const auto& endpoint : known) membership.OnReady(0, endpoint.name);
    for (std::size_t i = 0; i < kBackends; ++i) {
      if (down >> i & 1) membership.OnDown(0, endpoints_[i].name);
    }
    const auto table = BuildRoutingTable(membership, {.slots_log2 = 16}, RoutingTable());
    EXPECT_TRUE(table.has_value());
    return **table;
  }

  // ---- what backends do -------------------------------------------------------------------------

  AttemptResult AnswerOf(GrpcCode code, std::optional<milliseconds> retry_delay) {
    GrpcResponse response{.kind = GrpcResponse::Kind::kStatus, .code = code};
    if (retry_delay) response.details = DetailsWithRetryDelay(code, "", *retry_delay);
    return ResultOf(std::move(response), codec_);
  }
  std::vector<std::string> IdsIn(const Attempt& attempt) {
    SpanIndex index;
    EXPECT_FALSE(index.Parse(attempt.frame.subspan(Body::kHeadroomBytes), {}).has_value());
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < index.span_count(); ++i) {
      const auto id = index.trace_id(i);
      ids.emplace_back(reinterpret_cast<const char*>(id.data()), id.size());
    }
    EXPECT_EQ(ids.size(), attempt.spans);
    return ids;
  }
  ModelCall& CallOf(const std::string& id) { return *calls_[static_cast<std::size_t>(id[0]) - 1]; }
  const Backend* OwnerOf(const std::string& id) const {
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(id.data()), id.size());
    return routes_->backends[routes_->table->ring.OwnerOf(bytes)].get();
  }
  // I2: the owner, or its successor where there is one.
  bool IsOwner(const Backend& backend, const std::string& id) {
    if (OwnerOf(id) == &backend) return true;
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(id.data()), id.size());
    const RoutingTable& table = *routes_->table;
    return !table.fallback.empty() &&
           routes_->backends[table.fallback_owners[table.fallback.OwnerOf(bytes)]].get() ==
               &backend;
  }

  void CheckHandOver(Backend& backend, const Attempt& attempt,
                     const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      ModelSpan& span = spans_.at(id);
      const ModelCall& call = CallOf(id);
      EXPECT_FALSE(call.is_cancelled) << "FM-17: no new attempt for a client that has gone";
      EXPECT_FALSE(call.verdict.has_value()) << "no work behind the answer";
      EXPECT_EQ(span.state, State::kOpen) << "GC-08, I5: it was taken or refused for good";
      EXPECT_TRUE(span.may_be_sent) << "P-11";
      EXPECT_LT(ids.size(), span.batch) << "FM-09: the same size again";
      EXPECT_FALSE(std::exchange(span.is_in_hands, true)) << "twice at the same time";
      EXPECT_TRUE(IsOwner(backend, id)) << "I2";
      EXPECT_LE(attempt.deadline, call.deadline) << "P-14";
      const bool must_wait = span.generation == generation_;
      EXPECT_TRUE(!must_wait || loop_.Now() >= span.not_before) << "GC-12";
      span.generation = generation_;
      span.not_before = {};
    }
  }

  Fate OnSend(Backend& backend, const Attempt& attempt) override {
    CheckHandOver(backend, attempt, IdsIn(attempt));
    Fate fate{.after = milliseconds(Chance(0.7) ? Draw(0, 40) : Draw(0, 1500)), .result = {}};
    AttemptResult& result = fate.result;
    using Kind = AttemptResult::Kind;
    switch (Draw(0, 9)) {
      case 0:
      case 1:
      case 2:
        result = {.kind = Kind::kAccepted, .code = GrpcCode::kOk};
        break;
      case 3:
        result = {.kind = Kind::kAccepted, .code = GrpcCode::kOk};
        result.rejected_spans = static_cast<std::uint64_t>(Draw(0, int(attempt.spans)));
        break;
      case 4: {
        const auto code = static_cast<GrpcCode>(Draw(1, 16));
        std::optional<milliseconds> retry_delay;
        if (Chance(0.3)) retry_delay = milliseconds(Draw(0, 300));
        result = AnswerOf(code, retry_delay);
        if (result.kind == Kind::kTransient && Chance(0.1)) result.may_retry = false;
        break;
      }
      case 5:
        result = {.kind = Kind::kPermanent,
                  .code = GrpcCode::kResourceExhausted,
                  .message = "received message larger than max"};
        break;
      case 6:  // lost or reset
        break;
      case 7:
        result.was_processed_maybe = false;
        break;
      case 8:
        fate.has_answer = false;
        break;
      case 9:  // it never gets a place
        fate.is_sent = fate.has_answer = false;
        break;
    }
    return fate;
  }

  void OnCancel(const Attempt& attempt) override {
    for (const std::string& id : IdsIn(attempt)) spans_.at(id).is_in_hands = false;
  }

  void OnNotSent(Backend& backend, const Attempt& attempt) override {
    OnEnd(backend, attempt, {.was_processed_maybe = false});
  }

  void OnEnd(Backend&, const Attempt& attempt, const AttemptResult& result) override {
    std::uint64_t left_out = result.rejected_spans;
    const auto ids = IdsIn(attempt);
    for (const std::string& id : ids) {
      ModelSpan& span = spans_.at(id);
      span.is_in_hands = false;
      if (result.kind == AttemptResult::Kind::kAccepted) {
        span.state = left_out > 0 ? State::kRejected : State::kAccepted;
        left_out -= left_out > 0 ? 1 : 0;
      } else if (result.kind == AttemptResult::Kind::kPermanent) {
        const bool is_size = !result.message.empty() && ids.size() > 1;
        span.state = is_size ? State::kOpen : State::kRejected;
        span.code = is_size ? GrpcCode::kOk : result.code;
        if (is_size) span.batch = std::min(span.batch, ids.size());
      } else {
        span.may_be_sent &= result.may_retry;
        span.not_before = loop_.Now() + result.retry_delay.value_or(milliseconds(0));
      }
    }
  }

  // ---- the reference ----------------------------------------------------------------------------

  void Check(const ModelCall& call) {
    if (call.is_cancelled) return;
    ASSERT_TRUE(call.verdict.has_value()) << "P-14: no answer";
    EXPECT_LE(call.heard_at, call.deadline + 2 * kStep) << "P-14, I8";
    const Verdict& verdict = *call.verdict;
    std::size_t open = 0, rejected = 0, by_code = 0;
    std::set<GrpcCode> codes;
    for (const std::string& id : call.ids) {
      const ModelSpan& span = spans_.at(id);
      open += span.state == State::kOpen;
      rejected += span.state == State::kRejected;
      by_code += span.code != GrpcCode::kOk;
      if (span.code != GrpcCode::kOk) codes.insert(span.code);
    }
    if (open > 0) {  // I1, I7: somebody must send it again
      EXPECT_TRUE(verdict.code == GrpcCode::kUnavailable ||
                  verdict.code == GrpcCode::kDeadlineExceeded)
          << static_cast<int>(verdict.code);
      EXPECT_EQ(verdict.retry_delay.has_value(), verdict.code == GrpcCode::kUnavailable);
      EXPECT_EQ(verdict.partial.rejected_spans, 0);
    } else if (by_code == call.ids.size()) {
      EXPECT_TRUE(codes.contains(verdict.code)) << static_cast<int>(verdict.code);
      EXPECT_FALSE(verdict.retry_delay.has_value());
    } else {
      EXPECT_EQ(verdict.code, GrpcCode::kOk) << verdict.message;
      EXPECT_EQ(verdict.partial.rejected_spans, static_cast<std::int64_t>(rejected)) << "I3";
    }
  }

  static std::uint64_t Sum(const auto& counters) {
    std::uint64_t sum = 0;
    for (const Counter& counter : counters) sum += counter.Value();
    return sum;
  }

  void CheckLedger() {
    std::uint64_t accepted = 0;
    for (const auto& [id, span] : spans_) {
      accepted += span.state == State::kAccepted;
      EXPECT_FALSE(span.is_in_hands);
    }
    EXPECT_EQ(ledger_.spans.forwarded.Value(), accepted) << "forwarded is what a backend took";
    for (const LedgerColumn* column : {&ledger_.requests, &ledger_.spans}) {
      EXPECT_EQ(column->in_flight.Value(), 0u);
      EXPECT_EQ(column->received.Value(), column->forwarded.Value() + column->cancelled.Value() +
                                              Sum(column->rejected) + Sum(column->refused))
          << "I4";
    }
    EXPECT_EQ(ledger_.spans.received.Value(), spans_.size());
    EXPECT_EQ(memory_.charged(), 0u) << "I9";
  }

  void OnBackendState(const std::string&, bool) override {}

  MemoryBudget budget_{std::size_t{64} << 20};
  MemoryAccount memory_{budget_};
  std::minstd_rand random_;
  Common& common_;
  WorkerLoop& loop_;
  Codec& codec_;
  Ledger ledger_;
  std::vector<BackendEndpoint> endpoints_;
  std::vector<std::shared_ptr<Backend>> backends_;
  std::array<bool, kBackends> is_on_ring_{};
  std::uint64_t generation_ = 0;
  std::shared_ptr<const Routes> routes_;
  std::optional<Forwarder> forwarder_;
  std::vector<std::unique_ptr<ModelCall>> calls_;
  std::map<std::string, ModelSpan> spans_;
};

// What one backend says: `code` to the first `times` attempts, then OK.
struct Script {
  GrpcCode code = GrpcCode::kOk;
  std::optional<milliseconds> retry_delay;
  int times = 0;

  bool IsFinal() const { return times > 0 && !IsRetryable(code, retry_delay.has_value()); }
  int Attempts() const { return IsFinal() ? 1 : times + 1; }
};

// Every Script of up to `times`: OK at once, sixteen other codes, and RESOURCE_EXHAUSTED with a
// RetryInfo, which is another thing than without.
std::vector<Script> AllScripts(int times) {
  std::vector<Script> all = {{}};
  for (int n = 1; n <= times; ++n) {
    all.push_back({GrpcCode::kResourceExhausted, milliseconds(20), n});
    for (int code = 1; code <= 16; ++code) all.push_back({static_cast<GrpcCode>(code), {}, n});
  }
  return all;
}

// One call with a span for each Script, in time for all its attempts.
class ScriptedCall final : public Schedule {
 public:
  ScriptedCall(Common& common, std::vector<Script> scripts)
      : Schedule(common, 1), scripts_(std::move(scripts)), attempts_(scripts_.size()) {}

  void Run() {
    std::vector<std::string> ids(scripts_.size());
    for (std::string& id : ids) {
      const auto owner = static_cast<std::size_t>(&id - ids.data());
      do id = RandomId(0);
      while (OwnerOf(id) != backends_[owner].get());
    }
    Start(ids, milliseconds(2000));
    RunToTheEnd(0);
    std::size_t final = 0;
    for (std::size_t i = 0; i < scripts_.size(); ++i) {
      final += scripts_[i].IsFinal();
      EXPECT_EQ(attempts_[i], scripts_[i].Attempts()) << "code " << int(scripts_[i].code);
      EXPECT_EQ(spans_.at(ids[i]).state,
                scripts_[i].IsFinal() ? State::kRejected : State::kAccepted);
    }
    const Verdict& verdict = *calls_[0]->verdict;
    EXPECT_EQ(verdict.code == GrpcCode::kOk, final < scripts_.size());
    EXPECT_EQ(Sum(ledger_.requests.rejected), final == scripts_.size() ? 1u : 0u);
    EXPECT_EQ(ledger_.requests.forwarded.Value(), final == scripts_.size() ? 0u : 1u);
  }

 private:
  Fate OnSend(Backend& backend, const Attempt& attempt) override {
    CheckHandOver(backend, attempt, IdsIn(attempt));
    std::size_t i = 0;
    while (backends_[i].get() != &backend) ++i;
    const Script& script = scripts_[i];
    if (attempts_[i]++ >= script.times) return {.result = AnswerOf(GrpcCode::kOk, {})};
    return {.result = AnswerOf(script.code, script.retry_delay)};
  }

  const std::vector<Script> scripts_;
  std::vector<int> attempts_;  // per script
};

// Scenario: each combination of what one, two or three backends say, which of them says it aside:
// any code, one to three times, then OK.
// Guarantees: CP-10, exhaustively: exactly one verdict and one entry in the ledger, which are those
// of the table; a final code is not tried again, any other until it is OK.
TEST(CallModelTest, EveryCombinationOfCodesEndsAsTheTableSays) {
  Common common;
  const std::vector<Script> scripts = AllScripts(3);
  std::size_t calls = 0;
  const auto run = [&](const std::vector<Script>& combination) {
    ScriptedCall(common, combination).Run();
    ++calls;
  };
  for (std::size_t i = 0; i < scripts.size() && !HasFailure(); ++i) {
    run({scripts[i]});
    for (std::size_t j = i; j < scripts.size(); ++j) {
      run({scripts[i], scripts[j]});
      for (std::size_t k = j; k < scripts.size() && !HasFailure(); ++k)
        run({scripts[i], scripts[j], scripts[k]});
    }
  }
  EXPECT_EQ(calls, 52u + 52 * 53 / 2 + 52 * 53 * 54 / 6);
}

// Scenario: kSchedules seeds; SPANRING_MODEL_SEED=n runs that one alone, SPANRING_MODEL_SCHEDULES
// as many as it says.
// Guarantees: CP-8, CP-10: every call ends in exactly one verdict, in time, and it is the one that
// the fate of its spans asks for; nothing accepted or refused for good is sent again; nothing goes
// to anyone but its owner or its successor; the ledger closes and no memory is left.
TEST(CallModelTest, EveryScheduleEndsAsTheModelSays) {
  const char* seed = std::getenv("SPANRING_MODEL_SEED");
  const char* count = std::getenv("SPANRING_MODEL_SCHEDULES");
  const unsigned first = seed ? static_cast<unsigned>(std::atoi(seed)) : 1;
  const unsigned schedules = seed    ? 1
                             : count ? static_cast<unsigned>(std::atoi(count))
                                     : unsigned{kSchedules};
  Common common;
  for (unsigned i = first; i < first + schedules; ++i) {
    Schedule(common, i).Run();
    ASSERT_FALSE(HasFailure()) << "SPANRING_MODEL_SEED=" << i;
  }
}

}  // namespace
}  // namespace router::test
