// Log: one line per event that matters, to stderr, never payload.
//
// Everything that a peer can cause goes through a LogLimiter, so that no peer decides how much is
// written (at most kLogLinesPerKind lines per second and kind; what was left out is counted in the
// next line).
// Thread safety: all functions any thread; a LogLimiter belongs to one thread.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "router/base/clock.h"

namespace router {

inline constexpr std::uint32_t kLogLinesPerKind = 10;

// Sets the process's logger: stderr, `level` one of debug, info, warn, error (the Collector's
// names). Lines are written by a thread of their own: when nobody reads stderr, the oldest are
// dropped and no worker waits.
void SetUpLog(std::string_view level);
// Of the logger that SetUpLog made.
void SetLogLevel(std::string_view level);
// How lines are written from now on: time, level and text between tabs; or one JSON object each,
// with the Collector's keys.
enum class LogEncoding : std::uint8_t { kConsole, kJson };
void SetLogEncoding(LogEncoding encoding);
// One line as JSON, without its end. Pure.
std::string JsonLogLine(std::string_view level, std::chrono::system_clock::time_point at,
                        std::string_view text);
// Writes what is still queued. False: stderr took nothing for kLogFlushMax; leave by _Exit() then,
// since the writing thread cannot be joined.
bool FlushLog();
inline constexpr std::chrono::seconds kLogFlushMax{1};

// Escapes what is not printable ASCII and cuts: for any text that came from a peer.
std::string Printable(std::string_view text, std::size_t bytes_max = 256);

class LogLimiter {
 public:
  // May a line of this kind be written now? Then what to put at its end: nothing, or how many were
  // not written since the last that was.
  std::optional<std::string> Allow(TimePoint now);

 private:
  TimePoint window_start_{};
  std::uint32_t in_window_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace router
