#include "router/app/application.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "router/admin/status_page.h"
#include "router/app/closing_sum.h"
#include "router/app/config_summary.h"
#include "router/app/machine.h"
#include "router/app/service_notice.h"
#include "router/base/log.h"

namespace router {
namespace {

constexpr std::chrono::seconds kBeat{1};
constexpr std::chrono::seconds kDeadAfter{10};  // a loop that gave no sign for so long is stuck
constexpr std::chrono::seconds kAcceptLatest{2};
constexpr int kTrimAfterBeats = 20;
constexpr int kRetryFilesAfterBeats = 5;
constexpr milliseconds kDrainPoll{20};
// Between asking clients to leave and naming the last stream: their requests on the way arrive
// meanwhile.
constexpr milliseconds kGoawayGap{500};

WorkerOptions ToWorkerOptions(const Config& config, const std::string& version) {
  WorkerOptions options;
  options.backend.connect_timeout = config.backend.connect_timeout;
  options.backend.in_flight_max = config.backend.in_flight_max;
  options.backend.pending_bytes_max = config.backend.pending_bytes_max;
  options.backend.merged_bytes_max =
      std::min(config.backend.merged_bytes_max, config.backend.request_bytes_max);
  options.backend.headers = config.exporter.headers;
  options.backend.user_agent = "spanring/" + version;
  options.forwarder.spans_max = config.request.spans_max;
  options.forwarder.shard_bytes_max = config.backend.request_bytes_max;
  options.forwarder.compression = config.exporter.compression;
  options.forwarder.attempt_timeout = config.exporter.timeout;
  options.ingress.request_bytes_max = config.receiver.request_bytes_max;
  options.ingress.deadline.default_timeout = config.request.default_timeout;
  options.ingress.deadline.timeout_max = config.request.timeout_max;
  options.ingress.connection.concurrent_streams_max = config.receiver.concurrent_streams_max;
  const Config::Http& http = config.receiver.http;
  options.ingress.http.request_bytes_max = http.request_bytes_max;
  options.ingress.http.traces_path = http.traces_path;
  options.ingress.http.compressions = http.compressions;
  options.ingress.http.cors = http.cors;
  options.ingress.http.response_headers = http.response_headers;
  options.ingress.http.connection.header_timeout = http.header_timeout;
  options.ingress.http.connection.read_timeout = http.read_timeout;
  options.ingress.http.connection.idle_timeout = http.idle_timeout;
  options.ingress.http.connection.is_keep_alive = http.is_keep_alive;
  return options;
}

std::size_t MemoryLimit(const Config& config) {
  return config.memory_limit_bytes != 0 ? config.memory_limit_bytes : DefaultMemoryLimit();
}

std::size_t ConnectionsMax(const Config& config, std::size_t files) {
  return config.connections_max != 0 ? config.connections_max
                                     : std::max<std::size_t>(files / 2, 16);
}

}  // namespace

RingOptions ToRingOptions(const Config::Ring& ring) {
  RingOptions options;
  switch (ring.algorithm) {
    case Config::Ring::Algorithm::kSpanring:
      options.algorithm = RingAlgorithm::kSpanring;
      break;
    case Config::Ring::Algorithm::kCollectorV1:
      options.algorithm = RingAlgorithm::kCollectorV1;
      break;
    case Config::Ring::Algorithm::kCollectorV2:
      options.algorithm = RingAlgorithm::kCollectorV2;
      break;
    case Config::Ring::Algorithm::kCollectorV3:
      options.algorithm = RingAlgorithm::kCollectorV3;
      break;
  }
  options.slots_log2 = ring.slots_log2;
  options.seed = ring.seed;
  return options;
}

Application::Application(Config config, std::string in_force, std::string version)
    : config_(std::move(config)), as_read_(config_), budget_(MemoryLimit(config_)) {
  telemetry_.version = std::move(version);
  telemetry_.config_in_force = std::move(in_force);
  telemetry_.instance = HostName();
  telemetry_.receiver = config_.receiver.id;
  telemetry_.exporter = config_.exporter.id;
  telemetry_.started = Clock::now();
  telemetry_.budget = &budget_;
  telemetry_.reloads.last_success = std::chrono::system_clock::now();
  telemetry_.without_type_suffix = config_.metrics.without_type_suffix;
  telemetry_.without_units = config_.metrics.without_units;
  telemetry_.table = std::make_shared<const RoutingTable>();
}

Application::~Application() {
  verifier_.Stop();  // it posts to the workers
  for (const auto& worker : workers_) worker->Stop();
}

Result<void> Application::Start() {
  files_ = RaiseFileLimit();
  const std::uint32_t count = config_.workers != 0 ? config_.workers : AvailableCpus();
  if (Result<void> loaded = secrets_.Load(config_, Clock::now()); !loaded) return loaded;
  const WorkerOptions options = MakeWorkerOptions();
  WorkerListener& self = *this;
  for (std::uint32_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, budget_, verifier_, options, self));
    telemetry_.workers.push_back(
        {.ledger = &workers_.back()->ledger(),
         .connections = [worker = workers_.back().get()] { return worker->connection_count(); },
         .handshakes = &workers_.back()->handshakes(),
         .backends = {}});
  }
  const Config::Receiver& receiver = config_.receiver;
  if (receiver.has_grpc) {
    if (auto opened = Listen(Face::kGrpc, receiver.endpoint); !opened) return opened;
  }
  if (receiver.http.is_enabled) {
    if (auto opened = Listen(Face::kHttp, receiver.http.endpoint); !opened) return opened;
  }
  if (auto opened = ListenForPeople(); !opened) return opened;

  updater_ = std::make_unique<TableUpdater>(
      control_, ToRingOptions(config_.ring), config_.backend.connect_timeout + milliseconds(200),
      [this](std::shared_ptr<const RoutingTable> table) { Publish(std::move(table)); });
  discovery_ = NewDiscovery();
  for (const auto& worker : workers_) worker->Start();
  discovery_->Start();
  accept_timer_.expires_after(kAcceptLatest);
  accept_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) StartAccepting();
  });
  Beat();
  NotifyServiceManager("READY=1\nSTATUS=serving");
  spdlog::info("spanring {} with {} workers: {}", telemetry_.version, count, Summary());
  return {};
}

