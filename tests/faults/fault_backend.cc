// fault_backend: a scripted collector, one process and one address, that writes down every span.
//
//   fault_backend --listen 127.0.0.2:4317 --ledger FILE [--seed N]
//
// Prints "listening ADDRESS". Commands come line by line on standard input (behaviour.h); its end
// ends the program. The ledger is appended to by one write() per request before the answer leaves,
// so that it tells the truth after SIGKILL. One line each, times of CLOCK_MONOTONIC in nanoseconds:
//   start TIME
//   command TIME LINE
//   ok|dirty|gone|code:N[:MS] TIME BYTES SPAN…
// ok: taken and answered so. dirty: taken, but the peer may never hear of it. gone: not taken, the
// peer gave up or is refused without a word. code: refused, with RetryInfo of MS.
// SPAN is TRACE.NUMBER, then "-" if partial_success left it out, "!" if any of its sums was wrong.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/random.h"
#include "bench/load/socket.h"
#include "tests/faults/answers.h"
#include "tests/faults/backend_connection.h"
#include "tests/faults/content.h"

namespace faults {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint32_t kRefusedStream = 7;
constexpr int kResourceExhausted = 8;

struct Request {
  std::vector<SeenSpan> spans;
  std::size_t bytes = 0;
  bool is_readable = false;
};

class FaultBackend final : private RequestObserver {
 public:
  FaultBackend(int ledger, std::uint64_t seed)
      : ledger_(ledger), random_(seed), buffer_(bench::FrameReader::kBufferBytes) {}

  bool Listen(sockaddr_in& address) {
    listener_ = bench::Listen(address);
    return listener_ >= 0;
  }
  void Run();

 private:
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // connection, stream

  void OnRequest(BackendConnection& connection, std::uint32_t stream_id, std::string body,
                 bool is_readable) override;
  void OnRequestGone(BackendConnection& connection, std::uint32_t stream_id) override;

  bool ReadCommands();
  void Execute(const std::string& line);
  void AnswerDue();
  void Answer(BackendConnection& connection, std::uint32_t stream_id, const Request& request);
  void Accept(BackendConnection& connection, std::uint32_t stream_id, const Request& request);
  bool Chance(int percent) {
    return percent > 0 && random_.Below(100) < static_cast<std::uint64_t>(percent);
  }
  void Write(const std::string& line);
  void Record(const std::string& answer, const Request& request, std::size_t left_out = 0);
  void Watch(int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0) {
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }
  void AcceptConnections();
  void FlushAll();
  int MillisecondsToWait() const;

