// sink: N fake backends in one thread, each an address of its own. Answers every OTLP/gRPC request
// OK, counts spans per address and, with --verify, which span arrived how often and where.
//
// Prints "listening PORT CONTROL_PORT" when ready. Whoever connects to the control port gets the
// counters as one line of JSON; SIGTERM and SIGINT print the same line to stdout and end the
// program.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/load/sink_connection.h"
#include "bench/load/socket.h"
#include "bench/load/span_ledger.h"

namespace bench {
namespace {

constexpr int kControlSeconds = 2;

struct SinkOptions {
  std::vector<std::string> hosts = {"127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"};
  std::uint16_t port = 0;
  bool verify = false;
  std::uint64_t lose_every = 0;
  std::size_t sample = 100;
  std::string certificate = {};  // PEM files: TLS
  std::string key = {};
};

class Sink {
 public:
  explicit Sink(const SinkOptions& options)
      : options_(options),
        buffer_(FrameReader::kBufferBytes),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  bool Start() {
    if (!options_.certificate.empty() &&
        !wires_.SpeakTlsAsServer(options_.certificate, options_.key)) {
      std::fprintf(stderr, "sink: cannot use %s and %s\n", options_.certificate.c_str(),
                   options_.key.c_str());
      return false;
    }
    std::uint16_t port = options_.port;
    for (const std::string& host : options_.hosts) {
      const int fd = ListenOn(host + ":" + std::to_string(port), port);
      if (fd < 0) return false;
      auto listener = std::make_unique<SinkListener>();
      listener->index = listeners_.size();
      listener->ledger = options_.verify ? &ledger_ : nullptr;
      listener->lose_every = options_.lose_every;
      listeners_.push_back(std::move(listener));
      listener_fds_.push_back(fd);
      addresses_.push_back(host + ":" + std::to_string(port));
    }
    std::uint16_t control_port = 0;
    control_ = ListenOn("127.0.0.1:0", control_port);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (control_ < 0 || signal_ < 0) return false;
    Watch(EPOLL_CTL_ADD, signal_, EPOLLIN);
    std::printf("listening %u %u\n", unsigned{port}, unsigned{control_port});
    std::fflush(stdout);
    return true;
  }

  void Run() {
    constexpr int kEventsMax = 256;
    epoll_event events[kEventsMax];
    for (;;) {
      const int count = epoll_wait(epoll_, events, kEventsMax, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == signal_) return;
        if (fd == control_) {
          AnswerControl();
        } else if (const auto found = connections_.find(fd); found != connections_.end()) {
          if ((events[i].events & ~std::uint32_t{EPOLLOUT}) != 0)
            found->second->OnReadable(buffer_);
        } else {
          AcceptFrom(fd);
        }
      }
      for (int i = 0; i < count; ++i) {
        const auto found = connections_.find(events[i].data.fd);
        if (found == connections_.end()) continue;
        const bool wants_write = found->second->Flush();
        if (found->second->closed()) {
          connections_.erase(found);
        } else if (wants_write || (events[i].events & EPOLLOUT) != 0) {
          Watch(EPOLL_CTL_MOD, found->first, EPOLLIN | (wants_write ? std::uint32_t{EPOLLOUT} : 0));
        }
      }
    }
  }

  std::string Report() const;

 private:
  int ListenOn(const std::string& text, std::uint16_t& port) {
    auto address = ParseAddress(text);
    if (!address) return -1;
    const int fd = Listen(*address);
    if (fd < 0) return -1;
    port = ntohs(address->sin_port);
    Watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    return fd;
  }