// With the ports that were opened: of port 0 the kernel's choice, of the admin port perhaps none.
std::string Application::Summary() const {
  Config opened = config_;
  opened.receiver.endpoint.port = ports_.grpc;
  opened.receiver.http.endpoint.port = ports_.http;
  opened.health.endpoint.port = ports_.health;
  opened.metrics.endpoint.port = ports_.metrics;
  opened.admin.endpoint.port = ports_.admin;
  opened.admin.is_enabled = ports_.admin != 0;
  return Summarize(opened);
}

// Health, metrics and the status page.
Result<void> Application::ListenForPeople() {
  const auto listen = [this](std::unique_ptr<HttpServer>& server, const Config::Address& address,
                             const std::string& name, std::uint16_t& opened,
                             HttpServer::Handler handler) -> Result<void> {
    server = std::make_unique<HttpServer>(control_, std::move(handler));
    const auto port = server->Listen(address.host, address.port);
    if (!port) {
      server.reset();
      return tl::unexpected(Error{name + ": " + port.error().message});
    }
    opened = *port;
    return {};
  };
  if (config_.health.is_enabled) {
    auto opened = listen(health_server_, config_.health.endpoint, "health_check", ports_.health,
                         [this](const HttpQuestion& asked) { return AnswerHealth(asked.path); });
    if (!opened) return opened;
  }
  if (config_.metrics.is_enabled) {
    auto opened = listen(metrics_server_, config_.metrics.endpoint, "metrics", ports_.metrics,
                         [this](const HttpQuestion& asked) { return AnswerMetrics(asked.path); });
    if (!opened) return opened;
  }
  if (config_.admin.is_enabled) {
    auto opened = listen(admin_server_, config_.admin.endpoint, "spanring.admin", ports_.admin,
                         [this](const HttpQuestion& asked) { return AnswerAdmin(asked); });
    if (!opened && !config_.admin.is_default) return opened;
    if (!opened) {
      spdlog::warn("{}; there is no status page (set spanring.admin.endpoint, or enabled: false)",
                   opened.error().message);
    }
  }
  return {};
}

