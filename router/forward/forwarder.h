// Forwarder: takes one whole request body, sends every span to the owner of its trace, and gives
// one verdict.
//
// The data path in one function, Start(): index → owners → split → compress → send. What happens
// afterwards is ExportCall's, which comes back with RouteAnew() for a shard that must go elsewhere.
// Thread safety: its worker only.
// Ownership: owns every ExportCall from Start() to its end, also when the client has gone.
// Cost: per request a constant number of allocations and one copy per backend; per span none.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "router/base/body.h"
#include "router/base/worker_loop.h"
#include "router/codec/compression.h"
#include "router/forward/admission.h"
#include "router/forward/delivered_spans.h"
#include "router/forward/ledger.h"
#include "router/forward/shard_plan.h"
#include "router/forward/upload_gate.h"
#include "router/forward/verdict.h"
#include "router/otlp/span_index.h"
#include "router/routing/routing_table.h"

namespace router {

class ExportCall;
class Shard;

// Who waits for the verdict.
class ExportSink {
 public:
  // Exactly once, never inline from Start(), unless Cancel() came first.
  virtual void OnVerdict(const Verdict& verdict) = 0;
  // Came over OTLP/HTTP: told apart in the ledger.
  virtual bool is_http() const { return false; }

 protected:
  ~ExportSink() = default;
};

struct ForwarderOptions {
  std::size_t spans_max = kSpansPerRequestMax;
  std::size_t shard_bytes_max =
      (std::size_t{4} << 20) - (std::size_t{64} << 10);  // one backend request
  Compression compression = Compression::kGzip;          // towards backends
  milliseconds attempt_timeout{5000};                    // 0: only the request's deadline
  milliseconds retry_delay{1000};  // told to clients when no backend said anything; ± 20 %
};

class Forwarder {
 public:
  // All references outlive the forwarder; the loop no longer runs when it is destroyed.
  Forwarder(WorkerLoop& loop, MemoryAccount& memory, Ledger& ledger,
            const ForwarderOptions& options);
  ~Forwarder();

  // Holds for the requests that come.
  void SetOptions(const ForwarderOptions& options) { options_ = options; }
  void SetRoutes(std::shared_ptr<const Routes> routes) { routes_ = std::move(routes); }

  // Routes `body`, an ExportTraceServiceRequest. Either the verdict is known at once (nothing was
  // sent), or the request is in flight and `sink` will hear it by `deadline`. The request is
  // counted in the ledger as received by the caller; its spans are counted here.
  std::variant<Verdict, ExportCall*> Start(Body body, TimePoint deadline, ExportSink& sink);

  // The client no longer waits: shards on the wire finish, nothing is sent again, the sink hears
  // nothing.
  void Cancel(ExportCall& call);

  // What to tell a client that should come back, when no backend said when.
  milliseconds OwnRetryDelay();
  // A refusal of our own, with a jittered retry delay.
  Verdict Refuse(RefuseReason reason, std::string message);
  // The memory budget has no room for a request that holds so much of it, and needs so much in all
  // as far as that is known: come back later; or, if it could never fit, do not.
  Verdict RefuseForMemory(std::size_t held_bytes, std::size_t needed_bytes);
  std::size_t calls_in_flight() const { return calls_.size(); }
  Admission& admission() { return admission_; }
  UploadGate& uploads() { return uploads_; }
  Ledger& ledger() { return ledger_; }

 private:
  friend class ExportCall;
  enum class Cut { kAsNeeded, kHalves };
  enum class Replacing { kDone, kNotNow, kNoSmaller };

  Verdict RejectWire(WireError error) const;
  // Nothing, or why it could not be done.
  std::optional<Verdict> SplitInto(ExportCall& call, std::size_t body_bytes);
  void PassThrough(ExportCall& call, std::uint16_t owner, Body body);
  void AddShard(ExportCall& call, std::uint16_t owner, std::size_t spans, Body body);
  bool IsTooLarge(std::uint16_t shard);
  void AddTooLarge(ExportCall& call, std::size_t bytes);
  // Sends what `shard` holds to whoever owns it now, in as many parts as that takes; or lets it
  // pause.
  void RouteAnew(ExportCall& call, Shard& shard, Cut cut);
  Replacing ReplaceShard(ExportCall& call, Shard& shard, Cut cut);
  void CountRerouted(std::size_t spans);
  void IndexShard(const Shard& shard);
  void RememberDelivered(const ExportCall& call);
  // book(column), for each column of the ledger that the spans of a call belong in.
  template <typename Book>
  void BookSpans(bool is_http, Book&& book) {
    book(ledger_.spans);
    book(is_http ? ledger_.http_spans : ledger_.grpc_spans);
  }
  bool HasMemoryToSpare() const { return memory_.budget().used() < memory_.budget().limit() / 2; }
  void OnCallDone(ExportCall& call);

  WorkerLoop& loop_;
  MemoryAccount& memory_;
  Ledger& ledger_;
  ForwarderOptions options_;
  std::shared_ptr<const Routes> routes_;
  std::list<std::unique_ptr<ExportCall>> calls_;
  std::minstd_rand jitter_;
  Admission admission_;
  UploadGate uploads_;
  DeliveredSpans delivered_;

  // Scratch of one Start().
  SpanIndex index_;
  ShardPlan plan_;
  std::vector<bool> is_delivered_;
  std::vector<std::uint8_t*> outputs_;
};

}  // namespace router
