// RunningRouter: one spanring process with backends behind it, as an integration test wants it.
//
// Thread safety: one thread, the one that started it.
// Ownership: borrows nothing; the destructor kills the process if it still runs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/base/result.h"
#include "tests/support/http_get.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace router::test {

// One column of the ledger, spans or requests, as /metrics shows it.
struct LedgerSample {
  double received = 0;
  double forwarded = 0;
  double suppressed = 0;
  double rejected = 0;
  double refused = 0;
  double cancelled = 0;
  double in_flight = 0;

  double Missing() const {
    return received - forwarded - suppressed - rejected - refused - cancelled - in_flight;
  }
};

class RunningRouter {
 public:
  struct Options {
    std::vector<std::string> backends = {};  // "address:port", for the static resolver
    std::string dns_resolver = {};           // instead of it: the keys of resolver.dns
    std::string kubernetes_resolver = {};    // instead of both: the keys of resolver.k8s
    std::string grpc_settings = {};  // more keys of receivers.otlp.protocols.grpc: "key: value, …"
    bool has_grpc = true;
    std::string http_settings = {};               // more keys of receivers.otlp.protocols.http
    std::string exporter_tls = "insecure: true";  // keys of its tls block
    std::string exporter_settings = {};       // more keys of exporters.loadbalancing.protocol.otlp
    std::string extension = {};               // one more extension that is started: "id: {…}"
    std::string spanring_settings = {};       // keys of the block `spanring`
    std::vector<std::string> arguments = {};  // of the command line, after --config
    bool wait_until_ready = true;
  };

  // A settings text is "key: value, …", as between braces in YAML.
  // Aborts the test program with spanring's log when it does not start.
  explicit RunningRouter(Options options);
  RunningRouter(const RunningRouter&) = delete;
  RunningRouter& operator=(const RunningRouter&) = delete;

  // The file it would read for these options, on its own ports.
  std::string ConfigText(const Options& options) const;
  // Puts the file in the place of the present one; nobody is told.
  void WriteConfig(const std::string& text);
  // Writes the file and sends SIGHUP. True when it was counted with that outcome before the
  // deadline.
  bool Reload(const std::string& text, const std::string& outcome,
              std::chrono::milliseconds deadline);
  // SIGTERM, and a new process with the same file. The exit code of the old one, and all it
  // printed; nothing at the deadline.
  std::optional<int> Restart(std::chrono::milliseconds deadline, std::string* log);
  // Where the configuration file is.
  std::string config_path() const { return config_path_; }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(otlp_port_); }
  std::uint16_t http_port() const { return http_port_; }
  Process& process() { return *process_; }
  // A page of the health listener, or of the metrics listener.
  Result<HttpReply> GetHealth(const std::string& path) const;
  Samples Scrape() const;
  LedgerSample Spans() const { return ReadLedger("spans"); }
  LedgerSample Requests() const { return ReadLedger("requests"); }
  // Polls; false at the deadline, or when the process has ended.
  bool WaitUntil(const std::function<bool()>& condition, std::chrono::milliseconds deadline);
  // Until the ring has that many members.
  bool WaitForMembers(std::size_t count, std::chrono::milliseconds deadline);
  // Until nothing is in flight.
  bool WaitUntilIdle(std::chrono::milliseconds deadline);
  std::uint64_t ResidentBytes() const;

 private:
  void Start();
  void WaitUntilReady();
  LedgerSample ReadLedger(const std::string& column) const;
  [[noreturn]] void Abort(const std::string& reason) const;

  ScratchDirectory scratch_;
  std::string config_path_;
  std::vector<std::string> command_;
  std::uint16_t otlp_port_ = 0;
  std::uint16_t http_port_ = 0;
  std::uint16_t health_port_ = 0;
  std::uint16_t metrics_port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace router::test
