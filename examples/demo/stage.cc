#include "examples/demo/stage.h"

#include <utility>

#include "tests/support/http_get.h"

namespace router::demo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr char kBackendName[] = "otelcol-backend";
constexpr std::uint16_t kUsualPort = 4317;
constexpr seconds kStartMax{15};
constexpr seconds kStopMax{20};
constexpr milliseconds kPollInterval{25};
constexpr milliseconds kHeadStart{700};  // for the services to plan and connect
constexpr std::size_t kTroubleLines = 15;

const std::vector<std::string>& BackendAddresses() {
  static const std::vector<std::string> kAddresses = {"127.0.0.11", "127.0.0.12", "127.0.0.13",
                                                      "127.0.0.14"};
  return kAddresses;
}

}  // namespace

Stage::Stage(Options options) : options_(std::move(options)) {}

Stage::~Stage() {
  services_.clear();
  router_.reset();
}

std::string Stage::JournalFile(std::size_t backend) const {
  return (scratch_.path() / ("backend-" + std::to_string(backend) + ".arrivals")).string();
}

Result<void> Stage::StartBackends() {
  const auto port = test::PickFreePort(BackendAddresses(), kUsualPort);
  if (!port) return tl::unexpected(port.error());
  backend_port_ = *port;
  for (std::size_t i = 0; i < BackendAddresses().size(); ++i) {
    auto backend = test::Process::Start(
        {.command = {options_.program, "backend", "--address", BackendAddresses()[i], "--port",
                     std::to_string(backend_port_), "--journal", JournalFile(i)}});
    if (!backend) return tl::unexpected(backend.error());
    backends_.push_back(std::move(*backend));
    backend_endpoints_.push_back(BackendAddresses()[i] + ":" + std::to_string(backend_port_));
  }
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    if (!backends_[i]->WaitForLine("ready", kStartMax)) {
      return Failure("backend " + backend_endpoints_[i] +
                     " did not start: " + backends_[i]->Output());
    }
  }
  dns_.Set(kBackendName, dnstest::Addresses(BackendAddresses()));
  return {};
}

std::string Stage::ConfigText() const {
  return "# What the demo runs: a Collector configuration plus one block of spanring's own.\n"
         "receivers:\n"
         "  otlp:\n"
         "    protocols:\n"
         "      grpc: {endpoint: \"" +
         Local(otlp_port_) +
         "\"}\n"
         "exporters:\n"
         "  loadbalancing:\n"
         "    protocol:\n"
         "      otlp:\n"
         "        tls: {insecure: true}\n"
         "    resolver:\n"
         "      dns:\n"
         "        hostname: " +
         kBackendName +
         "\n"
         "        port: " +
         std::to_string(backend_port_) +
         "\n"
         "extensions:\n"
         "  health_check: {endpoint: \"" +
         Local(health_port_) +
         "\"}\n"
         "service:\n"
         "  extensions: [health_check]\n"
         "  pipelines:\n"
         "    traces: {receivers: [otlp], exporters: [loadbalancing]}\n"
         "  telemetry:\n"
         "    metrics:\n"
         "      readers:\n"
         "        - pull:\n"
         "            exporter:\n"
         "              prometheus: {host: 127.0.0.1, port: " +
         std::to_string(metrics_port_) +
         "}\n"
         "spanring:                       # without this block: a Collector configuration\n"
         "  dns: {servers: [\"" +
         dns_.address() +
         "\"]}\n"
         "  drain: {delay: 200ms}         # nobody has to be told before this one stops\n";
}

Result<void> Stage::StartRouter() {
  if (options_.spanring.empty()) return {};
  const auto ports = test::PickFreePorts(3);
  if (!ports) return tl::unexpected(ports.error());
  otlp_port_ = (*ports)[0];
  health_port_ = (*ports)[1];
  metrics_port_ = (*ports)[2];
  if (const auto file = scratch_.Write("spanring.yaml", ConfigText()); !file) {
    return tl::unexpected(file.error());
  }
  auto router = test::Process::Start(
      {.command = {options_.spanring, "--config", config_file()}, .log_path = log_file()});
  if (!router) return tl::unexpected(router.error());
  router_ = std::move(*router);
  return WaitUntilReady();
}

