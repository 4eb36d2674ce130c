// Attacks on a listening port: hostile requests through a correct HTTP/2 client, and bytes that are
// no protocol.
//
// Thread safety: free functions, any thread; each blocks up to its deadline.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/load/load_connection.h"
#include "bench/load/load_results.h"

namespace bench {

using Body = std::vector<std::uint8_t>;

// Sends each body as one request, at most options.in_flight at a time on one connection, and waits
// for all answers. What has none at the deadline fails as "unanswered". No connection: "no
// connection".
LoadResults SendBodies(std::uint16_t port, const LoadConnection::Options& options,
                       const std::vector<Body>& bodies, std::chrono::milliseconds deadline);

// Opens a connection, sends `bytes`, and reads until the peer closes or the deadline. True if it
// closed.
bool SendBytes(std::uint16_t port, const std::string& bytes, std::chrono::milliseconds deadline);

// What a server says to a connection that says nothing, until it closes.
std::string ReadAll(std::uint16_t port, std::chrono::milliseconds deadline);

// Connections that are opened and held. Each sends a part of a preface, of a frame, or nothing.
class SilentCrowd {
 public:
  explicit SilentCrowd(std::uint16_t port) : port_(port) {}
  ~SilentCrowd();
  SilentCrowd(const SilentCrowd&) = delete;
  SilentCrowd& operator=(const SilentCrowd&) = delete;

  // How many of `count` could be opened.
  std::size_t Open(std::size_t count);
  // How many the peer has closed by now.
  std::size_t Closed() const;

 private:
  std::uint16_t port_;
  std::vector<int> fds_;
};

// Sends each of `requests`, whole requests of HTTP/1.1, on a connection of its own, all at once,
// and waits for the answers: how many had which status; 0: none before the deadline or the end.
std::map<int, std::size_t> SendHttp(std::uint16_t port, const std::vector<std::string>& requests,
                                    std::chrono::milliseconds deadline);
// A POST of traces. Empty `encoding`: none.
std::string HttpPost(const Body& body, const std::string& content_type,
                     const std::string& encoding);

// Connections to the port of HTTP that are slow in one way each.
class SlowCrowd {
 public:
  explicit SlowCrowd(std::uint16_t port) : port_(port) {}
  ~SlowCrowd();
  SlowCrowd(const SlowCrowd&) = delete;
  SlowCrowd& operator=(const SlowCrowd&) = delete;

  // A third says nothing, a third sends a head byte by byte, a third half of a body. How many of
  // `count` could be opened.
  std::size_t Open(std::size_t count);
  // Goes on, a byte per `pace` on each of the second third, until the peer has closed all or the
  // deadline. How many it has closed.
  std::size_t Continue(std::chrono::milliseconds pace, std::chrono::milliseconds deadline);

 private:
  std::uint16_t port_;
  std::vector<int> fds_;
};

// One gzip member that inflates to `plain_bytes` zeros.
Body GzipBomb(std::uint64_t plain_bytes);

// Resident memory of a process in KiB: now, and its highest since the last ResetPeak.
std::uint64_t ResidentKib(int pid);
std::uint64_t PeakKib(int pid);
void ResetPeak(int pid);
// Processor time a process has used, all its threads.
std::chrono::microseconds CpuTime(int pid);

// "grpc 3 x 400, reset 8 x 1", "ok x 5": for the report.
std::string Describe(const LoadResults& results);

}  // namespace bench
