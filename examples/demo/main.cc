// spanring_demo: the main job of spanring on one machine, in under a minute.
//
//   spanring_demo --spanring PATH [--traces N] [--keep]
//   spanring_demo --without-router            the control: requests dealt to the backends in turn
//
// The same program plays the backends (`spanring_demo backend …`) and the services (`spanring_demo
// service …`), each in a process of its own. Exit code 0 only when every trace is whole and nothing
// is lost.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "examples/demo/screen.h"
#include "examples/demo/stage.h"
#include "tests/support/grpc_backend.h"

namespace router::demo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kServicesMax{60};
constexpr milliseconds kShowInterval{200};

struct Arguments {
  std::string spanring;
  bool without_router = false;
  bool keep = false;
  FlowOptions flow;
  // backend
  std::string address;
  std::uint16_t port = 0;
  std::string journal;
  // service
  std::string role;
  std::vector<std::string> endpoints;
  std::int64_t arrivals_ms = 0;
  std::int64_t begin_ns = 0;
  bool gzip = false;
};

void WaitForStopSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int received = 0;
  sigwait(&signals, &received);
}

// Before any thread exists, so that all inherit it and WaitForStopSignal gets the signal.
void BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int PlayBackend(const Arguments& arguments) {
  BlockStopSignals();
  auto journal = ArrivalJournal::Open(arguments.journal);
  if (!journal) {
    std::printf("%s\n", journal.error().message.c_str());
    return 1;
  }
  const auto record = [&journal](const test::ReceivedRequest& request) {
    if (!request.is_valid ||
        !journal->Append(request.message, static_cast<std::uint32_t>(request.number))) {
      std::printf("request %llu is malformed or the journal full\n",
                  static_cast<unsigned long long>(request.number));
      std::abort();
    }
  };
  const auto backend = test::GrpcBackend::Start({.address = arguments.address,
                                                 .port = arguments.port,
                                                 .keep_requests = false,
                                                 .observer = record});
  if (!backend) {
    std::printf("%s\n", backend.error().message.c_str());
    return 1;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  WaitForStopSignal();
  return 0;
}

int PlayService(const Arguments& arguments) {
  ServiceOptions options;
  const auto role = RoleFromName(arguments.role);
  if (!role) return 1;
  options.role = *role;
  options.flow = arguments.flow;
  options.flow.arrivals = milliseconds(arguments.arrivals_ms);
  options.endpoints = arguments.endpoints;
  options.gzip = arguments.gzip;
  options.begin =
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(arguments.begin_ns));
  std::printf("%s\n", RunService(options).ToLine().c_str());
  return 0;
}

void PrintStage(const Stage& stage, const Arguments& arguments) {
  std::printf("  backends  %zu gRPC C++ servers:", stage.backend_endpoints().size());
  for (const std::string& endpoint : stage.backend_endpoints())
    std::printf(" %s", endpoint.c_str());
  std::printf("\n");
  if (arguments.without_router) {
    std::printf("  router    none: every service deals its requests to the backends in turn\n");
    return;
  }
  std::printf("  DNS       %s answers otelcol-backend with these four\n",
              stage.dns_server().c_str());
  std::printf("  spanring  pid %d, OTLP/gRPC on %s, ready\n", static_cast<int>(stage.router_pid()),
              stage.otlp_endpoint().c_str());
}

void PrintWhereToLook(const Stage& stage) {
  std::printf("\nStill running (--keep). Where to look:\n");
  std::printf("  OTLP/gRPC  %s\n", stage.otlp_endpoint().c_str());
  std::printf("  metrics    %s\n", stage.metrics_url().c_str());
  std::printf("  health     %s\n", stage.health_url().c_str());
  std::printf("  config     %s\n", stage.config_file().c_str());
  std::printf("  log        %s\n", stage.log_file().c_str());
  std::printf("  stop       Ctrl-C here, or kill %d\n", static_cast<int>(::getpid()));
  std::fflush(stdout);
}

