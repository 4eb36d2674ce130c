// Attacks on a listening port: hostile requests through a correct HTTP/2 client, and bytes that are
// no protocol.
//
// Thread safety: free functions, any thread; each blocks up to its deadline.
#pragma once

#include <chrono>
#include <cstdint>
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

// One gzip member that inflates to `plain_bytes` zeros.
Body GzipBomb(std::uint64_t plain_bytes);

// Resident memory of a process in KiB: now, and its highest since the last ResetPeak.
std::uint64_t ResidentKib(int pid);
std::uint64_t PeakKib(int pid);
void ResetPeak(int pid);

// "grpc 3 x 400, reset 8 x 1", "ok x 5": for the report.
std::string Describe(const LoadResults& results);

}  // namespace bench
