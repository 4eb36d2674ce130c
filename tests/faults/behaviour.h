// Behaviour: what a fault backend does to its requests and connections, changed line by line.
//
// Thread safety: values.
// Commands, one per line; each sets its aspect and leaves the others, "ok" ends them all:
//   ok                          answers OK at once
//   latency MS                  answers after that time
//   fail CODE PERCENT [MS]      answers a gRPC code, with RetryInfo if MS is given
//   partial PERCENT             accepts a request but for some of its last spans
//   max_bytes N                 larger messages: RESOURCE_EXHAUSTED without RetryInfo
//   rst CODE PERCENT            RST_STREAM in place of an answer
//   tcp_reset PERCENT           answers half, then resets the connection
//   no_trailers PERCENT         ends the stream without grpc-status
//   close_after_request PERCENT answers, then closes the connection
//   goaway graceful|immediate   now, on all connections
//   goaway every MS             graceful, again and again
//   half_close                  sends FIN on all connections and goes on reading
//   window0                     stream windows of 0
//   max_streams N               SETTINGS_MAX_CONCURRENT_STREAMS
//   blackhole                   reads nothing, writes nothing
#pragma once

#include <cstdint>
#include <string>

namespace faults {

struct Behaviour {
  static constexpr std::uint32_t kStreamsMax = 10'000;

  int latency_ms = 0;
  int fail_code = 0;
  int fail_percent = 0;
  int fail_retry_ms = -1;  // -1: no RetryInfo
  int partial_percent = 0;
  int bytes_max = 0;  // 0: no limit
  int reset_code = 0;
  int reset_percent = 0;
  int tcp_reset_percent = 0;
  int no_trailers_percent = 0;
  int close_percent = 0;
  int goaway_every_ms = 0;
  bool has_closed_windows = false;
  bool is_blackhole = false;
  std::uint32_t streams_max = kStreamsMax;
};

// What has to be done at once besides.
enum class Deed : std::uint8_t { kNone, kHeal, kGoAwayGraceful, kGoAwayNow, kHalfClose, kSettings };

// Applies one line. False if it is no command; `behaviour` is then unchanged.
bool ApplyCommand(const std::string& line, Behaviour& behaviour, Deed& deed);

}  // namespace faults
