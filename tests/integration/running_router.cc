#include "tests/integration/running_router.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace router::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr seconds kStartMax{20};
constexpr milliseconds kPollInterval{10};

}  // namespace

RunningRouter::RunningRouter(Options options) {
  const auto ports = PickFreePorts(4);
  if (!ports) Abort(ports.error().message);
  otlp_port_ = (*ports)[0];
  http_port_ = (*ports)[3];
  health_port_ = (*ports)[1];
  metrics_port_ = (*ports)[2];
  config_path_ = scratch_.path() / "spanring.yaml";
  WriteConfig(ConfigText(options));
  command_ = {SPANRING_BINARY, "--config", config_path_};
  command_.insert(command_.end(), options.arguments.begin(), options.arguments.end());
  Start();
  if (options.wait_until_ready) WaitUntilReady();
}

void RunningRouter::Start() {
  auto process = Process::Start({.command = command_});
  if (!process) Abort(process.error().message);
  process_ = std::move(*process);
}

void RunningRouter::WriteConfig(const std::string& text) {
  const auto written = scratch_.Write("next.yaml", text);
  if (!written) Abort(written.error().message);
  std::filesystem::rename(*written, config_path_);
}

bool RunningRouter::Reload(const std::string& text, const std::string& outcome,
                           milliseconds deadline) {
  const auto count = [&] {
    return SumOf(Scrape(), "spanring_config_reloads_total", {"outcome=\"" + outcome + "\""});
  };
  const double before = count();
  WriteConfig(text);
  process_->Signal(SIGHUP);
  return WaitUntil([&] { return count() > before; }, deadline);
}

std::optional<int> RunningRouter::Restart(milliseconds deadline, std::string* log) {
  process_->Terminate();
  const std::optional<int> exit_code = process_->WaitForExit(deadline);
  process_->WaitForLine("spans: received", deadline);
  *log = process_->Output();
  if (!exit_code) return std::nullopt;
  Start();
  WaitUntilReady();
  return exit_code;
}

std::string RunningRouter::ConfigText(const Options& options) const {
  const auto local = [](std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); };
  const auto more = [](const std::string& settings) {
    return settings.empty() ? "" : ", " + settings;
  };
  std::string hostnames;
  for (const std::string& backend : options.backends) hostnames += "\"" + backend + "\", ";
  std::string resolver = "static: {hostnames: [" + hostnames + "]}";
  if (!options.dns_resolver.empty()) resolver = "dns: {" + options.dns_resolver + "}";
  if (!options.kubernetes_resolver.empty()) resolver = "k8s: {" + options.kubernetes_resolver + "}";
  const std::string grpc = options.has_grpc ? "grpc: {endpoint: \"" + local(otlp_port_) + "\"" +
                                                  more(options.grpc_settings) + "}, "
                                            : "";
  std::string text =
      "receivers: {otlp: {protocols: {" + grpc + "http: {endpoint: \"" + local(http_port_) + "\"" +
      more(options.http_settings) + "}}}}\n" +
      "exporters: {loadbalancing: {protocol: {otlp: {tls: {" + options.exporter_tls + "}" +
      more(options.exporter_settings) + "}}, resolver: {" + resolver + "}}}\n" +
      "extensions: {health_check: {endpoint: \"" + local(health_port_) + "\"}" +
      more(options.extension) +
      "}\n"
      "service:\n"
      "  extensions: [health_check" +
      more(options.extension.substr(0, options.extension.find(':'))) +
      "]\n"
      "  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}\n"
      "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: " +
      std::to_string(metrics_port_) + "}}}}]}}\n";
  if (!options.spanring_settings.empty()) text += "spanring: {" + options.spanring_settings + "}\n";
  return text;
}

void RunningRouter::WaitUntilReady() {
  const auto until = Clock::now() + kStartMax;
  while (Clock::now() < until) {
    if (process_->WaitForExit(kPollInterval)) Abort("spanring ended at once");
    const auto reply = GetHealth("/readyz");
    if (reply && reply->status == 200) return;
  }
  Abort("spanring was not ready in time");
}

void RunningRouter::Abort(const std::string& reason) const {
  std::fprintf(stderr, "%s\n%s", reason.c_str(), process_ ? process_->Output().c_str() : "");
  std::abort();
}

Result<HttpReply> RunningRouter::GetHealth(const std::string& path) const {
  return HttpGet("127.0.0.1", health_port_, path, seconds(5));
}

Samples RunningRouter::Scrape() const {
  const auto reply = HttpGet("127.0.0.1", metrics_port_, "/metrics", seconds(5));
  if (!reply || reply->status != 200) Abort("no metrics");
  return ParsePrometheus(reply->body);
}

LedgerSample RunningRouter::ReadLedger(const std::string& column) const {
  const Samples samples = Scrape();
  const auto sum = [&](const std::string& fate) {
    return SumOf(samples, "spanring_" + fate + "_" + column + "_total");
  };
  return {.received = sum("received"),
          .forwarded = sum("forwarded"),
          .suppressed = column == "spans" ? sum("suppressed") : 0,
          .rejected = sum("rejected"),
          .refused = sum("refused"),
          .cancelled = sum("cancelled"),
          .in_flight = SumOf(samples, "spanring_in_flight_" + column)};
}

bool RunningRouter::WaitUntil(const std::function<bool()>& condition, milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  while (!condition()) {
    if (Clock::now() >= until || process_->WaitForExit(kPollInterval)) return false;
  }
  return true;
}

bool RunningRouter::WaitUntilIdle(milliseconds deadline) {
  return WaitUntil([this] { return Spans().in_flight == 0 && Requests().in_flight == 0; },
                   deadline);
}

bool RunningRouter::WaitForMembers(std::size_t count, milliseconds deadline) {
  return WaitUntil(
      [&] { return SumOf(Scrape(), "spanring_ring_members") == static_cast<double>(count); },
      deadline);
}

std::uint64_t RunningRouter::ResidentBytes() const {
  std::ifstream statm("/proc/" + std::to_string(process_->pid()) + "/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace router::test
