// GrpcBackend: a gRPC C++ server in the place of a collector, with scripted answers and a ledger.
//
// It takes messages as bytes, so a test can compare them with what was sent, and answers per
// request what its script says. Methods other than TraceService/Export are UNIMPLEMENTED.
// Thread safety: every method may run on any thread. The script and the observer are called from
// gRPC's threads, one call at a time.
// Ownership: the destructor cancels what is open and waits for it.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/base/result.h"
#include "tests/support/span_ledger.h"

namespace router::test {

inline constexpr char kExportMethod[] =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct ReceivedRequest {
  std::string bytes;      // the message, decompressed
  ExportRequest message;  // empty when !is_valid
  bool is_valid = false;
  std::uint64_t number = 0;  // 0, 1, 2 … in order of arrival at this backend
  std::string peer;
  std::multimap<std::string, std::string> metadata;
  std::chrono::steady_clock::time_point arrived;
  std::chrono::system_clock::time_point deadline;  // max() when the caller set none
};

// How one request is answered. The default is success with partial_success unset.
struct Answer {
  int code = 0;  // any integer travels, 99 included
  std::string message = {};
  std::optional<std::chrono::milliseconds> retry_delay =
      {};                                   // adds RetryInfo to the status details
  std::optional<std::string> details = {};  // replaces the status details, byte for byte
  std::int64_t rejected_spans = 0;          // with `warning`: partial_success
  std::string warning = {};
  std::optional<std::string> response = {};  // replaces the response message, byte for byte
  std::chrono::milliseconds delay{0};
  bool gzip = false;
  std::vector<std::pair<std::string, std::string>> trailers = {};
};

class GrpcBackend {
 public:
  using Script = std::function<Answer(const ReceivedRequest&)>;
  using Observer = std::function<void(const ReceivedRequest&)>;

  struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the kernel picks
    std::size_t message_bytes_max = 64u << 20;
    bool keep_requests = true;  // false for long runs: only the observer and the counters see them
    Observer observer = {};     // called before the answer is decided
    std::shared_ptr<grpc::ServerCredentials> credentials = {};  // null: plaintext
  };

  static Result<std::unique_ptr<GrpcBackend>> Start(Options options);
  ~GrpcBackend();
  GrpcBackend(const GrpcBackend&) = delete;
  GrpcBackend& operator=(const GrpcBackend&) = delete;

  std::uint16_t port() const { return port_; }
  std::string endpoint() const { return options_.address + ":" + std::to_string(port_); }

  // What to answer from now on; the default script always says OK.
  void SetScript(Script script);
  void AlwaysAnswer(Answer answer);

  // Copies: the backend goes on receiving.
  std::vector<ReceivedRequest> requests() const;
  SpanLedger ledger() const;  // every request, whatever it was answered; empty unless keep_requests
  std::uint64_t request_count() const;
  std::uint64_t cancelled_count() const;  // calls that ended before their answer was due
  // False at the deadline.
  bool WaitForRequests(std::uint64_t count, std::chrono::milliseconds deadline);
  bool WaitForCancelled(std::uint64_t count, std::chrono::milliseconds deadline);
  // Forgets requests, ledger and counters, and answers OK again.
  void Reset();

 private:
  class Service;
  class Call;

  explicit GrpcBackend(Options options);
  Answer Accept(ReceivedRequest request);
  void CountCancelled();

  const Options options_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;

  mutable std::mutex mu_;
  std::condition_variable changed_;
  Script script_;                          // under mu_
  std::vector<ReceivedRequest> requests_;  // under mu_
  SpanLedger ledger_;                      // under mu_
  std::uint64_t request_count_ = 0;        // under mu_
  std::uint64_t cancelled_count_ = 0;      // under mu_
};

}  // namespace router::test
