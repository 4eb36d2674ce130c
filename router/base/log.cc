#include "router/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <utility>

namespace router {

void SetUpLog(std::string_view level) {
  auto logger = spdlog::stderr_logger_mt("spanring");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z\t%l\t%v");
  logger->set_level(spdlog::level::from_str(std::string(level)));
  spdlog::set_default_logger(std::move(logger));
}

std::string Printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  if (text.size() > bytes_max) out += "…";
  return out;
}

bool LogLimiter::Allow(TimePoint now, std::uint64_t* left_out) {
  if (now - window_start_ >= std::chrono::seconds(1)) {
    window_start_ = now;
    in_window_ = 0;
  }
  if (++in_window_ > kLogLinesPerKind) {
    ++left_out_;
    return false;
  }
  *left_out = std::exchange(left_out_, 0);
  return true;
}

}  // namespace router