Result<void> Stage::WaitUntilReady() {
  const auto until = Clock::now() + kStartMax;
  std::string state = "it never answered";
  while (Clock::now() < until) {
    if (const auto exit_code = router_->WaitForExit(kPollInterval)) {
      return Failure("spanring ended at once, exit code " + std::to_string(*exit_code));
    }
    const auto health = test::HttpGet("127.0.0.1", health_port_, "/readyz", seconds(1));
    if (!health || health->status != 200) {
      state = health ? "its health answer is " + std::to_string(health->status)
                     : health.error().message;
      continue;
    }
    const auto metrics = test::HttpGet("127.0.0.1", metrics_port_, "/metrics", seconds(1));
    if (!metrics) {
      state = metrics.error().message;
      continue;
    }
    const double backends =
        test::SumOf(test::ParsePrometheus(metrics->body), "spanring_ring_members");
    if (backends >= static_cast<double>(backends_.size())) return {};
    state = "it knows " + std::to_string(static_cast<int>(backends)) + " of " +
            std::to_string(backends_.size()) + " backends";
  }
  return Failure("spanring was not ready within " + std::to_string(kStartMax.count()) +
                 " s: " + state);
}

Result<void> Stage::StartServices() {
  begin_ = Clock::now() + kHeadStart;
  const std::int64_t begin_ns = begin_.time_since_epoch() / std::chrono::nanoseconds(1);
  for (std::size_t i = 0; i < kRoles.size(); ++i) {
    std::vector<std::string> command = {
        options_.program, "service",
        "--role",         std::string(RoleName(kRoles[i])),
        "--seed",         std::to_string(options_.flow.seed),
        "--orders",       std::to_string(options_.flow.orders),
        "--arrivals-ms",  std::to_string(options_.flow.arrivals.count()),
        "--epoch-ns",     std::to_string(options_.flow.epoch_unix_nano),
        "--begin-ns",     std::to_string(begin_ns)};
    if (i % 2 == 0) command.push_back("--gzip");
    command.push_back("--endpoint");
    if (router_) command.push_back(otlp_endpoint());
    if (!router_)
      command.insert(command.end(), backend_endpoints_.begin(), backend_endpoints_.end());
    auto service = test::Process::Start({.command = std::move(command)});
    if (!service) return tl::unexpected(service.error());
    services_.push_back(std::move(*service));
  }
  return {};
}

Result<void> Stage::CheckAlive() {
  if (router_ && router_->HasExited()) {
    return Failure("spanring ended, exit code " +
                   std::to_string(*router_->WaitForExit(seconds(0))));
  }
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    if (backends_[i]->HasExited()) return Failure("backend " + backend_endpoints_[i] + " ended");
  }
  return {};
}

Result<bool> Stage::WaitForServices(milliseconds patience) {
  const auto until = Clock::now() + patience;
  for (std::size_t i = 0; i < services_.size(); ++i) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
    const auto exit_code = services_[i]->WaitForExit(std::max(left, milliseconds(0)));
    if (const auto alive = CheckAlive(); !alive) return tl::unexpected(alive.error());
    if (!exit_code) return false;
    if (*exit_code != 0) {
      return Failure("service " + std::string(RoleName(kRoles[i])) + " ended with " +
                     std::to_string(*exit_code) + ": " + services_[i]->Output());
    }
  }
  return true;
}

milliseconds Stage::Elapsed() const {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begin_);
}

std::uint64_t Stage::ReceivedSpans() const {
  std::uint64_t spans = 0;
  for (std::size_t i = 0; i < backends_.size(); ++i) spans += CountArrivals(JournalFile(i));
  return spans;
}

std::vector<std::vector<Arrival>> Stage::Arrivals() const {
  std::vector<std::vector<Arrival>> arrivals;
  for (std::size_t i = 0; i < backends_.size(); ++i)
    arrivals.push_back(ReadArrivals(JournalFile(i)));
  return arrivals;
}

ServiceReport Stage::Report() const {
  ServiceReport sum;
  for (const auto& service : services_) {
    const std::vector<std::string> last = service->LastLines(1);
    const ServiceReport report = ServiceReport::FromLine(last.empty() ? "" : last.front());
    sum.requests += report.requests;
    sum.spans += report.spans;
    sum.acknowledged += report.acknowledged;
    sum.retries += report.retries;
  }
  return sum;
}

Result<std::string> Stage::StopRouter() {
  if (!router_) return std::string();
  router_->Terminate();
  const auto exit_code = router_->WaitForExit(kStopMax);
  if (!exit_code) return Failure("spanring did not end within 20 s of SIGTERM");
  if (*exit_code != 0)
    return Failure("spanring ended with exit code " + std::to_string(*exit_code));
  // The pipe may still hold the last line when the process has gone: wait for it, not for time.
  const auto line = router_->WaitForLine("spans: received ", seconds(2));
  if (!line) return Failure("spanring printed no closing account");
  return line->substr(line->find("spans: "));
}

std::string Stage::Trouble() {
  if (!router_) return "";
  scratch_.Keep();
  std::string text = "The last lines of spanring's log (all of it: " + log_file() + "):\n";
  for (const std::string& line : router_->LastLines(kTroubleLines)) text += "  | " + line + "\n";
  return text;
}

}  // namespace router::demo