  void Watch(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void AcceptFrom(int listener_fd) {
    for (std::size_t i = 0; i < listener_fds_.size(); ++i) {
      if (listener_fds_[i] != listener_fd) continue;
      for (int fd = Accept(listener_fd); fd >= 0; fd = Accept(listener_fd)) {
        const auto added =
            connections_
                .emplace(fd, std::make_unique<SinkConnection>(fd, *listeners_[i], wires_.Make(fd)))
                .first;
        added->second->Flush();
        Watch(EPOLL_CTL_ADD, fd, EPOLLIN);
      }
    }
  }

  void AnswerControl() {
    const int fd = Accept(control_);
    if (fd < 0) return;
    std::string report = Report();
    SetBlocking(fd, kControlSeconds);
    bool closed = false;
    SendSome(fd, report, closed);  // what a reader does not take in time is cut, and it notices
    close(fd);
  }

  SinkOptions options_;
  WireFactory wires_;
  std::vector<std::uint8_t> buffer_;
  int epoll_;
  int control_ = -1;
  int signal_ = -1;
  SpanLedger ledger_;
  std::vector<std::unique_ptr<SinkListener>> listeners_;
  std::vector<int> listener_fds_;
  std::vector<std::string> addresses_;
  std::unordered_map<int, std::unique_ptr<SinkConnection>> connections_;
};

std::string Hex(const TraceId& id) {
  std::string out;
  for (const std::uint8_t byte : id) {
    out.push_back("0123456789abcdef"[byte >> 4]);
    out.push_back("0123456789abcdef"[byte & 15]);
  }
  return out;
}

std::string Sink::Report() const {
  const auto pair = [](const char* key, std::uint64_t value) {
    return "\"" + std::string(key) + "\": " + std::to_string(value);
  };
  SinkCounters total;
  std::string rows;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    const SinkCounters& counters = listeners_[i]->counters;
    total.requests += counters.requests;
    total.spans += counters.spans;
    total.body_bytes += counters.body_bytes;
    total.malformed += counters.malformed;
    rows += (i == 0 ? "" : ", ") + ("{\"address\": \"" + addresses_[i]) + "\", " +
            pair("connections", counters.connections) + ", " + pair("requests", counters.requests) +
            ", " + pair("spans", counters.spans) + "}";
  }
  std::string out = "{" + pair("requests", total.requests) + ", " + pair("spans", total.spans) +
                    ", " + pair("body_bytes", total.body_bytes) + ", " +
                    pair("malformed", total.malformed) + ", \"listeners\": [" + rows + "]";
  if (options_.verify) {
    out += ", \"verify\": {" + pair("distinct", ledger_.distinct()) + ", " +
           pair("duplicates", ledger_.duplicates()) + ", " + pair("foreign", ledger_.foreign()) +
           ", " + pair("traces", ledger_.traces()) + ", " +
           pair("misplaced_traces", ledger_.misplaced_traces()) + ", \"sample\": [";
    const char* separator = "";
    for (const auto& [trace_id, listener] : ledger_.Sample(options_.sample)) {
      out += separator + ("[\"" + Hex(trace_id)) + "\", \"" + addresses_[listener] + "\"]";
      separator = ", ";
    }
    out += "]}";
  }
  return out + "}\n";
}

int Main(int argc, char** argv) {
  SinkOptions options;
  CLI::App app("fake OTLP/gRPC backends");
  app.add_option("--hosts", options.hosts, "IPv4 addresses, one backend each")->delimiter(',');
  app.add_option("--port", options.port, "of every backend; 0: a free one");
  app.add_flag("--verify", options.verify, "check every span (the generator sends with --fresh)");
  app.add_option("--lose-every", options.lose_every, "forget every n-th span, to see the alarm");
  app.add_option("--sample", options.sample, "traces listed with their backend");
  app.add_option("--certificate", options.certificate, "PEM file: speak TLS, with --key");
  app.add_option("--key", options.key, "PEM file");
  CLI11_PARSE(app, argc, argv);
  if (options.hosts.empty() ||
      (options.verify && options.hosts.size() > SpanLedger::kListenersMax)) {
    std::fprintf(stderr, "sink: 1 to %zu hosts with --verify\n", SpanLedger::kListenersMax);
    return 2;
  }
  RaiseFileLimit();
  Sink sink(options);
  if (!sink.Start()) {
    std::perror("sink: listen");
    return 2;
  }
  sink.Run();
  std::fputs(sink.Report().c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
