#include "tests/faults/behaviour.h"

#include <sstream>

namespace faults {

bool ApplyCommand(const std::string& line, Behaviour& behaviour, Deed& deed) {
  deed = Deed::kNone;
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  Behaviour next = behaviour;
  const auto read = [&](auto&... numbers) { return static_cast<bool>((words >> ... >> numbers)); };
  bool is_known = true;
  if (verb == "ok") {
    next = {};
    deed = Deed::kHeal;
  } else if (verb == "latency") {
    is_known = read(next.latency_ms);
  } else if (verb == "fail") {
    is_known = read(next.fail_code, next.fail_percent);
    if (is_known && !read(next.fail_retry_ms)) next.fail_retry_ms = -1;
  } else if (verb == "partial") {
    is_known = read(next.partial_percent);
  } else if (verb == "max_bytes") {
    is_known = read(next.bytes_max);
  } else if (verb == "rst") {
    is_known = read(next.reset_code, next.reset_percent);
  } else if (verb == "tcp_reset") {
    is_known = read(next.tcp_reset_percent);
  } else if (verb == "no_trailers") {
    is_known = read(next.no_trailers_percent);
  } else if (verb == "close_after_request") {
    is_known = read(next.close_percent);
  } else if (verb == "goaway") {
    std::string how;
    words >> how;
    if (how == "every") {
      is_known = read(next.goaway_every_ms) && next.goaway_every_ms > 0;
    } else {
      is_known = how == "graceful" || how == "immediate";
      deed = how == "graceful" ? Deed::kGoAwayGraceful : Deed::kGoAwayNow;
    }
  } else if (verb == "half_close") {
    deed = Deed::kHalfClose;
  } else if (verb == "window0") {
    next.has_closed_windows = true;
    deed = Deed::kSettings;
  } else if (verb == "max_streams") {
    is_known = read(next.streams_max);
    deed = Deed::kSettings;
  } else if (verb == "blackhole") {
    next.is_blackhole = true;
  } else {
    is_known = false;
  }
  if (!is_known) {
    deed = Deed::kNone;
    return false;
  }
  behaviour = next;
  return true;
}

}  // namespace faults
