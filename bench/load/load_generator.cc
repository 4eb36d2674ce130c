// load_generator: sends OTLP requests to one address, keeps a number in flight, judges every
// answer and prints one line of JSON. SIGTERM and SIGINT end it early: nothing more is issued,
// answers are awaited. Exit code 0: every request was answered OK; 1: some were not; 2: bad use.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/http1_connection.h"
#include "bench/load/load_connection.h"
#include "bench/load/random.h"
#include "bench/load/request_source.h"
#include "bench/load/socket.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWaitMaxSeconds = 0.1;

volatile sig_atomic_t stop_requested = 0;

struct LoadOptions {
  std::string target;
  std::uint32_t connections = 4;
  LoadConnection::Options connection;
  SourceOptions source;
  bool http = false;
  bool tls = false;
  bool fresh = false;
  std::uint64_t requests = 0;  // 0: no bound
  std::uint64_t spans = 0;     // 0: no bound
  double seconds = 0;          // 0: no bound
  double warm_up_seconds = 0;
  double rate = 0;       // requests per second, 0: as fast as answers come
  bool poisson = false;  // arrivals at random instead of evenly
  double drain_seconds = 30;
};

// Counts what may still be issued: by number, spans, time and rate. With a rate there is a plan of
// when each request begins, whatever the answers do: an open loop.
class Gate final : public IssueGate {
 public:
  Gate(const LoadOptions& options, const LoadResults& results)
      : options_(options), results_(results), random_(options.source.seed), start_(Clock::now()) {}

  bool MayIssue() override { return !Finished() && SecondsToNext() <= 0; }
  std::uint64_t SpansLeft() override {
    return options_.spans == 0 ? 0 : options_.spans - results_.spans_sent;
  }
  Clock::time_point TakeDue() override {
    if (options_.rate <= 0) return Clock::now();
    const Clock::time_point due = start_ + Duration(next_due_);
    const double mean = 1 / options_.rate;
    next_due_ += options_.poisson ? -mean * std::log(1 - random_.Fraction()) : mean;
    return due;
  }
  bool IsMeasured(Clock::time_point due) const override {
    return due >= start_ + Duration(options_.warm_up_seconds);
  }
  // Until the plan has another request; 0 or less: now.
  double SecondsToNext() const { return options_.rate <= 0 ? 0 : next_due_ - Elapsed(); }
  // Nothing more will be issued.
  bool Finished() const {
    return stop_requested != 0 || (options_.requests > 0 && results_.issued >= options_.requests) ||
           (options_.spans > 0 && results_.spans_sent >= options_.spans) ||
           (options_.seconds > 0 && Elapsed() >= options_.seconds);
  }
  double Elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  static Clock::duration Duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  const LoadOptions& options_;
  const LoadResults& results_;
  Random random_;
  Clock::time_point start_;
  double next_due_ = 0;  // seconds after the start
};

class LoadGenerator {
 public:
  explicit LoadGenerator(const LoadOptions& options)
      : options_(options),
        source_(options.fresh ? MakeFreshSource(options.source) : MakePooledSource(options.source)),
        buffer_(FrameReader::kBufferBytes),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~LoadGenerator() { close(epoll_); }

