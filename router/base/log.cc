#include "router/base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <ctime>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "router/base/json_text.h"

namespace router {
namespace {

constexpr const char* kConsolePattern = "%Y-%m-%dT%H:%M:%S.%e%z\t%l\t%v";

std::string_view View(const spdlog::string_view_t& text) { return {text.data(), text.size()}; }

class JsonLines final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string_view level = View(spdlog::level::to_string_view(message.level));
    if (level == "warning") level = "warn";
    const std::string line = JsonLogLine(level, message.time, View(message.payload)) + "\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonLines>();
  }
};

}  // namespace

void SetUpLog(std::string_view level) {
  constexpr std::size_t kQueuedLinesMax = 4096;
  spdlog::init_thread_pool(kQueuedLinesMax, 1);
  auto logger = spdlog::create_async_nb<spdlog::sinks::stderr_sink_mt>("spanring");
  logger->set_pattern(kConsolePattern);
  spdlog::set_default_logger(std::move(logger));
  SetLogLevel(level);
}

void SetLogLevel(std::string_view level) {
  spdlog::default_logger()->set_level(spdlog::level::from_str(std::string(level)));
}

void SetLogEncoding(LogEncoding encoding) {
  if (encoding == LogEncoding::kJson) {
    spdlog::default_logger()->set_formatter(std::make_unique<JsonLines>());
  } else {
    spdlog::default_logger()->set_pattern(kConsolePattern);
  }
}

std::string JsonLogLine(std::string_view level, std::chrono::system_clock::time_point at,
                        std::string_view text) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
  const std::time_t seconds = since / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  JsonText json;
  json.BeginObject();
  json.Field("level", level);
  json.Field("ts", fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                               utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                               since % 1000));
  json.Field("msg", text);
  json.BeginObject("resource");
  json.Field("service.name", "spanring");
  json.EndObject();
  json.EndObject();
  return json.Take();
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

std::optional<std::string> LogLimiter::Allow(TimePoint now) {
  if (now - window_start_ >= std::chrono::seconds(1)) {
    window_start_ = now;
    in_window_ = 0;
  }
  if (++in_window_ > kLogLinesPerKind) {
    ++left_out_;
    return std::nullopt;
  }
  const std::uint64_t left_out = std::exchange(left_out_, 0);
  return left_out == 0 ? "" : " (" + std::to_string(left_out) + " such lines left out)";
}

}  // namespace router
