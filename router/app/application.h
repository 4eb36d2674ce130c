// Application: builds the router from a configuration, runs it, drains it. The only place that
// knows everyone.
//
// Threads: the one that calls Run() becomes the control thread; each Worker has its own.
// Start: the ports are open at once, but clients are taken on when there is a ring, or after
// kAcceptLatest: what comes in between waits in the kernel instead of being refused. Reload: the
// control thread takes over what may change at once; a faulty configuration, or one that comes
// during the drain, changes nothing. One that is in force but for files that cannot be used is
// tried again until they can. Drain (RequestDrain): readiness off → delay → listeners closed →
// GOAWAY → wait for requests, bounded by the timeout → exit with the ledger in one log line. A
// second request cuts off what runs.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/admin/http_server.h"
#include "router/admin/telemetry.h"
#include "router/app/config_reload.h"
#include "router/app/config_report.h"
#include "router/app/discovery.h"
#include "router/app/secrets.h"
#include "router/app/worker.h"
#include "router/base/memory_budget.h"
#include "router/ingress/listener.h"
#include "router/routing/table_updater.h"

namespace router {

RingOptions ToRingOptions(const Config::Ring& ring);

class Application final : private WorkerListener {
 public:
  // `in_force` is the configuration as told to people (DescribeConfig).
  Application(Config config, std::string in_force, std::string version);
  ~Application();

  // Opens the ports and starts the threads. An error: nothing runs.
  Result<void> Start();
  // Blocks until drained. Returns the exit code: 0, or 2 when the ledger does not close.
  int Run();
  // Any thread. What reading the configuration again gave.
  void Reload(ConfigReport report);
  // Any thread. The same once more after a reload that failed, without being asked for: counted and
  // logged only when it is good now, or fails for another reason.
  void RetryReload(ConfigReport report);
  // Any thread. The last one failed.
  bool has_failed_reload() const { return has_failed_reload_; }
  // Any thread. The second call ends it at once: what runs is cut off.
  void RequestDrain();

 private:
  enum class Phase { kServing, kAnnounced, kLeaving, kEnding };

  void OnBackendState(std::size_t worker, std::string name, bool is_ready) override;
  void OnBackends(std::size_t worker, Telemetry::BackendList backends) override;
  void Publish(std::shared_ptr<const RoutingTable> table);
  void PushOptions();
  WorkerOptions MakeWorkerOptions() const;
  void TakeReload(const ConfigReport& report, bool is_retry);
  void TakeOver(const ConfigReport& report, const ReloadPlan& plan);
  void Refuse(const ConfigReport& report, const std::string& trouble);
  void RetryFiles();
  void Apply(const Config& config);
  std::string Summary() const;
  std::unique_ptr<Discovery> NewDiscovery();
  void Beat();
  void TrimWhenIdle();
  Result<void> Listen(Face face, const Config::Address& address);
  void StartAccepting();
  void NextPhase();
  void Wait(milliseconds delay);
  void WaitForRequests(TimePoint until);
  void CutOff();
  int End();
  std::vector<const Ledger*> Ledgers() const;
  bool IsAlive() const;
  bool IsReady() const;
  HttpAnswer AnswerHealth(std::string_view path) const;
  HttpAnswer AnswerMetrics(std::string_view path);
  HttpAnswer AnswerAdmin(const HttpQuestion& question);
  Result<void> ListenForPeople();
  void FillIn();

  // The ports that are open; 0: none.
  struct OpenPorts {
    std::uint16_t grpc = 0;
    std::uint16_t http = 0;
    std::uint16_t health = 0;
    std::uint16_t metrics = 0;
    std::uint16_t admin = 0;
  };

  Config config_;   // in force
  Config as_read_;  // what the file said last, with what waits for a restart
  OpenPorts ports_;
  boost::asio::io_context control_{1};
  MemoryBudget budget_;
  CredentialVerifier verifier_;
  Secrets secrets_;
  Telemetry telemetry_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<TableUpdater> updater_;
  std::unique_ptr<Discovery> discovery_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // one per face
  std::unique_ptr<HttpServer> health_server_;
  std::unique_ptr<HttpServer> metrics_server_;
  std::unique_ptr<HttpServer> admin_server_;
  boost::asio::steady_timer accept_timer_{control_};
  boost::asio::steady_timer beat_timer_{control_};
  boost::asio::steady_timer drain_timer_{control_};
  std::string reload_trouble_;  // why the last reload failed; empty: it did not
  std::atomic<bool> has_failed_reload_ = false;
  // It changes nothing, and failed for files that cannot be used.
  std::optional<ConfigReport> without_files_;
  int beats_without_files_ = 0;
  Phase phase_ = Phase::kServing;
  std::size_t files_ = 0;    // the limit of file descriptors
  bool is_cut_off_ = false;  // the drain ended before the requests did
  std::uint64_t received_last_beat_ = 0;
  int idle_beats_ = 0;
};

}  // namespace router