  bool ConnectAll(const sockaddr_in& target, Gate& gate, LoadResults& results) {
    if (options_.tls && !wires_.SpeakTlsAsClient()) return false;
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      const int fd = Connect(target);
      if (fd < 0) return false;
      connections_.push_back(MakeConnection(fd, gate, results));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = connections_.back().get();
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      wants_write_.push_back(false);
    }
    return true;
  }

  std::unique_ptr<ClientConnection> MakeConnection(int fd, Gate& gate, LoadResults& results) {
    if (options_.http) {
      return std::make_unique<Http1Connection>(fd, wires_.Make(fd), options_.connection.encoding,
                                               gate, *source_, results);
    }
    return std::make_unique<LoadConnection>(fd, options_.connection, gate, *source_, results,
                                            wires_.Make(fd));
  }

  // Until nothing more may be issued and everything is answered, or the drain time is over.
  void Run(const Gate& gate, const LoadResults& results) {
    double drain_end = 0;
    std::size_t turn = 0;
    for (;;) {
      const bool was_due = gate.SecondsToNext() <= 0;
      const std::uint64_t issued_before = results.issued;
      // Beginning with another one each time, so that at a low rate they take turns.
      for (std::size_t i = 0; i < connections_.size(); ++i) Push((turn + i) % connections_.size());
      ++turn;
      const bool finished = gate.Finished() || !Any(&ClientConnection::usable);
      if (finished && drain_end == 0) drain_end = gate.Elapsed() + options_.drain_seconds;
      if (finished && !Any(&ClientConnection::in_flight)) return;
      if (finished && gate.Elapsed() > drain_end) return;
      // What has been due all the time and was not issued has no room: only answers help.
      const bool is_stuck = was_due && results.issued == issued_before;
      const bool has_plan = options_.rate > 0 && !finished && !is_stuck;
      Wait(has_plan ? std::max(0.0, gate.SecondsToNext()) : kWaitMaxSeconds);
    }
  }

  const RequestSource& source() const { return *source_; }
  std::size_t unanswered() const {
    std::size_t total = 0;
    for (const auto& connection : connections_) total += connection->in_flight();
    return total;
  }

 private:
  template <typename Property>
  bool Any(Property property) const {
    return std::any_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
      return static_cast<bool>(((*connection).*property)());
    });
  }

  // Issues and writes what can be; asks for a wake-up if the socket is full.
  void Push(std::size_t index) {
    ClientConnection& connection = *connections_[index];
    if (connection.closed()) return;
    connection.Fill();
    const bool wants_write = connection.Flush();
    if (connection.closed()) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd(), nullptr);
    } else if (wants_write != wants_write_[index]) {
      wants_write_[index] = wants_write;
      epoll_event event{};
      event.events = EPOLLIN | (wants_write ? std::uint32_t{EPOLLOUT} : 0);
      event.data.ptr = &connection;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd(), &event);
    }
  }

  // For what arrives, at most until the next request is due.
  void Wait(double seconds_to_next) {
    constexpr int kEventsMax = 256;
    constexpr long kSecondNs = 1'000'000'000;
    epoll_event events[kEventsMax];
    const double seconds = std::min(seconds_to_next, kWaitMaxSeconds);
    const timespec timeout{.tv_sec = 0, .tv_nsec = static_cast<long>(seconds * kSecondNs)};
    const int count = epoll_pwait2(epoll_, events, kEventsMax, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<ClientConnection*>(events[i].data.ptr);
      if ((events[i].events & ~std::uint32_t{EPOLLOUT}) == 0) continue;
      connection.OnReadable(buffer_);
      if (connection.closed()) epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd(), nullptr);
    }
  }

  const LoadOptions& options_;
  std::unique_ptr<RequestSource> source_;
  WireFactory wires_;
  std::vector<std::uint8_t> buffer_;
  int epoll_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<bool> wants_write_;  // by connection: EPOLLOUT is set
};

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';
    out.push_back(plain ? c : '?');
  }
  return out + "\"";
}

void Print(const LoadResults& results, double seconds, std::size_t unanswered,
           const RequestSource& source) {
  std::printf(
      "{\"requests\": %llu, \"ok\": %llu, \"unanswered\": %zu, \"spans_sent\": %llu, "
      "\"spans_acknowledged\": %llu, \"bytes\": %llu, \"seconds\": %.3f, "
      "\"p50_us\": %.1f, \"p99_us\": %.1f, \"span_numbers\": %llu, \"trace_numbers\": %llu, ",
      static_cast<unsigned long long>(results.issued), static_cast<unsigned long long>(results.ok),
      unanswered, static_cast<unsigned long long>(results.spans_sent),
      static_cast<unsigned long long>(results.spans_acknowledged),
      static_cast<unsigned long long>(results.bytes_sent), seconds,
      static_cast<double>(results.latency.Quantile(0.5)) / 1000,
      static_cast<double>(results.latency.Quantile(0.99)) / 1000,
      static_cast<unsigned long long>(source.end_span_number()),
      static_cast<unsigned long long>(source.end_trace_number()));
  std::printf("\"errors\": {");
  const char* separator = "";
  for (const auto& [code, count] : results.errors) {
    std::printf("%s%s: {\"count\": %llu, \"message\": %s}", separator, Quoted(code).c_str(),
                static_cast<unsigned long long>(count),
                Quoted(results.error_messages.at(code)).c_str());
    separator = ", ";
  }
  std::printf("}}\n");
}