  int ledger_;
  int listener_ = -1;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  bench::Random random_;
  std::vector<std::uint8_t> buffer_;
  std::string commands_;  // an incomplete line
  Behaviour behaviour_;
  Clock::time_point next_goaway_{};
  std::uint64_t next_id_ = 1;
  std::map<int, std::unique_ptr<BackendConnection>> connections_;  // by descriptor
  std::map<Key, Request> pending_;
  std::multimap<Clock::time_point, Key> due_;
};

std::string Now() {
  return std::to_string(Clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

void FaultBackend::Write(const std::string& line) {
  if (write(ledger_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::perror("fault_backend: ledger");
    _exit(3);
  }
}

void FaultBackend::Record(const std::string& answer, const Request& request, std::size_t left_out) {
  std::string line = answer + " " + Now() + " " + std::to_string(request.bytes);
  for (std::size_t i = 0; i < request.spans.size(); ++i) {
    const SeenSpan& span = request.spans[i];
    line += " " + std::to_string(span.trace_number.value_or(0)) + "." +
            std::to_string(span.span_number);
    if (i + left_out >= request.spans.size()) line += "-";
    if (!span.IsIntact()) line += "!";
  }
  Write(line + "\n");
}

void FaultBackend::Run() {
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  Watch(STDIN_FILENO, EPOLLIN);
  Watch(listener_, EPOLLIN);
  Write("start " + Now() + "\n");
  constexpr int kEventsMax = 64;
  epoll_event events[kEventsMax];
  for (;;) {
    const int count = epoll_wait(epoll_, events, kEventsMax, MillisecondsToWait());
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == STDIN_FILENO) {
        if (!ReadCommands()) return;
      } else if (fd == listener_) {
        AcceptConnections();
      } else if (const auto found = connections_.find(fd); found != connections_.end()) {
        if (!behaviour_.is_blackhole && (events[i].events & ~std::uint32_t{EPOLLOUT}) != 0) {
          found->second->OnReadable(buffer_);
        }
      }
    }
    if (behaviour_.is_blackhole) continue;
    AnswerDue();
    if (behaviour_.goaway_every_ms > 0 && Clock::now() >= next_goaway_) {
      next_goaway_ = Clock::now() + milliseconds(behaviour_.goaway_every_ms);
      for (const auto& [fd, connection] : connections_) connection->GoAway(true);
    }
    FlushAll();
  }
}

int FaultBackend::MillisecondsToWait() const {
  if (behaviour_.is_blackhole) return -1;
  Clock::time_point next = Clock::time_point::max();
  if (!due_.empty()) next = due_.begin()->first;
  if (behaviour_.goaway_every_ms > 0) next = std::min(next, next_goaway_);
  if (next == Clock::time_point::max()) return -1;
  return std::max(0, static_cast<int>((next - Clock::now()) / milliseconds(1)) + 1);
}

void FaultBackend::AcceptConnections() {
  if (behaviour_.is_blackhole) {
    Watch(listener_, 0);  // the kernel goes on accepting, nobody answers
    return;
  }
  RequestObserver& observer = *this;
  for (int fd = bench::Accept(listener_); fd >= 0; fd = bench::Accept(listener_)) {
    connections_[fd] = std::make_unique<BackendConnection>(next_id_++, fd, behaviour_, observer);
    Watch(fd, EPOLLIN);
  }
}

void FaultBackend::FlushAll() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const auto current = it++;
    const bool wants_write = current->second->Flush();
    if (current->second->closed()) {
      connections_.erase(current);
    } else {
      Watch(current->first, EPOLLIN | (wants_write ? std::uint32_t{EPOLLOUT} : 0));
    }
  }
}

bool FaultBackend::ReadCommands() {
  char chunk[4096];
  const ssize_t size = read(STDIN_FILENO, chunk, sizeof(chunk));
  if (size == 0) return false;
  if (size < 0) return true;
  commands_.append(chunk, static_cast<std::size_t>(size));
  for (auto end = commands_.find('\n'); end != std::string::npos; end = commands_.find('\n')) {
    Execute(commands_.substr(0, end));
    commands_.erase(0, end + 1);
  }
  return true;
}

void FaultBackend::Execute(const std::string& line) {
  Write("command " + Now() + " " + line + "\n");
  Deed deed = Deed::kNone;
  if (!ApplyCommand(line, behaviour_, deed)) {
    std::fprintf(stderr, "fault_backend: what is \"%s\"?\n", line.c_str());
    _exit(2);
  }
  if (behaviour_.is_blackhole) {
    for (const auto& [fd, connection] : connections_) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  }
  if (deed == Deed::kHeal) Watch(listener_, EPOLLIN);
  for (const auto& [fd, connection] : connections_) {
    switch (deed) {
      case Deed::kHeal:
        if (connection->is_half_closed()) connection->CloseAfterFlush();
        connection->SendSettings(behaviour_);
        break;
      case Deed::kSettings:
        connection->SendSettings(behaviour_);
        break;
      case Deed::kGoAwayGraceful:
      case Deed::kGoAwayNow:
        connection->GoAway(deed == Deed::kGoAwayGraceful);
        break;
      case Deed::kHalfClose:
        connection->HalfClose();
        break;
      case Deed::kNone:
        break;
    }
  }
}

void FaultBackend::OnRequest(BackendConnection& connection, std::uint32_t stream_id,
                             std::string body, bool is_readable) {
  Request request;
  request.bytes = body.size();
  if (is_readable) {
    if (auto spans = ReadRequest(body)) {
      request.spans = std::move(*spans);
      request.is_readable = true;
    }
  }
  const Key key(connection.id(), stream_id);
  pending_[key] = std::move(request);
  due_.emplace(Clock::now() + milliseconds(behaviour_.latency_ms), key);
}

