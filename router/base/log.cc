#include "router/base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace router {

void SetUpLog(std::string_view level) {
  constexpr std::size_t kQueuedLinesMax = 4096;
  spdlog::init_thread_pool(kQueuedLinesMax, 1);
  auto logger = spdlog::create_async_nb<spdlog::sinks::stderr_sink_mt>("spanring");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z\t%l\t%v");
  spdlog::set_default_logger(std::move(logger));
  SetLogLevel(level);
}

void SetLogLevel(std::string_view level) {
  spdlog::default_logger()->set_level(spdlog::level::from_str(std::string(level)));
}

bool FlushLog() {
  auto is_done = std::make_shared<std::promise<void>>();
  std::thread([is_done] {
    spdlog::shutdown();
    is_done->set_value();
  }).detach();
  return is_done->get_future().wait_for(kLogFlushMax) == std::future_status::ready;
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