void Describe(CLI::App& app, LoadOptions& options) {
  SourceOptions& source = options.source;
  app.add_option("target", options.target, "IPv4 address and port")->required();
  app.add_option("--connections", options.connections);
  app.add_option("--in-flight", options.connection.in_flight, "requests in flight per connection");
  app.add_option("--spans", source.spans_max, "spans per request");
  app.add_option("--spans-min", source.spans_min,
                 "with this, sizes are log-uniform from here to --spans");
  app.add_option(
      "--traces", source.traces,
      "distinct traces per request; with --fresh, traces under way (default: spans / 5)");
  app.add_option("--trace-spans", source.mean_spans_per_trace,
                 "mean spans per trace, with --fresh");
  app.add_option("--resources", source.resources_max, "at most so many ResourceSpans per request");
  app.add_option("--pool", source.pool, "different requests encoded beforehand");
  app.add_flag("--fresh", options.fresh, "every span unique, so that a sink can verify");
  app.add_option("--seed", source.seed);
  app.add_option("--encoding", source.encoding, "of the bodies")
      ->check(CLI::IsMember({"gzip", "zstd"}));
  app.add_flag("--http", options.http, "OTLP/HTTP over HTTP/1.1, one request at a time");
  app.add_flag("--tls", options.tls);
  app.add_option("--grpc-timeout", options.connection.grpc_timeout, "as on the wire, such as 10S");
  app.add_option("--requests", options.requests, "stop after so many requests");
  app.add_option("--total-spans", options.spans, "stop after exactly so many spans (with --fresh)");
  app.add_option("--seconds", options.seconds, "stop after this time");
  app.add_option("--rate", options.rate,
                 "requests per second, whatever the answers do; latency counts from the plan");
  app.add_flag("--poisson", options.poisson, "with --rate: at random instead of evenly");
  app.add_option("--warm-up", options.warm_up_seconds, "latency is recorded only after so long");
  app.add_option("--drain-seconds", options.drain_seconds, "wait so long for the last answers");
}

int Main(int argc, char** argv) {
  LoadOptions options;
  options.source.spans_min = 0;
  CLI::App app("OTLP load generator");
  Describe(app, options);
  CLI11_PARSE(app, argc, argv);
  SourceOptions& source = options.source;
  if (source.spans_min == 0) source.spans_min = source.spans_max;
  options.connection.encoding = source.encoding;
  const auto target = ParseAddress(options.target);
  const bool bounded = options.requests > 0 || options.spans > 0 || options.seconds > 0;
  if (!target || !bounded || source.spans_max == 0 || source.pool == 0 ||
      source.resources_max == 0 || (options.spans > 0 && !options.fresh)) {
    std::fprintf(stderr,
                 "load_generator: need an IPv4 address:port, sizes above zero, one of --requests, "
                 "--seconds, --total-spans (the last with --fresh)\n");
    return 2;
  }
  signal(SIGTERM, [](int) { stop_requested = 1; });
  signal(SIGINT, [](int) { stop_requested = 1; });
  signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  prctl(PR_SET_TIMERSLACK, 1UL);  // wake for the next request when it is due, not 50 us later
  LoadResults results;
  LoadGenerator generator(options);
  Gate gate(options, results);
  if (!generator.ConnectAll(*target, gate, results)) {
    std::perror("load_generator: connect");
    return 2;
  }
  generator.Run(gate, results);
  Print(results, gate.Elapsed(), generator.unanswered(), generator.source());
  return results.ok == results.issued && results.errors.empty() ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
