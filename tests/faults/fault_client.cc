// fault_client: callers over gRPC C++ that send checkable requests and write down each answer.
//
//   fault_client --target ipv4:A:P[,B:P] --ledger FILE --seed N [--rate R] [--callers N]
//                [--tries N] [--cancel PERCENT] [--gzip PERCENT] [--spans-max N] [--impatient]
//                [--deadline MS] [--large] [--single-trace]
//
// Every caller is a thread that sends a request when its turn comes, waits for the answer, and
// sends the same bytes again after a retryable one, not before RetryInfo says so. The end of
// standard input ends the load: running calls finish, nothing new begins. One line per try, times
// of CLOCK_MONOTONIC in nanoseconds, fields separated by tabs:
//   REQUEST TRY SPANS BEGIN END DEADLINE_MS CODE RETRY_MS REJECTED CANCELLED MESSAGE
// DEADLINE_MS and RETRY_MS are -1 when there is none. CANCELLED is 1 if this client asked for it.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/random.h"
#include "tests/faults/content.h"
#include "tests/support/grpc_client.h"

namespace faults {
namespace {

using Clock = std::chrono::steady_clock;
using router::test::CallOptions;
using router::test::CallResult;
using router::test::GrpcClient;
using std::chrono::milliseconds;

constexpr std::uint64_t kRequestsPerCallerMax = std::uint64_t{1} << 24;
constexpr std::uint64_t kTracesPerCallerMax = std::uint64_t{1} << 32;
constexpr milliseconds kAnswerMax{30'000};  // longer than any deadline: the call is given up
constexpr milliseconds kBackoffMin{50};
constexpr milliseconds kBackoffMax{2000};

struct Options {
  std::string target;
  std::string ledger;
  std::uint64_t seed = 1;
  double rate = 100;
  std::size_t callers = 32;
  std::size_t channels = 6;
  int tries = 6;
  int cancel_percent = 0;
  int gzip_percent = 50;
  std::size_t spans_max = 200;
  int deadline_ms = 0;  // 0: all kinds, some calls none
  bool is_impatient = false;
  bool is_large = false;         // no request is one of the small ones
  bool is_single_trace = false;  // all spans of a request are of one trace, its own
};

// Codes that OTLP calls retryable; RESOURCE_EXHAUSTED only with RetryInfo.
bool IsRetryable(int code, bool has_retry_info) {
  constexpr std::array<int, 6> kRetryable = {1, 4, 10, 11, 14, 15};
  if (code == 8) return has_retry_info;
  return std::find(kRetryable.begin(), kRetryable.end(), code) != kRetryable.end();
}

std::uint64_t RejectedSpans(const std::string& response) {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse parsed;
  if (!parsed.ParseFromString(response)) return 0;
  return static_cast<std::uint64_t>(parsed.partial_success().rejected_spans());
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text.substr(0, 200);
}

std::int64_t Nanoseconds(Clock::time_point at) {
  return at.time_since_epoch() / std::chrono::nanoseconds(1);
}

// Retries are left on: gRPC sends again, by itself, a call that provably no server has seen (picked
// for a connection in the moment of its GOAWAY), and no other.
std::unique_ptr<GrpcClient> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Else a client stays away for many seconds after a few restarts of its only router.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetMaxReceiveMessageSize(-1);
  return std::make_unique<GrpcClient>(
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
}

// Ends all waiting of the callers at once.
class Stop {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  // True if stopped before `until`.
  bool WaitUntil(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, until, [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

class Caller {
 public:
  Caller(const Options& options, std::size_t index, int ledger, GrpcClient& client, Stop& stop)
      : options_(options),
        ledger_(ledger),
        client_(client),
        stop_(stop),
        random_(options.seed * 1'000'003 + index),
        traces_(options.seed * 7'919 + index, 1 + index * kTracesPerCallerMax),
        request_number_(1 + index * kRequestsPerCallerMax) {}

  void Run() {
    const double mean_pause_ms = 1000.0 * static_cast<double>(options_.callers) / options_.rate;
    Clock::time_point turn = Clock::now();
    for (;;) {
      turn += std::chrono::microseconds(
          static_cast<std::int64_t>(1000 * mean_pause_ms * 2 * random_.Fraction()));
      turn = std::max(turn, Clock::now() - milliseconds(200));  // no storm after an outage
      if (stop_.WaitUntil(turn)) return;
      SendOne();
    }
  }

 private:
  void SendOne() {
    const std::uint64_t number = request_number_++;
    // Many small ones, some large.
    const std::size_t bound =
        options_.is_large || random_.Below(4) == 0 ? options_.spans_max : options_.spans_max / 8;
    const std::size_t spans = 1 + random_.Below(std::max<std::size_t>(bound, 1));
    TraceWindow one = TraceWindow::Of(number);
    const std::string bytes =
        MakeRequest(options_.seed, number, spans, options_.is_single_trace ? one : traces_);
    CallOptions call;
    call.gzip = Chance(options_.gzip_percent);
    call.deadline = PickDeadline();
    milliseconds backoff = kBackoffMin;
    for (int attempt = 1; attempt <= options_.tries; ++attempt) {
      std::optional<milliseconds> wait;
      if (!TryOnce(number, attempt, spans, bytes, call, wait)) return;
      backoff = std::min(kBackoffMax, backoff * 2);
      if (!wait || options_.is_impatient) {
        wait = milliseconds(1 + random_.Below(static_cast<std::uint64_t>(backoff.count())));
      }
      if (stop_.WaitUntil(Clock::now() + *wait)) return;
    }
  }

  // True if the answer asks for another try. `wait` is RetryInfo.
  bool TryOnce(std::uint64_t number, int attempt, std::size_t spans, const std::string& bytes,
               const CallOptions& options, std::optional<milliseconds>& wait) {
    const Clock::time_point begin = Clock::now();
    const auto call = client_.Start(bytes, options);
    const bool is_cancelled = Chance(options_.cancel_percent);
    const CallResult* result = nullptr;
    if (is_cancelled) result = call->Wait(milliseconds(random_.Below(60)));
    if (is_cancelled && result == nullptr) call->Cancel();
    const bool did_cancel = is_cancelled && result == nullptr;
    if (result == nullptr) result = call->Wait(kAnswerMax);
    const Clock::time_point end = Clock::now();
    if (result == nullptr) {
      Write(number, attempt, spans, begin, end, options, "never", -1, 0, did_cancel, "");
      return false;
    }
    wait = result->retry_delay;
    Write(number, attempt, spans, begin, end, options, std::to_string(result->code()),
          wait ? wait->count() : -1, result->code() == 0 ? RejectedSpans(result->response) : 0,
          did_cancel, OneLine(result->status.error_message()));
    return !did_cancel && IsRetryable(result->code(), wait.has_value());
  }

  void Write(std::uint64_t number, int attempt, std::size_t spans, Clock::time_point begin,
             Clock::time_point end, const CallOptions& options, const std::string& code,
             std::int64_t retry_ms, std::uint64_t rejected, bool is_cancelled,
             const std::string& message) {
    const std::string tab = "\t";
    const std::int64_t deadline_ms = options.deadline ? options.deadline->count() : -1;
    const std::string line =
        std::to_string(number) + tab + std::to_string(attempt) + tab + std::to_string(spans) + tab +
        std::to_string(Nanoseconds(begin)) + tab + std::to_string(Nanoseconds(end)) + tab +
        std::to_string(deadline_ms) + tab + code + tab + std::to_string(retry_ms) + tab +
        std::to_string(rejected) + tab + (is_cancelled ? "1" : "0") + tab + message + "\n";
    if (write(ledger_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      std::perror("fault_client: ledger");
      _exit(3);
    }
  }

  std::optional<milliseconds> PickDeadline() {
    if (options_.deadline_ms > 0) return milliseconds(options_.deadline_ms);
    constexpr std::array<int, 8> kDeadlines = {200, 500, 1000, 2000, 5000, 10'000, 10'000, 0};
    const int deadline = kDeadlines[random_.Below(kDeadlines.size())];
    if (deadline == 0) return std::nullopt;
    return milliseconds(deadline);
  }
  bool Chance(int percent) { return random_.Below(100) < static_cast<std::uint64_t>(percent); }

  const Options& options_;
  int ledger_;
  GrpcClient& client_;
  Stop& stop_;
  bench::Random random_;
  TraceWindow traces_;
  std::uint64_t request_number_;
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("callers that write down each answer");
  app.add_option("--target", options.target, "of gRPC: ipv4:ADDRESS:PORT[,…]")->required();
  app.add_option("--ledger", options.ledger)->required();
  app.add_option("--seed", options.seed);
  app.add_option("--rate", options.rate, "new requests per second");
  app.add_option("--callers", options.callers, "calls at a time");
  app.add_option("--channels", options.channels, "connections to each router");
  app.add_option("--tries", options.tries, "of one request");
  app.add_option("--cancel", options.cancel_percent, "percent cancelled within 60 ms");
  app.add_option("--gzip", options.gzip_percent, "percent compressed");
  app.add_option("--spans-max", options.spans_max)->check(CLI::Range(8, 256));
  app.add_option("--deadline", options.deadline_ms, "ms, of every call; all kinds when left out");
  app.add_flag("--impatient", options.is_impatient, "retries before RetryInfo says so");
  app.add_flag("--large", options.is_large, "not three of four requests are small");
  app.add_flag("--single-trace", options.is_single_trace, "each request has one trace of its own");
  CLI11_PARSE(app, argc, argv);
  const int ledger = open(options.ledger.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (ledger < 0) {
    std::perror("fault_client: ledger");
    return 2;
  }
  std::vector<std::unique_ptr<GrpcClient>> clients;
  for (std::size_t i = 0; i < options.channels; ++i) {
    clients.push_back(Connect(options.target));
  }
  Stop stop;
  std::vector<std::unique_ptr<Caller>> callers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.callers; ++i) {
    callers.push_back(
        std::make_unique<Caller>(options, i, ledger, *clients[i % clients.size()], stop));
    threads.emplace_back([caller = callers.back().get()] { caller->Run(); });
  }
  char unused[64];
  while (read(STDIN_FILENO, unused, sizeof(unused)) > 0) {
  }
  stop.Set();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace faults

int main(int argc, char** argv) { return faults::Main(argc, argv); }