// Sends the whole flow and shows how it goes.
Result<void> RunFlow(Stage& stage, const FlowOptions& flow) {
  std::vector<milliseconds> ends;
  for (std::uint32_t order = 0; order < flow.orders; ++order) {
    for (const PlannedSpan& span : PlanOrder(flow, order)) ends.push_back(span.ends_after);
  }
  const milliseconds length = *std::max_element(ends.begin(), ends.end()) + seconds(1);
  std::printf("  services  gateway, orders, queue, worker, mail: %s orders in %lld s\n\n",
              Grouped(flow.orders).c_str(),
              static_cast<long long>(std::chrono::duration_cast<seconds>(flow.arrivals).count()));
  std::fflush(stdout);
  if (auto started = stage.StartServices(); !started) return started;
  ProgressLine progress(std::move(ends), length);
  for (;;) {
    const auto done = stage.WaitForServices(kShowInterval);
    if (!done) return tl::unexpected(done.error());
    if (*done) break;
    if (stage.Elapsed() > length + kServicesMax) return Failure("the services did not end in time");
    progress.Show(stage.Elapsed(), stage.ReceivedSpans());
  }
  progress.Finish(stage.Elapsed(), stage.ReceivedSpans());
  return {};
}

int GiveUp(Stage& stage, const Error& error) {
  std::printf("\nVERDICT  FAILED: %s\n%s", error.message.c_str(), stage.Trouble().c_str());
  return 1;
}

int PlayDemo(const Arguments& arguments) {
  if (arguments.keep) BlockStopSignals();
  FlowOptions flow = arguments.flow;
  flow.epoch_unix_nano = static_cast<std::uint64_t>(
      std::chrono::system_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  std::printf(
      "spanring demo: five services -> spanring -> four backends, every trace on one of them\n\n");
  Stage stage({.program = std::filesystem::read_symlink("/proc/self/exe").string(),
               .spanring = arguments.without_router ? "" : arguments.spanring,
               .flow = flow});
  if (const auto started = stage.StartBackends(); !started) return GiveUp(stage, started.error());
  if (const auto started = stage.StartRouter(); !started) return GiveUp(stage, started.error());
  PrintStage(stage, arguments);
  if (const auto sent = RunFlow(stage, flow); !sent) return GiveUp(stage, sent.error());

  const ServiceReport report = stage.Report();
  const Verdict verdict = Judge(flow, stage.Arrivals());
  std::printf("\n%s", ResultText(verdict, report, stage.backend_endpoints()).c_str());
  const bool is_good =
      verdict.IsClean() && report.spans == verdict.sent && report.acknowledged == report.spans;
  if (!is_good && report.acknowledged != report.spans) {
    std::printf("         and %s spans were not acknowledged\n",
                Grouped(report.spans - report.acknowledged).c_str());
  }
  if (arguments.keep && !arguments.without_router) {
    PrintWhereToLook(stage);
    WaitForStopSignal();
  }
  const auto account = stage.StopRouter();
  if (!account) return GiveUp(stage, account.error());
  if (!account->empty()) std::printf("\nspanring's own account: %s\n", account->c_str());
  if (!is_good) std::printf("%s", stage.Trouble().c_str());
  return is_good ? 0 : 1;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The main job of spanring on one machine, in under a minute.");
  app.add_option("--spanring", arguments.spanring, "the router's binary")->check(CLI::ExistingFile);
  app.add_option("--traces", arguments.flow.orders, "orders to place, a trace each")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--seed", arguments.flow.seed, "another seed gives other traces");
  app.add_flag("--keep", arguments.keep, "leave everything running afterwards, until Ctrl-C");
  app.add_flag("--without-router", arguments.without_router,
               "the control: deal requests to the backends in turn; the verdict must fail");
  app.require_subcommand(0, 1);

  CLI::App* backend = app.add_subcommand("backend", "one backend (started by the demo)")->group("");
  backend->add_option("--address", arguments.address)->required();
  backend->add_option("--port", arguments.port)->required();
  backend->add_option("--journal", arguments.journal)->required();

  CLI::App* service = app.add_subcommand("service", "one service (started by the demo)")->group("");
  service->add_option("--role", arguments.role)->required();
  service->add_option("--endpoint", arguments.endpoints)->required();
  service->add_option("--seed", arguments.flow.seed)->required();
  service->add_option("--orders", arguments.flow.orders)->required();
  service->add_option("--arrivals-ms", arguments.arrivals_ms)->required();
  service->add_option("--epoch-ns", arguments.flow.epoch_unix_nano)->required();
  service->add_option("--begin-ns", arguments.begin_ns)->required();
  service->add_flag("--gzip", arguments.gzip);

  CLI11_PARSE(app, argc, argv);
  if (backend->parsed()) return PlayBackend(arguments);
  if (service->parsed()) return PlayService(arguments);
  if (arguments.spanring.empty() && !arguments.without_router) {
    std::fprintf(stderr, "--spanring PATH is missing: the router's binary\n");
    return 2;
  }
  return PlayDemo(arguments);
}

}  // namespace
}  // namespace router::demo

int main(int argc, char** argv) { return router::demo::Main(argc, argv); }
