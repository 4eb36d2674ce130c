// spanring: the command line. Main thread: reads the configuration, builds the application, waits
// for signals.
#include <google/protobuf/stubs/logging.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "router/app/application.h"
#include "router/app/auth_sources.h"
#include "router/app/config_reader.h"
#include "router/app/config_reload.h"
#include "router/app/config_summary.h"
#include "router/app/file_watch.h"
#include "router/app/machine.h"
#include "router/app/owner.h"
#include "router/app/probe.h"
#include "router/app/tls_source.h"

namespace {

using router::ConfigReport;

constexpr int kExitConfig = 1;
constexpr int kExitCommandLine = static_cast<int>(CLI::ExitCodes::RequiredError);
constexpr timespec kLook{.tv_sec = 1, .tv_nsec = 0};  // between two looks at the file
constexpr int kRetryAfterLooks = 5;                   // after a reload that failed

// Prints every fault and warning to stderr.
ConfigReport ReadAndReport(const std::string& path) {
  ConfigReport report = router::ReadConfigFile(path);
  for (const auto& warning : report.warnings) {
    std::fprintf(stderr, "warning: %s\n", router::ToText(warning).c_str());
  }
  for (const auto& fault : report.faults) {
    std::fprintf(stderr, "error: %s\n", router::ToText(fault).c_str());
  }
  return report;
}

int Validate(const std::string& path) {
  const ConfigReport report = ReadAndReport(path);
  if (!report.config) {
    std::fprintf(stderr, "%s: %zu errors\n", path.c_str(), report.faults.size());
    return kExitConfig;
  }
  // Not faults of the file: the machine that checks it need not have certificates and credentials.
  std::vector<std::string> troubles = router::FindTlsTrouble(*report.config);
  for (std::string& trouble : router::FindAuthTrouble(*report.config)) {
    troubles.push_back(std::move(trouble));
  }
  for (const std::string& trouble : troubles) {
    std::fprintf(stderr, "warning: it would not start on this machine: %s\n", trouble.c_str());
  }
  std::printf("%s: valid: %s\n", path.c_str(), router::Summarize(*report.config).c_str());
  return 0;
}

// What the file says, as it was understood; nothing is started.
int PrintConfig(const std::string& path) {
  const ConfigReport report = ReadAndReport(path);
  if (!report.config) return kExitConfig;
  std::printf(
      "# spanring %s: %s as it was understood. Secrets are left out; \"# default\" is what the "
      "file "
      "does not say.\n%s",
      SPANRING_VERSION, path.c_str(), report.in_force.c_str());
  return 0;
}

// A look at the watched file, which is read when it has changed. After a reload that failed it is
// also read as it is: what was wrong may be in another file, such as a token that comes later.
void LookAt(router::FileWatch& watch, router::Application& application, const std::string& path,
            int& looks) {
  ++looks;
  if (watch.HasChanged()) {
    application.Reload(router::RereadConfigFile(path));
    watch.MarkRead();
  } else if (watch.IsAsRead() && application.has_failed_reload() && looks >= kRetryAfterLooks) {
    application.RetryReload(router::RereadConfigFile(path));
  } else {
    return;
  }
  looks = 0;
}

// Runs the application until it has drained; SIGTERM and SIGINT ask it to. SIGHUP reads the file
// again, and so does a change of it when there is a `watch`.
int WaitForEnd(router::Application& application, const sigset_t& signals, const std::string& path,
               router::FileWatch* watch) {
  int exit_code = 0;
  int looks = 0;
  std::atomic<bool> is_done = false;
  std::thread control([&] {
    exit_code = application.Run();
    is_done = true;
    kill(getpid(), SIGUSR1);  // wakes the wait below
  });
  while (!is_done) {
    const int signal = sigtimedwait(&signals, nullptr, watch != nullptr ? &kLook : nullptr);
    if (signal < 0 && watch != nullptr) LookAt(*watch, application, path, looks);
    if (signal == SIGHUP) application.Reload(router::RereadConfigFile(path));
    if (signal == SIGTERM || signal == SIGINT) application.RequestDrain();
  }
  control.join();
  return exit_code;
}

int Serve(const std::string& path, bool is_watching) {
  // Every thread inherits the mask, the log's own too; this one takes the signals by waiting for
  // them. What comes during the start waits for its end.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  router::KeepFreedMemory();
  router::FileWatch watch;
  watch.Watch({path});
  const ConfigReport report = ReadAndReport(path);
  if (!report.config) return kExitConfig;
  router::SetUpLog(router::LogLevelName(report.config->log_level));
  router::SetLogEncoding(report.config->log_encoding);

  int exit_code = 0;
  {
    router::Application application(*report.config, report.in_force, SPANRING_VERSION);
    const auto started = application.Start();
    if (started) {
      exit_code = WaitForEnd(application, signals, path, is_watching ? &watch : nullptr);
    } else {
      spdlog::error("{}", started.error().message);
      exit_code = kExitConfig;
    }
  }
  if (!router::FlushLog()) std::_Exit(exit_code);
  return exit_code;
}

// The subcommand `probe` with its options; they end up in `options`.
CLI::App* AddProbe(CLI::App& app, router::ProbeOptions& options) {
  auto* probe = app.add_subcommand(
      "probe", "send one span through a running router; exit 0 when a backend has accepted it");
  probe->add_option("--endpoint", options.endpoint, "host:port of OTLP/gRPC")
      ->capture_default_str();
  probe->add_option("--readyz", options.readyz,
                    "http://HOST:PORT/PATH to wait for first, until 200");
  probe->add_option("--header", options.headers, "NAME=VALUE sent along, such as credentials")
      ->allow_extra_args(false);
  probe->add_flag("--tls", options.is_tls, "TLS; implied by the --tls-… options");
  probe->add_option("--tls-ca", options.ca_file, "authorities (PEM) instead of the system's");
  probe->add_option("--tls-cert", options.cert_file, "our certificate (PEM)");
  probe->add_option("--tls-key", options.key_file, "its key (PEM)");
  probe->add_option("--tls-server-name", options.server_name, "whom the certificate must be for");
  probe->add_flag("--tls-skip-verify", options.skip_verify, "accept any certificate");
  probe->add_option("--timeout", options.timeout, "for everything together, such as 30s")
      ->capture_default_str();
  return probe;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"spanring: sends every span of a trace to the same collector"};
  app.set_version_flag("--version", std::string("spanring ") + SPANRING_VERSION);
  std::string config;
  app.add_option("--config", config, "configuration file (a Collector's YAML)");
  bool is_watching = false;
  app.add_flag("--watch", is_watching,
               "read the file again when it changes, as SIGHUP does; looks every second");
  auto* validate = app.add_subcommand("validate", "check a configuration file and exit");
  validate->add_option("--config", config, "configuration file")->required();
  auto* print_config = app.add_subcommand(
      "print-config", "print the configuration as it was understood, without secrets");
  print_config->add_option("--config", config, "configuration file")->required();
  auto* owner = app.add_subcommand("owner", "print which backend owns a trace now");
  std::vector<std::string> trace_ids;
  owner->add_option("--config", config, "configuration file")->required();
  owner->add_option("TRACE_ID", trace_ids, "trace IDs, 32 hex digits each")->required();
  router::ProbeOptions probe_options;
  auto* probe = AddProbe(app, probe_options);
  app.require_subcommand(0, 1);
  // What a backend sends must not write to stderr by itself.
  google::protobuf::SetLogHandler(nullptr);
  CLI11_PARSE(app, argc, argv);

  if (probe->parsed()) {
    signal(SIGPIPE, SIG_IGN);
    router::SetUpLog("error");
    return router::Probe(probe_options);
  }
  if (config.empty()) {
    std::fprintf(stderr, "spanring: --config FILE is needed; see --help\n");
    return kExitCommandLine;
  }
  if (validate->parsed()) return Validate(config);
  if (print_config->parsed()) return PrintConfig(config);
  if (owner->parsed()) {
    const ConfigReport report = ReadAndReport(config);
    router::SetUpLog("error");
    return report.config ? router::PrintOwners(*report.config, trace_ids) : kExitConfig;
  }
  return Serve(config, is_watching);
}