// Both faces together have at most ConnectionsMax(): each counts all of a worker's connections.
Result<void> Application::Listen(Face face, const Config::Address& address) {
  std::vector<ListenerTarget> targets;
  for (const auto& worker : workers_) targets.push_back(worker->Target(face));
  auto listener =
      std::make_unique<Listener>(control_, ConnectionsMax(config_, files_), std::move(targets));
  const auto port = listener->Bind(address.host, address.port);
  if (!port) {
    const std::string name = face == Face::kGrpc ? "OTLP receiver: " : "OTLP/HTTP receiver: ";
    return tl::unexpected(Error{name + port.error().message});
  }
  (face == Face::kGrpc ? ports_.grpc : ports_.http) = *port;
  listeners_.push_back(std::move(listener));
  return {};
}

void Application::StartAccepting() {
  for (const auto& listener : listeners_) listener->StartAccepting();
}

int Application::Run() {
  control_.run();
  return End();
}

// ---- membership --------------------------------------------------------------------------------

void Application::OnBackendState(std::size_t worker, std::string name, bool is_ready) {
  boost::asio::post(control_, [this, worker, name = std::move(name), is_ready] {
    updater_->OnBackendState(worker, name, is_ready);
  });
}

void Application::OnBackends(std::size_t worker, Telemetry::BackendList backends) {
  boost::asio::post(control_, [this, worker, backends = std::move(backends)]() mutable {
    telemetry_.workers[worker].backends = std::move(backends);
  });
}

void Application::Publish(std::shared_ptr<const RoutingTable> table) {
  telemetry_.table = table;
  for (const auto& worker : workers_) worker->SetTable(table);
  if (!table->ring.empty()) StartAccepting();
}

std::unique_ptr<Discovery> Application::NewDiscovery() {
  return std::make_unique<Discovery>(
      control_, config_, telemetry_.resolver,
      [this](std::vector<BackendEndpoint> known) { updater_->SetEndpoints(std::move(known)); });
}

// ---- reload ------------------------------------------------------------------------------------

void Application::Reload(ConfigReport report) {
  boost::asio::post(control_, [this, report = std::move(report)] {
    NotifyReloading();
    TakeReload(report, false);
    NotifyServiceManager("READY=1");
  });
}

void Application::RetryReload(ConfigReport report) {
  boost::asio::post(control_, [this, report = std::move(report)] { TakeReload(report, true); });
}

void Application::TakeReload(const ConfigReport& report, bool is_retry) {
  if (phase_ != Phase::kServing) {
    if (!is_retry) spdlog::warn("reload: ignored, the process is draining");
    return;
  }
  if (is_retry && !has_failed_reload_) return;
  std::string trouble;
  for (const Fault& fault : report.faults) trouble += ToText(fault) + "\n";
  std::optional<ReloadPlan> plan;
  if (report.config) {
    plan = PlanReload(config_, *report.config);
    const Result<void> loaded = secrets_.Load(plan->config, Clock::now());
    if (!loaded) trouble = loaded.error().message;
  }
  const bool is_news = !is_retry || trouble != reload_trouble_;
  reload_trouble_ = trouble;
  has_failed_reload_ = !trouble.empty();
  without_files_.reset();
  if (trouble.empty()) {
    if (is_retry) spdlog::info("reload: what the last one failed for has been put right");
    TakeOver(report, *plan);
    return;
  }
  if (plan && plan->config == config_) without_files_ = report;
  if (is_news) Refuse(report, trouble);
}

void Application::Refuse(const ConfigReport& report, const std::string& trouble) {
  ++telemetry_.reloads.invalid;
  telemetry_.reloads.is_last_good = false;
  for (const Fault& warning : report.warnings) spdlog::warn("reload: {}", ToText(warning));
  for (const Fault& fault : report.faults) spdlog::error("reload: {}", ToText(fault));
  if (report.config) {
    secrets_.CountFailedLoad();
    spdlog::error("reload: {}; the running configuration stays", trouble);
  } else {
    spdlog::error("reload: {} errors; the running configuration stays", report.faults.size());
  }
}