void FaultBackend::OnRequestGone(BackendConnection& connection, std::uint32_t stream_id) {
  const auto found = pending_.find({connection.id(), stream_id});
  if (found == pending_.end()) return;
  Record("gone", found->second);
  pending_.erase(found);
}

void FaultBackend::AnswerDue() {
  while (!due_.empty() && due_.begin()->first <= Clock::now()) {
    const Key key = due_.begin()->second;
    due_.erase(due_.begin());
    auto request = pending_.extract(key);
    if (request.empty()) continue;
    for (const auto& [fd, connection] : connections_) {
      if (connection->id() != key.first) continue;
      if (connection->can_answer()) {
        Answer(*connection, key.second, request.mapped());
      } else {
        connection->Answer(key.second);
        Record("gone", request.mapped());
      }
      break;
    }
  }
}

void FaultBackend::Answer(BackendConnection& connection, std::uint32_t stream_id,
                          const Request& request) {
  const auto refuse = [&](int code, int retry_ms, const std::string& message) {
    Record("code:" + std::to_string(code) + (retry_ms < 0 ? "" : ":" + std::to_string(retry_ms)),
           request);
    AppendRefusal(stream_id, code, retry_ms, message, connection.Answer(stream_id));
  };
  if (!request.is_readable) {
    Write("unreadable " + Now() + " 0\n");
    return refuse(3, -1, "fault backend cannot read this");
  }
  if (behaviour_.bytes_max > 0 && request.bytes > static_cast<std::size_t>(behaviour_.bytes_max)) {
    return refuse(kResourceExhausted, -1, "fault backend: received message larger than max");
  }
  if (Chance(behaviour_.fail_percent)) {
    return refuse(behaviour_.fail_code, behaviour_.fail_retry_ms,
                  "fault backend says " + std::to_string(behaviour_.fail_code));
  }
  if (Chance(behaviour_.reset_percent)) {
    const auto code = static_cast<std::uint32_t>(behaviour_.reset_code);
    const bool was_taken = code != kRefusedStream && Chance(50);
    Record(was_taken ? "dirty" : "gone", request);
    return AppendReset(stream_id, code, connection.Answer(stream_id));
  }
  Accept(connection, stream_id, request);
}

void FaultBackend::Accept(BackendConnection& connection, std::uint32_t stream_id,
                          const Request& request) {
  if (Chance(behaviour_.tcp_reset_percent)) {
    Record("dirty", request);
    AppendHalfAcceptance(stream_id, connection.Answer(stream_id));
    return connection.ResetTcp();
  }
  if (Chance(behaviour_.no_trailers_percent)) {
    Record("code:2", request);
    return AppendAcceptance(stream_id, 0, true, connection.Answer(stream_id));
  }
  std::size_t left_out = 0;
  if (Chance(behaviour_.partial_percent) && !request.spans.empty()) {
    left_out = 1 + random_.Below(request.spans.size());
  }
  Record("ok", request, left_out);
  AppendAcceptance(stream_id, left_out, false, connection.Answer(stream_id));
  if (Chance(behaviour_.close_percent)) connection.CloseAfterFlush();
}

int Main(int argc, char** argv) {
  std::string listen;
  std::string ledger;
  std::uint64_t seed = 1;
  CLI::App app("a scripted collector that writes down every span");
  app.add_option("--listen", listen, "ADDRESS:PORT")->required();
  app.add_option("--ledger", ledger, "appended to")->required();
  app.add_option("--seed", seed);
  CLI11_PARSE(app, argc, argv);
  const int fd = open(ledger.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  auto address = bench::ParseAddress(listen);
  if (fd < 0 || !address) {
    std::fprintf(stderr, "fault_backend: no ledger or no address\n");
    return 2;
  }
  FaultBackend backend(fd, seed);
  if (!backend.Listen(*address)) {
    std::perror("fault_backend: listen");
    return 2;
  }
  std::printf("listening %s\n", bench::ToString(*address).c_str());
  std::fflush(stdout);
  backend.Run();
  return 0;
}

}  // namespace
}  // namespace faults

int main(int argc, char** argv) { return faults::Main(argc, argv); }
