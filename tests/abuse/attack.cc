#include "tests/abuse/attack.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

#include "bench/load/request_source.h"
#include "bench/load/socket.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

int MillisecondsUntil(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

int ConnectTo(std::uint16_t port) {
  const auto address = ParseAddress("127.0.0.1:" + std::to_string(port));
  return address ? Connect(*address) : -1;
}

// Hands out given bodies, once each.
class GivenBodies final : public RequestSource, public IssueGate {
 public:
  explicit GivenBodies(const std::vector<Body>& bodies) : bodies_(bodies) {}

  Request Next(std::uint64_t) override {
    return {.bytes = bodies_[next_++], .storage = {}, .spans = 0};
  }
  void Recycle(Request) override {}
  std::uint64_t end_span_number() const override { return 0; }
  std::uint64_t end_trace_number() const override { return 0; }
  bool MayIssue() override { return next_ < bodies_.size(); }
  std::uint64_t SpansLeft() override { return 0; }

 private:
  const std::vector<Body>& bodies_;
  std::size_t next_ = 0;
};

std::uint64_t StatusKib(int pid, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(key + ":", 0) == 0)
      return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10);
  }
  return 0;
}

}  // namespace

LoadResults SendBodies(std::uint16_t port, const LoadConnection::Options& options,
                       const std::vector<Body>& bodies, std::chrono::milliseconds deadline) {
  LoadResults results;
  const int fd = ConnectTo(port);
  if (fd < 0) {
    results.Fail("no connection", "");
    return results;
  }
  GivenBodies given(bodies);
  LoadConnection connection(fd, options, given, given, results);
  std::vector<std::uint8_t> buffer(FrameReader::kBufferBytes);
  const Clock::time_point end = Clock::now() + deadline;
  while (connection.usable() && Clock::now() < end) {
    connection.Fill();
    const bool wants_write = connection.Flush();
    if (!given.MayIssue() && connection.in_flight() == 0) break;
    pollfd waiting{fd, static_cast<short>(POLLIN | (wants_write ? POLLOUT : 0)), 0};
    poll(&waiting, 1, MillisecondsUntil(end));
    if ((waiting.revents & ~POLLOUT) != 0) connection.OnReadable(buffer);
  }
  for (std::size_t i = 0; i < connection.in_flight(); ++i) results.Fail("unanswered", "");
  return results;
}

bool SendBytes(std::uint16_t port, const std::string& bytes, std::chrono::milliseconds deadline) {
  const int fd = ConnectTo(port);
  if (fd < 0) return false;
  const Clock::time_point end = Clock::now() + deadline;
  std::size_t sent = 0;
  bool closed = false;
  char sink[4096];
  while (!closed && Clock::now() < end) {
    pollfd waiting{fd, static_cast<short>(POLLIN | (sent < bytes.size() ? POLLOUT : 0)), 0};
    if (poll(&waiting, 1, MillisecondsUntil(end)) <= 0) break;
    if ((waiting.revents & POLLOUT) != 0) {
      const ssize_t size = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) closed = true;
      if (size > 0) sent += static_cast<std::size_t>(size);
    }
    if ((waiting.revents & ~POLLOUT) != 0) {
      const ssize_t size = recv(fd, sink, sizeof(sink), 0);
      closed = closed || size == 0 || (size < 0 && errno != EAGAIN);
    }
  }
  close(fd);
  return closed;
}

std::string ReadAll(std::uint16_t port, std::chrono::milliseconds deadline) {
  const int fd = ConnectTo(port);
  if (fd < 0) return {};
  const Clock::time_point end = Clock::now() + deadline;
  std::string out;
  char piece[4096];
  for (bool open = true; open && Clock::now() < end;) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, MillisecondsUntil(end)) <= 0) break;
    const ssize_t size = recv(fd, piece, sizeof(piece), 0);
    if (size > 0) out.append(piece, static_cast<std::size_t>(size));
    open = size > 0;
  }
  close(fd);
  return out;
}

SilentCrowd::~SilentCrowd() {
  for (const int fd : fds_) close(fd);
}

std::size_t SilentCrowd::Open(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = ConnectTo(port_);
    if (fd < 0) break;
    fds_.push_back(fd);
    std::string said;
    if (i % 10 == 1) said = kClientPreface.substr(0, 1 + i % 23);
    if (i % 10 == 2) said = std::string(kClientPreface) + std::string("\0\0\x40\x01", 4);
    if (!said.empty()) (void)!send(fd, said.data(), said.size(), MSG_NOSIGNAL);
  }
  return fds_.size();
}

std::size_t SilentCrowd::Closed() const {
  std::size_t closed = 0;
  char sink[256];
  for (const int fd : fds_) {
    ssize_t size = 1;
    while (size > 0) size = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
    if (size == 0 || errno != EAGAIN) ++closed;
  }
  return closed;
}

