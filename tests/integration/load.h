// Load: a client that never pauses: some calls always in flight, each with its own traces, until it
// is stopped.
//
// As in every gRPC client, a call that provably no server has seen (picked for a connection that
// got GOAWAY in that moment) is sent again by the library; no other is.
// Thread safety: one thread owns it; the calls run on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/grpc_client.h"
#include "tests/support/span_ledger.h"

namespace router::test {

class Load {
 public:
  // Calls go to all `endpoints` in turn, over one connection each, those that are there.
  Load(const std::vector<std::string>& endpoints, std::size_t calls_in_flight,
       const std::shared_ptr<grpc::ChannelCredentials>& credentials =
           grpc::InsecureChannelCredentials());
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  std::uint64_t calls() const { return calls_.load(); }
  // Waits for what is in flight. The results are complete then.
  void Stop();

  // After Stop(): why calls did not end with OK, and the spans of those that did.
  const std::vector<std::string>& failures() const { return failures_; }
  const SpanLedger& accepted() const { return accepted_; }

 private:
  struct Call {
    ExportRequest request;
    std::unique_ptr<PendingCall> pending;
  };
  void Run();
  void Take(Call call);

  const std::size_t calls_in_flight_;
  GrpcClient client_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<std::uint64_t> calls_ = 0;
  std::vector<std::string> failures_;
  SpanLedger accepted_;
  std::thread thread_;
};

// How many spans of `sent` did not arrive, or arrived changed.
std::size_t CountLost(const SpanLedger& sent, const SpanLedger& received);

}  // namespace router::test