void Application::TakeOver(const ConfigReport& report, const ReloadPlan& plan) {
  ReloadStats& stats = telemetry_.reloads;
  stats.is_last_good = true;
  stats.last_success = std::chrono::system_clock::now();
  telemetry_.config_in_force = report.in_force;
  telemetry_.restart_keys = plan.restart_keys;
  for (const Fault& warning : report.warnings) spdlog::warn("reload: {}", ToText(warning));
  for (const std::string& key : plan.restart_keys) {
    spdlog::warn("reload: {}: a change needs a restart; the old value stays", key);
  }
  const bool is_as_before = *report.config == as_read_;
  as_read_ = *report.config;
  if (plan.is_unchanged || is_as_before) {
    ++stats.unchanged;
    PushOptions();  // the files that it names may have
    spdlog::info("reload: nothing has changed");
    return;
  }
  ++stats.applied;
  Apply(plan.config);
  spdlog::info("reload: {}", Summary());
}

// Files that cannot be used yet are all that keeps a reload from being a good one. What it says is
// in force already, and some of them may have been put right and read by their own watch.
void Application::RetryFiles() {
  if (!without_files_ || ++beats_without_files_ < kRetryFilesAfterBeats) return;
  beats_without_files_ = 0;
  const ConfigReport report = *without_files_;
  TakeReload(report, true);
}

void Application::Apply(const Config& config) {
  const Config former = std::exchange(config_, config);
  SetLogLevel(LogLevelName(config_.log_level));
  SetLogEncoding(config_.log_encoding);
  telemetry_.receiver = config_.receiver.id;
  telemetry_.exporter = config_.exporter.id;
  budget_.SetLimit(MemoryLimit(config_));
  for (const auto& listener : listeners_) {
    listener->SetConnectionsMax(ConnectionsMax(config_, files_));
  }
  telemetry_.without_type_suffix = config_.metrics.without_type_suffix;
  telemetry_.without_units = config_.metrics.without_units;
  PushOptions();
  if (config_.ring != former.ring) {
    updater_->SetRingOptions(ToRingOptions(config_.ring),
                             discovery_->NameFor(config_.ring.algorithm));
  }
  if (!FindsTheSame(config_, former)) {
    discovery_->Stop();
    auto discovery = NewDiscovery();
    discovery->TakeOverFrom(*discovery_);
    discovery_ = std::move(discovery);
    discovery_->Start();
  }
}

WorkerOptions Application::MakeWorkerOptions() const {
  WorkerOptions options = ToWorkerOptions(config_, telemetry_.version);
  secrets_.AddTo(options);
  return options;
}

void Application::PushOptions() {
  const WorkerOptions options = MakeWorkerOptions();
  for (const auto& worker : workers_) worker->SetOptions(options);
}

// ---- health ------------------------------------------------------------------------------------

void Application::Beat() {
  for (const auto& worker : workers_) worker->Ping();
  TrimWhenIdle();
  if (secrets_.Poll(Clock::now())) PushOptions();
  RetryFiles();
  beat_timer_.expires_after(kBeat);
  beat_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Beat();
  });
}

// Once after each busy time: a trim costs milliseconds and takes the allocator's locks. What the
// workers free for it, they have freed a beat later.
void Application::TrimWhenIdle() {
  const std::uint64_t received = SumOf(Ledgers(), &Ledger::requests).received;
  idle_beats_ = received == received_last_beat_ ? idle_beats_ + 1 : 0;
  received_last_beat_ = received;
  if (idle_beats_ == kTrimAfterBeats) {
    ReleaseFreedMemory();
    for (const auto& worker : workers_) worker->DropBuffers();
  } else if (idle_beats_ == kTrimAfterBeats + 1) {
    TrimMemory();
    KeepFreedMemory();
  }
}

bool Application::IsAlive() const {
  const TimePoint now = Clock::now();
  return std::all_of(workers_.begin(), workers_.end(),
                     [now](const auto& worker) { return now - worker->last_sign() < kDeadAfter; });
}

bool Application::IsReady() const {
  return phase_ == Phase::kServing && !telemetry_.table->ring.empty();
}