std::map<int, std::size_t> SendHttp(std::uint16_t port, const std::vector<std::string>& requests,
                                    std::chrono::milliseconds deadline) {
  struct Asking {
    int fd = -1;
    std::size_t sent = 0;
    std::string answer;
  };
  const Clock::time_point end = Clock::now() + deadline;
  std::vector<Asking> all(requests.size());
  std::vector<pollfd> waiting(requests.size());
  for (Asking& one : all) one.fd = ConnectTo(port);
  std::map<int, std::size_t> statuses;
  const auto finish = [&](Asking& one) {
    const bool has_status = one.answer.size() >= 12 && one.answer.rfind("HTTP/1.", 0) == 0;
    ++statuses[has_status ? std::atoi(one.answer.c_str() + 9) : 0];
    if (one.fd >= 0) close(one.fd);
    one.fd = -1;
  };
  for (std::size_t open = all.size(); open > 0;) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool wants_write = all[i].sent < requests[i].size();
      waiting[i] = {all[i].fd, static_cast<short>(POLLIN | (wants_write ? POLLOUT : 0)), 0};
    }
    const bool is_late = poll(waiting.data(), waiting.size(), MillisecondsUntil(end)) <= 0;
    open = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      Asking& one = all[i];
      if (one.fd < 0) continue;
      bool is_over = is_late;
      if ((waiting[i].revents & POLLOUT) != 0) {
        const std::string& bytes = requests[i];
        const ssize_t size =
            send(one.fd, bytes.data() + one.sent, bytes.size() - one.sent, MSG_NOSIGNAL);
        if (size > 0) one.sent += static_cast<std::size_t>(size);
        // Refused: what is left is not sent, the answer is read.
        if (size < 0 && errno != EAGAIN) one.sent = bytes.size();
      }
      if ((waiting[i].revents & ~POLLOUT) != 0) {
        char piece[4096];
        const ssize_t size = recv(one.fd, piece, sizeof(piece), 0);
        if (size > 0) one.answer.append(piece, static_cast<std::size_t>(size));
        is_over |= size == 0 || (size < 0 && errno != EAGAIN) ||
                   one.answer.find("\r\n\r\n") != std::string::npos;
      }
      if (is_over) finish(one);
      if (one.fd >= 0) ++open;
    }
  }
  std::size_t told = 0;
  for (const auto& [status, count] : statuses) told += count;
  if (told < all.size()) statuses[0] += all.size() - told;  // never connected
  return statuses;
}

std::string HttpPost(const Body& body, const std::string& content_type,
                     const std::string& encoding) {
  std::string request = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: " + content_type;
  if (!encoding.empty()) request += "\r\nContent-Encoding: " + encoding;
  request += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return request.append(body.begin(), body.end());
}

SlowCrowd::~SlowCrowd() {
  for (const int fd : fds_) {
    if (fd >= 0) close(fd);
  }
}

std::size_t SlowCrowd::Open(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = ConnectTo(port_);
    if (fd < 0) break;
    fds_.push_back(fd);
    std::string said;
    if (i % 3 == 1) said = "P";
    if (i % 3 == 2) {
      said = HttpPost(Body(2000, 'x'), "application/x-protobuf", "");
      said.resize(said.size() - 1000);
    }
    (void)!send(fd, said.data(), said.size(), MSG_NOSIGNAL);
  }
  return fds_.size();
}

std::size_t SlowCrowd::Continue(std::chrono::milliseconds pace,
                                std::chrono::milliseconds deadline) {
  static constexpr std::string_view kHead = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nX-Slow: ";
  const Clock::time_point end = Clock::now() + deadline;
  std::size_t closed = 0;
  for (std::size_t at = 1; closed < fds_.size() && Clock::now() < end; ++at) {
    const Clock::time_point next = std::min(end, Clock::now() + pace);
    for (std::size_t i = 1; i < fds_.size(); i += 3) {
      const char byte = at < kHead.size() ? kHead[at] : 'x';
      if (fds_[i] >= 0) (void)!send(fds_[i], &byte, 1, MSG_NOSIGNAL);
    }
    while (closed < fds_.size() && Clock::now() < next) {
      std::vector<pollfd> waiting;
      for (const int fd : fds_) waiting.push_back({fd, POLLIN, 0});
      poll(waiting.data(), waiting.size(), MillisecondsUntil(next));
      for (std::size_t i = 0; i < fds_.size(); ++i) {
        if (fds_[i] < 0 || waiting[i].revents == 0) continue;
        char piece[4096];
        const ssize_t size = recv(fds_[i], piece, sizeof(piece), 0);
        if (size > 0 || (size < 0 && errno == EAGAIN)) continue;
        close(std::exchange(fds_[i], -1));
        ++closed;
      }
    }
  }
  return closed;
}

Body GzipBomb(std::uint64_t plain_bytes) {
  constexpr int kGzip = 15 + 16;  // window bits, and the gzip wrapper
  std::vector<std::uint8_t> zeros(1 << 20);
  Body out(plain_bytes / 500 + 4096);
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  int outcome = Z_OK;
  for (std::uint64_t left = plain_bytes; left > 0;) {
    const std::uint64_t take = std::min<std::uint64_t>(left, zeros.size());
    left -= take;
    stream.next_in = zeros.data();
    stream.avail_in = static_cast<uInt>(take);
    outcome = deflate(&stream, left == 0 ? Z_FINISH : Z_NO_FLUSH);
  }
  if (outcome != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::uint64_t ResidentKib(int pid) { return StatusKib(pid, "VmRSS"); }
std::uint64_t PeakKib(int pid) { return StatusKib(pid, "VmHWM"); }

void ResetPeak(int pid) { std::ofstream("/proc/" + std::to_string(pid) + "/clear_refs") << "5"; }

std::chrono::microseconds CpuTime(int pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) std::abort();
  return std::chrono::microseconds(used.tv_sec * 1'000'000 + used.tv_nsec / 1000);
}

std::string Describe(const LoadResults& results) {
  std::string out;
  if (results.ok > 0) out = "ok x " + std::to_string(results.ok);
  for (const auto& [code, count] : results.errors) {
    out += (out.empty() ? "" : ", ") + code + " x " + std::to_string(count);
  }
  return out.empty() ? "nothing" : out;
}

}  // namespace bench