HttpAnswer Application::AnswerHealth(std::string_view path) const {
  bool is_good = false;
  if (path == config_.health.path || path == "/livez") {
    // Draining fails it too: many charts use this path as their readiness probe.
    is_good = IsAlive() && (path == "/livez" || phase_ == Phase::kServing);
  } else if (path == "/readyz") {
    is_good = IsAlive() && IsReady();
  } else {
    return {.status = 404, .body = "see " + config_.health.path + ", /livez and /readyz\n"};
  }
  const double uptime = std::chrono::duration<double>(Clock::now() - telemetry_.started).count();
  std::string status = is_good ? "Server available" : "Server not available";
  if (!is_good && path == "/readyz" && phase_ == Phase::kServing) status += ": no backend yet";
  return {.status = is_good ? 200U : 503U,
          .content_type = "application/json",
          .body = fmt::format(R"({{"status":"{}","uptime":"{:.3f}s"}})", status, uptime)};
}

HttpAnswer Application::AnswerMetrics(std::string_view path) {
  if (path != "/metrics") return {.status = 404, .body = "see /metrics\n"};
  FillIn();
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = RenderMetrics(telemetry_, Clock::now())};
}

// What is not counted as it happens.
void Application::FillIn() {
  telemetry_.is_ready = IsReady();
  telemetry_.is_draining = phase_ != Phase::kServing;
  telemetry_.tls = secrets_.tls_stats();
}

HttpAnswer Application::AnswerAdmin(const HttpQuestion& question) {
  if (!MayAsk(question.host, config_.admin.allowed_hosts)) return RefuseHost();
  FillIn();
  return AnswerStatus(question, telemetry_, Clock::now());
}

// ---- drain -------------------------------------------------------------------------------------

void Application::RequestDrain() {
  boost::asio::post(control_, [this] {
    if (phase_ == Phase::kServing) {
      NextPhase();
      return;
    }
    spdlog::warn("draining: cut short by a further signal");
    CutOff();
  });
}

void Application::NextPhase() {
  switch (phase_) {
    case Phase::kServing:
      phase_ = Phase::kAnnounced;
      NotifyServiceManager("STOPPING=1\nSTATUS=draining");
      spdlog::info("draining: not ready; still serving for {} ms", config_.drain.delay.count());
      for (const auto& worker : workers_) worker->SetServing(false);
      Wait(config_.drain.delay);
      return;
    case Phase::kAnnounced:
      phase_ = Phase::kLeaving;
      spdlog::info("draining: listeners closed, clients asked to leave");
      discovery_->Stop();
      for (const auto& listener : listeners_) listener->Close();
      for (const auto& worker : workers_) worker->AnnounceShutDown();
      Wait(kGoawayGap);
      return;
    case Phase::kLeaving:
      phase_ = Phase::kEnding;
      for (const auto& worker : workers_) worker->ShutDownConnections();
      WaitForRequests(Clock::now() + config_.drain.timeout);
      return;
    case Phase::kEnding:
      return;
  }
}

void Application::Wait(milliseconds delay) {
  drain_timer_.expires_after(delay);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) NextPhase();
  });
}

void Application::WaitForRequests(TimePoint until) {
  std::size_t connections = 0;
  for (const auto& worker : workers_) connections += worker->connection_count();
  if (connections == 0 && SumOf(Ledgers(), &Ledger::requests).in_flight == 0) {
    control_.stop();
    return;
  }
  if (Clock::now() >= until) {
    CutOff();
    return;
  }
  drain_timer_.expires_after(kDrainPoll);
  drain_timer_.async_wait([this, until](const boost::system::error_code& error) {
    if (!error) WaitForRequests(until);
  });
}

void Application::CutOff() {
  is_cut_off_ = true;
  control_.stop();
}

std::vector<const Ledger*> Application::Ledgers() const {
  std::vector<const Ledger*> ledgers;
  for (const auto& worker : workers_) ledgers.push_back(&worker->ledger());
  return ledgers;
}

int Application::End() {
  for (const auto& worker : workers_) worker->Stop();
  const ClosingSum requests = SumOf(Ledgers(), &Ledger::requests);
  const ClosingSum spans = SumOf(Ledgers(), &Ledger::spans);
  spdlog::info("spans: {}", spans.Text());
  if (requests.Closes(is_cut_off_) && spans.Closes(is_cut_off_)) return 0;
  spdlog::error("the ledger does not close; requests: {}", requests.Text());
  return 2;
}

}  // namespace router
